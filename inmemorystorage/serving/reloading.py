"""Keep the files in memory when the autoreloader restarts the development server."""

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

from ..transfer import dump_files, load_files

# The directory through which one server passes its files to the next. It is an environment variable
# because the process that starts the servers is not the one that has the files.
_ENVIRONMENT = "INMEMORYSTORAGE_HANDOVER"


def keep_files(warn: Callable[[str], object]) -> None:
    """
    Keep the files of in-memory storages when the autoreloader restarts the server.

    Each process calls this. The first one, which starts the servers, creates a directory that only
    this user can enter, and removes it when it exits. Each server loads the files of the previous
    one, and dumps its own before it is restarted.

    :param warn: called with the reason if files are lost.
    """
    if os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":
        directory = tempfile.mkdtemp(prefix="inmemorystorage-handover-")
        os.environ[_ENVIRONMENT] = directory
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    elif _ENVIRONMENT in os.environ:
        path = Path(os.environ[_ENVIRONMENT], "files")
        _load(path, warn)
        _dump_before_reload(path, warn)
    else:  # Django's own runserver started this one
        warn(
            "Files in memory will not be kept when code changes, because the project could not be "
            "loaded when runserver was started. Restart runserver to keep them."
        )


def _dump_before_reload(path: Path, warn: Callable[[str], object]) -> None:
    trigger_reload: Any = autoreload.trigger_reload

    def dump_and_reload(filename: str) -> None:
        _dump(path, warn)
        trigger_reload(filename)

    # Django sends no signal before it exits to reload.
    autoreload.trigger_reload = dump_and_reload


def _load(path: Path, warn: Callable[[str], object]) -> None:
    with _warn_of_errors(warn), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        path.unlink()  # a file that cannot be loaded is not loaded again
        load_files(file)


def _dump(path: Path, warn: Callable[[str], object]) -> None:
    part = path.with_suffix(".part")
    with _warn_of_errors(warn):
        part.unlink(missing_ok=True)  # of a dump that failed
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            dump_files(file)
        part.replace(path)


@contextlib.contextmanager
def _warn_of_errors(warn: Callable[[str], object]) -> Iterator[None]:
    """Warn instead of raising: the server runs without the files too."""
    try:
        yield
    except Exception as error:
        warn(f"The files in memory could not be kept: {type(error).__name__}: {error}")
