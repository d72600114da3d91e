"""The outcome of an operation, comparable between two storages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatch
from typing import Any

from django.core.files import File

from inmemorystorage.testing import deterministic_names


@dataclass(frozen=True)
class Outcome:
    """A result, or the class and errno of an error, with the error itself."""

    answer: Any = None
    raised: tuple[str, int | None] | None = None
    error: Exception | None = field(default=None, compare=False)


@singledispatch
def describe(value: Any) -> Any:
    """Return what must be equal on both sides: the value and its type."""
    return type(value).__name__, value


@describe.register
def _(value: tuple) -> Any:
    return tuple(map(describe, value))


@describe.register
def _(value: datetime) -> Any:
    return "datetime", value.tzinfo


@describe.register
def _(value: File) -> Any:
    return "file", value.name, getattr(value, "mode", None), value.closed


def standard_class(error: BaseException) -> str:
    """Return the nearest class of an error that Python or Django defines."""
    classes = type(error).__mro__
    return next(c.__name__ for c in classes if not c.__module__.startswith("inmemorystorage"))


def outcome(operation: Callable[..., Any], *arguments: Any) -> Outcome:
    """Return the outcome of an operation, with the same random suffixes every time."""
    with deterministic_names(0):
        try:
            return Outcome(describe(operation(*arguments)))
        except Exception as error:
            raised = standard_class(error), getattr(error, "errno", None)
            return Outcome(raised=raised, error=error)
