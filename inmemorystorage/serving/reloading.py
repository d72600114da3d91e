"""The files of a development server kept while the autoreloader starts it anew."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.utils import autoreload

from ..handover import hand_over, take_over

# The directory in which the servers, one after the other, leave their files; by the environment,
# since the process that starts them is not the one that has the files.
_ENVIRONMENT = "INMEMORYSTORAGE_HANDOVER"


def keep_files(warn: Callable[[str], object]) -> None:
    """
    Have the files of the storages in memory live on when the autoreloader starts the server anew.

    Called in each process: the first, which starts the servers, makes a directory that only this
    user can enter, and removes it at its end; each server takes over what the one before left,
    and leaves its own when it is to be started anew.

    :param warn: told why files are lost, where they are.
    """
    if os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":
        directory = tempfile.mkdtemp(prefix="inmemorystorage-handover-")
        os.environ[_ENVIRONMENT] = directory
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    elif _ENVIRONMENT in os.environ:
        path = Path(os.environ[_ENVIRONMENT], "files")
        _arrive(path, warn)
        _leave_before_reload(path, warn)
    else:  # Django's own runserver started this one
        warn(
            "Files in memory will not be kept when code changes, since the project could not be "
            "loaded when runserver was started. Start it again to have them kept."
        )


def _leave_before_reload(path: Path, warn: Callable[[str], object]) -> None:
    trigger_reload: Any = autoreload.trigger_reload

    def leave_and_reload(filename: str) -> None:
        _leave(path, warn)
        trigger_reload(filename)

    # No signal says that the process is going to end for this reason, and not for another one.
    autoreload.trigger_reload = leave_and_reload


def _arrive(path: Path, warn: Callable[[str], object]) -> None:
    with _telling(warn), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        path.unlink()  # once is enough, whatever comes of it
        take_over(file)


def _leave(path: Path, warn: Callable[[str], object]) -> None:
    part = path.with_suffix(".part")
    with _telling(warn):
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            hand_over(file)
        part.replace(path)


@contextlib.contextmanager
def _telling(warn: Callable[[str], object]) -> Iterator[None]:
    """Have nothing fail for files that cannot be kept: the server is what matters."""
    try:
        yield
    except Exception as error:
        warn(f"The files in memory could not be kept: {type(error).__name__}: {error}")
