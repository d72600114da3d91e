"""Checks of the names that a storage generates."""

from __future__ import annotations

import re

from django.core.exceptions import SuspiciousFileOperation

from . import sources
from .catalog import check
from .workspace import Workspace, expect, expect_equal, expect_raises


@check(sources.VALID_NAME)
def valid_name_can_be_saved(space: Workspace) -> None:
    """save() keeps a name that get_valid_name() returned."""
    for name in ("a photo (1).jpg", "été 100%?.txt", "日本語.png"):
        valid = space.storage.get_valid_name(name)
        expect_equal(space.save(valid), valid, "the name")


@check(sources.GENERATED_NAME)
def generated_name_keeps_its_directory(space: Workspace) -> None:
    """generate_filename() cleans the last component, and keeps the directories before it."""
    generate, clean = space.storage.generate_filename, space.storage.get_valid_name
    expect_equal(generate("d e/f/a b.txt"), f"d e/f/{clean('a b.txt')}", "the name")


@check(sources.TRAVERSAL)
def generated_name_stays_inside(space: Workspace) -> None:
    """generate_filename() refuses a name that leads out of the storage."""
    for name in ("../a", "d/../a", "d/..", "d\\..\\a"):
        with expect_raises(SuspiciousFileOperation, f"generate_filename({name!r})"):
            space.storage.generate_filename(name)


@check(sources.AVAILABLE_NAME)
def free_name_is_available(space: Workspace) -> None:
    """get_available_name() returns a free name unchanged, and does not reserve it."""
    for _ in range(2):
        name = space.storage.get_available_name(space.name("d/a.txt"))
        expect_equal(space.relative(name), "d/a.txt", "the name")


@check(sources.AVAILABLE_NAME, lacks=("overwrites",))
def taken_name_is_not_available(space: Workspace) -> None:
    """get_available_name() returns another name, in the same directory, for a taken one."""
    taken = space.save("d/a.txt")
    other = space.relative(space.storage.get_available_name(space.name(taken)))
    expect(other != taken, f"get_available_name() returned {taken!r}, which is taken")
    expect(re.fullmatch(r"d/[^/]*\.txt", other), f"{other!r} is not like d/a.txt")


@check(sources.MAX_LENGTH, lacks=("overwrites",))
def alternative_name_keeps_max_length(space: Workspace) -> None:
    """get_available_name() shortens the alternative of a taken name too."""
    taken = space.name(space.save("abcdefghijk.t"))
    name = space.storage.get_available_name(taken, max_length=len(taken))
    extra = len(name) - len(taken)
    expect(extra <= 0, f"the name has {extra} characters too many: {name!r}")


@check(sources.NO_NAME, lacks=("overwrites",))
def too_short_max_length_is_refused(space: Workspace) -> None:
    """get_available_name() raises if max_length leaves no room for an alternative name."""
    taken = space.name(space.save("a.txt"))
    with expect_raises(SuspiciousFileOperation, "get_available_name()"):
        space.storage.get_available_name(taken, max_length=space.length(10))


@check(sources.ALTERNATIVE_NAME, lacks=("overwrites",))
def alternative_name_is_random(space: Workspace) -> None:
    """get_alternative_name() adds an underscore and seven random characters to the name."""
    names = {space.storage.get_alternative_name("d/a", ".txt") for _ in range(3)}
    for name in names:
        expect(re.fullmatch(r"d/a_[A-Za-z0-9]{7}\.txt", name), f"it returned {name!r}")
    expect_equal(len(names), 3, "the number of different names of three")
