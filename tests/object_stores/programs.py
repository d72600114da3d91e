"""Random programs: the same operations on two storages, with the same outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import strategies as st

weekly = pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "weekly", reason="it is compared in tox run -m weekly"
)
# What is called, with the text that shows it in a failure.
Operation = tuple[str, Callable[[Any], Any]]
# A function, and strategies of its arguments: of each by position, or of a dict by name.
Row = tuple[Any, ...]


def programs(table: Mapping[str, Row]) -> st.SearchStrategy[list[Operation]]:
    """
    Return a strategy of programs of 40 operations on average, from the rows of a table.

    25 programs, as the gate runs them, are 1000 operations. Each step may be left out, so that a
    failing program shrinks to the steps that matter.
    """
    steps = st.lists(st.none() | operations(table), min_size=22, max_size=66)
    return steps.map(lambda program: [each for each in program if each is not None])


def operations(table: Mapping[str, Row]) -> st.SearchStrategy[Operation]:
    """Return a strategy of the operations of a table."""
    return st.one_of(*(_operation(name, *row) for name, row in table.items()))


def _operation(name: str, function: Any, *arguments: Any) -> st.SearchStrategy[Operation]:
    if arguments and isinstance(arguments[0], dict):
        return st.fixed_dictionaries(arguments[0]).map(
            lambda sent: (f"{name}({sent})", lambda side: function(side, **sent))
        )
    return st.tuples(*arguments).map(
        lambda sent: (f"{name}{sent}", lambda side: function(side, *sent))
    )


# The storage API.

NAMES = st.sampled_from(["a", "a/b", "dir/b.txt", "dir/c.css", "dir/", "ü &<.txt", "", "no/../a"])
CONTENTS = st.sampled_from([b"", b"hello", b"0123456789" * 300, bytes(range(256))])


def storage_api(names: st.SearchStrategy[str] = NAMES) -> dict[str, Row]:
    """Return the operations of the storage API on names."""
    return {
        "save": (_save, names, CONTENTS),
        "read": (read, names, st.sampled_from(["rb", "r"])),
        "write": (write, names, CONTENTS),
        "delete": (lambda side, name: side.storage.delete(name), names),
        "exists": (lambda side, name: side.storage.exists(name), names),
        "size": (lambda side, name: side.storage.size(name), names),
        "listdir": (lambda side, name: side.storage.listdir(name), names),
        "get_modified_time": (lambda side, name: side.storage.get_modified_time(name), names),
        "get_created_time": (lambda side, name: side.storage.get_created_time(name), names),
        "path": (lambda side, name: side.storage.path(name), names),
        "get_available_name": (lambda side, name: side.storage.get_available_name(name), names),
    }


def _save(side: Any, name: str, content: bytes) -> Any:
    return side.storage.save(name, ContentFile(content))


def read(side: Any, name: str, mode: str) -> Any:
    """Return what a file has, also after it is closed, when the storages' files open again."""
    file = side.storage.open(name, mode)
    first = file.read(2)
    rest = file.read()
    file.close()
    again = file.read()
    file.close()
    return first, rest, file.size, file.closed, again


def write(side: Any, name: str, content: bytes, mode: str = "wb") -> None:
    """Write a file in two pieces, and an empty one in none."""
    with side.storage.open(name, mode) as file:
        if content:
            file.write(content[:2])
            file.write(content[2:])
