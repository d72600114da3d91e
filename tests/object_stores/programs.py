"""Random programs: the same operations on two storages, with the same outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
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
