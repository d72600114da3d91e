"""Hints in the report of a test that failed because its files are in a private directory."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import traceback
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from .floor import Floor
from .paths import is_path
from .places import owner_of
from .project_files import OPTION
from .tools import attribute

NOT_LOADED = (
    "{path} exists, but tests run on a private directory, which begins with the files of the "
    f"project that git tracks. Name the others that tests need in {OPTION}: all, or patterns."
)
BY_HAND = (
    "{path} is a real path of the project, but tests run on a private directory. Take its path "
    "from settings.MEDIA_ROOT or storage.path()."
)
_HAS_NOTES = hasattr(BaseException, "add_note")  # Python 3.11


def hints(error: BaseException) -> list[str]:
    """Return sentences about the paths in an error, and in the locals of its traceback."""
    floor = Floor.current
    if floor is None:
        return []
    found: dict[str, None] = {}
    for each in _chain(error):
        for path in _filenames(each):
            if floor.holds(path) and os.path.lexists(floor.named(path)):
                found[NOT_LOADED.format(path=floor.named(path))] = None
        for path in (*_filenames(each), *_in_text(each, floor), *_locals(each)):
            if floor.is_on(path):
                found[BY_HAND.format(path=path)] = None
    return [*found]


def add_hints(error: BaseException) -> None:
    """Add the hints to an error that will be reported."""
    for hint in hints(error):
        if _HAS_NOTES:
            error.add_note(hint)
        elif isinstance(error, OSError):
            error.strerror = f"{error.strerror}. {hint}"
        else:
            error.args = (f"{_text_of(error)}\n{hint}",)


@contextlib.contextmanager
def hinting(result: unittest.TestResult) -> Iterator[None]:
    """Add the hints to each error that is reported to a result."""
    with contextlib.ExitStack() as stack:
        for name in ("addError", "addFailure", "addSubTest"):
            report = functools.partial(_report, getattr(result, name))
            stack.enter_context(attribute(result, name, report))
        yield


def _report(proceed: Callable[..., None], *args: Any) -> None:
    *_, error = args
    if error is not None:
        add_hints(error[1])
    proceed(*args)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _filenames(error: BaseException) -> Iterator[str]:
    """Yield the path that does not exist."""
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, (str, os.PathLike)):
        yield os.fspath(error.filename)


def _in_text(error: BaseException, floor: Floor) -> Iterator[str]:
    """Yield the real paths of moved directories in the text of an error."""
    text = _text_of(error)
    for directory in floor.moved_directories:
        # A private path ends with the real one, and is skipped.
        for found in re.finditer(rf"{re.escape(directory)}(?:[/\\][^\s'\":]*)?(?![\w-])", text):
            if not text[: found.start()].endswith(floor.root):
                yield found[0]


def _text_of(error: BaseException) -> str:
    with contextlib.suppress(Exception):  # reports of tests show such an error, too
        return str(error)
    return ""


def _locals(error: BaseException) -> Iterator[str]:
    """Yield the paths in variables of the project's functions, and in attributes of ``self``."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if owner_of(frame.f_code.co_filename) != "project":
            continue
        attributes: dict[str, Any] = getattr(frame.f_locals.get("self"), "__dict__", {})
        for value in (*attributes.values(), *frame.f_locals.values()):
            if is_path(value) and os.path.isabs(value):
                yield str(value)
