"""What a check is: a name, a sentence, and the line of Django's documentation that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from types import ModuleType

from .workspace import Workspace

DOCUMENTATION = "https://docs.djangoproject.com/en/stable/"


@dataclass(frozen=True)
class Source:
    """
    A line of Django's documentation.

    :param page: the page, as in its URL.
    :param section: the anchor of the section.
    :param line: the line, without markup.
    """

    page: str
    section: str
    line: str

    @property
    def url(self) -> str:
        """Return the URL of the section."""
        return f"{DOCUMENTATION}{self.page}/#{self.section}"


@dataclass(frozen=True)
class Check:
    """
    A check of a storage.

    :param name: unique among all checks.
    :param sentence: what a storage does that passes.
    :param source: the line of Django's documentation that says so, or the nearest one.
    :param run: takes a workspace, and raises if the storage fails.
    :param needs: the capabilities that a storage must have; without them the check is skipped.
    :param lacks: the capabilities that a storage must not have.
    :param thorough: whether it runs in thorough mode alone.
    :param outside: whether a storage that fails may save files outside of the check's directory.
    """

    name: str
    sentence: str
    source: Source
    run: Callable[[Workspace], None]
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    thorough: bool = False
    outside: bool = False


def check(
    source: Source,
    *needs: str,
    lacks: tuple[str, ...] = (),
    thorough: bool = False,
    outside: bool = False,
) -> Callable[[Callable[[Workspace], None]], Check]:
    """Make a check of a function: its name is the function's, its sentence the docstring."""

    def make(run: Callable[[Workspace], None]) -> Check:
        return Check(run.__name__, str(getdoc(run)), source, run, needs, lacks, thorough, outside)

    return make


def checks_of(module: ModuleType) -> list[Check]:
    """Return the checks that a module defines, in order."""
    # isinstance() would set up the settings, where a module has them.
    return [each for each in vars(module).values() if type(each) is Check]
