"""Random operations on a storage, compared with a dict of its files. It needs Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .workspace import Workspace, expect, expect_equal, expect_raises, new_directory

NAMES = st.sampled_from(["a", "a.txt", "b c", "d/a", "d/b.tar.gz", "d/e/a", "é/日"])
CONTENTS = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"one\r\ntwo\n", b"0123456789" * 900, b"x" * 70_000]),
)
NUMBERS = st.integers(0, 99)


Function = TypeVar("Function", bound=Callable[..., Any])


def needs(*capabilities: str) -> Callable[[Function], Function]:
    """Return a decorator of a rule that needs a file, and capabilities of the storage."""

    def is_met(machine: ModelMachine) -> bool:
        return bool(machine.files) and all(map(machine.space.has, capabilities))

    return precondition(is_met)


class ModelMachine(RuleBasedStateMachine):
    """
    The operations of a storage, each compared with a dict of the files.

    :cvar outer: the workspace of the check; each example has its own workspace.
    """

    outer: Workspace

    def __init__(self) -> None:
        super().__init__()
        outer = self.outer
        directory = new_directory(outer.directory)
        self.space = Workspace(outer.storage, outer.leave_thread, directory, outer.has)
        self.files: dict[str, bytes] = {}

    def teardown(self) -> None:
        """Read each file once more, and delete all."""
        try:
            for name, content in self.files.items():
                expect(self.space.read(name) == content, f"the content of {name!r} changed")
        finally:
            self.space.clean()

    def pick(self, number: int) -> str:
        """Return the name of a file."""
        return sorted(self.files)[number % len(self.files)]

    @rule(name=NAMES, content=CONTENTS)
    def save(self, name: str, content: bytes) -> None:
        """Save under a name, which may be taken."""
        saved = self.space.save(name, content)
        if self.space.has("overwrites") or name not in self.files:
            expect_equal(saved, name, "the name that save() returns")
        else:
            expect(saved not in self.files, f"save() returns {saved!r}, which is taken")
        self.files[saved] = content

    @needs()
    @rule(number=NUMBERS)
    def read(self, number: int) -> None:
        """Read a file."""
        name = self.pick(number)
        expect_equal(self.space.read(name), self.files[name], f"the content of {name!r}")

    @rule(name=NAMES)
    def read_missing(self, name: str) -> None:
        """Open a name that may be missing."""
        if name in self.files:
            return self.space.open(name).close()
        with expect_raises(FileNotFoundError, f"open({name!r})"):
            self.space.read(name)

    @rule(name=NAMES)
    def exists(self, name: str) -> None:
        """Ask whether a name exists."""
        expect_equal(self.space.exists(name), name in self.files, f"exists({name!r})")

    @needs("sizes")
    @rule(number=NUMBERS)
    def size(self, number: int) -> None:
        """Ask for the size of a file."""
        name = self.pick(number)
        size = self.space.storage.size(self.space.name(name))
        expect_equal(size, len(self.files[name]), f"size({name!r})")

    @needs("lists")
    @rule(number=NUMBERS)
    def list(self, number: int) -> None:
        """List the directory of a file; empty directories may be listed too."""
        directory = self.pick(number).rpartition("/")[0]
        prefix = directory and f"{directory}/"
        below = [name[len(prefix) :] for name in self.files if name.startswith(prefix)]
        directories, files = self.space.listdir(directory)
        expect_equal(files, sorted(name for name in below if "/" not in name), "the files")
        missing = {name.partition("/")[0] for name in below if "/" in name} - {*directories}
        expect(not missing, f"listdir({directory!r}) lacks the directories {missing}")

    @needs("deletes")
    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        """Delete a file."""
        name = self.pick(number)
        self.space.delete(name)
        del self.files[name]
        expect(not self.space.exists(name), f"exists({name!r}) after delete()")

    @needs("writes")
    @rule(number=NUMBERS, content=CONTENTS)
    def write(self, number: int, content: bytes) -> None:
        """Replace the content of a file through a handle."""
        hypothesis.assume(content)  # some storages write nothing if nothing is written
        name = self.pick(number)
        self.space.write(name, content)
        self.files[name] = content

    @needs("modes")
    @rule(number=NUMBERS, content=CONTENTS)
    def append(self, number: int, content: bytes) -> None:
        """Append to a file."""
        name = self.pick(number)
        self.space.write(name, content, "ab")
        self.files[name] += content

    @needs("modes")
    @rule(number=NUMBERS, content=CONTENTS, offset=st.integers(0, 30))
    def update(self, number: int, content: bytes, offset: int) -> None:
        """Write in the middle of a file, or after its end."""
        hypothesis.assume(content)  # nothing fills no gap
        name = self.pick(number)
        with self.space.open(name, "rb+") as file:
            file.seek(offset)
            file.write(content)
        old = self.files[name].ljust(offset, b"\0")
        self.files[name] = old[:offset] + content + old[offset + len(content) :]

    @needs("ranges")
    @rule(number=NUMBERS, offset=st.integers(0, 30), size=st.integers(0, 9_000))
    def read_range(self, number: int, offset: int, size: int) -> None:
        """Read a part of a file."""
        name = self.pick(number)
        with self.space.open(name) as file:
            file.seek(offset)
            part = file.read(size)
        expect_equal(part, self.files[name][offset : offset + size], f"a part of {name!r}")


def compare_with_model(space: Workspace) -> None:
    """Run the machine with as many examples as Hypothesis's current profile says."""
    run_state_machine_as_test(
        type("Machine", (ModelMachine,), {"outer": space}),
        settings=hypothesis.settings(
            stateful_step_count=20,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
