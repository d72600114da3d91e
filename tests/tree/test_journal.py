"""Savepoints: what is undone, in the objects that everybody holds."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.core.files.base import ContentFile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inmemorystorage import InMemoryDir, InMemoryStorage
from inmemorystorage.tree.journal import Journal, Note, Savepoint
from inmemorystorage.tree.nodes import InMemoryNode

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/a"])
DIRECTORIES = st.sampled_from(["d", "d/e", "f"])
CONTENTS = st.binary(max_size=20)


def state(node: InMemoryNode) -> Any:
    """Return all that there is to a node, and itself: it must be the same object afterwards."""
    times = node.created, node.accessed, node.modified, node.changed
    inside: Any = getattr(node, "content", None)
    if isinstance(node, InMemoryDir):
        inside = [state(child) for child in node.children.values()]  # in their order
    return id(node), node.name, node.parent and id(node.parent), times, inside


def make(name: str = "") -> InMemoryStorage:
    """Return a storage with a few files in it."""
    options: dict[str, dict[str, Any]] = {
        "": {},
        "limited": {"max_size": 100},
        "lending": {"behaves_like": "filesystem", "lend_paths": True, "location": "/lending"},
    }
    storage = InMemoryStorage(**options[name])
    for file in ("a", "d/a"):
        storage.save(file, ContentFile(file.encode()))
    return storage


def write(storage: InMemoryStorage, name: str, content: bytes, mode: str = "wb") -> None:
    """Write through a handle."""
    with storage.open(name, mode) as file:
        file.write(content)


class JournalMachine(RuleBasedStateMachine):
    """Change files at random, inside savepoints that are rolled back in any order."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.outermost = Savepoint()
        self.storage = make(self.kind)
        self.top = self.storage.filesystem
        self.levels: list[tuple[Savepoint, Any, int]] = []
        self.nodes: dict[int, InMemoryNode] = {}

    def teardown(self) -> None:
        """Leave nothing open."""
        for savepoint, before, used in reversed(self.levels):
            savepoint.rollback()
            self.same(before, used)
        self.outermost.rollback()

    def same(self, before: Any, used: int) -> None:
        """Require all to be as it was."""
        assert state(self.top) == before
        assert self.used() == used

    def used(self) -> int:
        """Return the bytes that count against the limit of the storage, if it has one."""
        return sum(quota.used for quota in self.top.quotas or ())

    @rule()
    def begin(self) -> None:
        """Begin a level; first let all that was done to lent paths be seen."""
        self.storage.tree()
        self.levels.append((Savepoint(), state(self.top), self.used()))

    @precondition(lambda self: self.levels)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Roll back to some level; those inside it end with it, and have no effect later."""
        depth = data.draw(st.integers(0, len(self.levels) - 1))
        inner = self.levels[depth:]
        del self.levels[depth:]
        savepoint, before, used = inner[0]
        savepoint.rollback()
        self.same(before, used)
        inner[-1][0].rollback()
        self.same(before, used)

    @rule(name=NAMES, content=CONTENTS)
    def save(self, name: str, content: bytes) -> None:
        """Save a file, under another name where that one is taken."""
        self.attempt(lambda: self.storage.save(name, ContentFile(content)))

    @rule(name=NAMES, content=CONTENTS, mode=st.sampled_from(["wb", "ab", "r+b", "xb"]))
    def write(self, name: str, content: bytes, mode: str) -> None:
        """Write through a handle."""
        self.attempt(lambda: write(self.storage, name, content, mode))

    @rule(name=NAMES)
    def read(self, name: str) -> None:
        """Read, which changes a time."""
        self.attempt(lambda: self.storage.open(name).read())

    @rule(name=st.one_of(NAMES, DIRECTORIES))
    def delete(self, name: str) -> None:
        """Delete a file, or a directory with all that is in it."""
        self.attempt(lambda: self.storage.delete(name))

    @rule(source=NAMES, destination=NAMES)
    def move(self, source: str, destination: str) -> None:
        """Move a node by hand, also over another."""

        def move() -> None:
            node: Any = self.top.resolve(source)
            directory: Any = self.top.resolve(os.path.dirname(destination))
            node.parent.unlink(node.name)
            directory.add_child(os.path.basename(destination), node)

        self.attempt(move)

    @rule(name=NAMES, content=CONTENTS)
    def write_at_its_path(self, name: str, content: bytes) -> None:
        """Write to the path that is lent, behind the storage's back."""
        if self.kind == "lending":
            self.attempt(lambda: Path(self.storage.path(name)).write_bytes(content))

    def attempt(self, operation: Any) -> None:
        """Do something, which a disk may refuse; what went before is undone all the same."""
        with contextlib.suppress(OSError):
            operation()

    @invariant()
    def is_sound(self) -> None:
        """Each node knows where it is, and the limit counts what is there."""
        check(self.top)
        if self.kind == "limited":
            assert self.used() == sum(map(len, contents(self.top)))


def check(directory: InMemoryDir) -> None:
    """Require that each node below a directory names it as its parent."""
    for name, node in directory.children.items():
        assert (node.name, node.parent) == (name, directory)
        if isinstance(node, InMemoryDir):
            check(node)


def contents(node: InMemoryNode) -> Iterator[bytes]:
    """Yield the contents of all files."""
    for child in node.children.values():
        yield from contents(child)
    if not isinstance(node, InMemoryDir):
        yield node.content  # type: ignore[attr-defined]


@pytest.mark.hypothesis
@pytest.mark.parametrize("kind", ["", "limited", "lending"])
def test_all_is_undone(kind: str) -> None:
    """Whatever happened, in whatever levels, all is as it was: contents, times, objects, room."""
    machine = type(f"JournalMachine_{kind}", (JournalMachine,), {"kind": kind})
    hypothesis.stateful.run_state_machine_as_test(
        machine, settings=hypothesis.settings(stateful_step_count=30, database=None)
    )


def test_lent_paths_are_undone() -> None:
    """What is at a path that was lent before is what the tree has again."""
    with_path = make("lending")
    kept, changed = with_path.path("a"), with_path.path("d/a")
    savepoint = Savepoint()
    with_path.delete("a")
    Path(changed).write_text("changed behind the storage's back")
    Path(with_path.path("new")).write_text("new")
    savepoint.rollback()
    assert [Path(path).read_text() for path in (kept, changed)] == ["a", "d/a"]
    assert not os.path.exists(with_path.path("new"))
    assert not with_path.exists("new")


def test_a_location_is_there_again() -> None:
    """A storage whose location was made inside makes it again."""
    storage = InMemoryStorage(location="/made/inside", behaves_like="filesystem")
    savepoint = Savepoint()
    assert storage.exists("")
    savepoint.rollback()
    assert storage.exists("")


def test_handles_stay_valid() -> None:
    """A handle that was opened before reads what is there again."""
    storage = make()
    with storage.open("a") as file:
        savepoint = Savepoint()
        write(storage, "a", b"changed")
        savepoint.rollback()
        assert file.read() == b"a"


def test_nothing_is_noted_without_a_savepoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no savepoint is open changes are not noted, and stay."""
    monkeypatch.setattr(Journal, "open", [])
    monkeypatch.setattr(Journal, "savepoint", None)
    storage = make()
    savepoint = Savepoint()
    savepoint.rollback()
    released = Savepoint()
    released.release()
    storage.save("b", ContentFile(b"b"))
    savepoint.rollback()
    assert storage.exists("b")
    assert not savepoint.before and not released.before


def test_a_note_apart_from_the_levels() -> None:
    """What a note has recorded survives the levels that are open, until the note is undone."""
    storage = make()
    inner = Savepoint()
    storage.save("of-the-level", ContentFile(b""))
    note = Note()
    with note.recording():
        storage.save("of-the-note", ContentFile(b""))
        storage.delete("a")
    inner.rollback()
    assert storage.listdir("") == (["d"], ["of-the-note"])
    note.undo()
    assert storage.listdir("") == (["d"], ["a"])


def test_a_note_ends_when_its_boundary_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """recording() ends although what has to be finished before raises."""

    def fail() -> None:
        raise OSError("disk full")

    savepoint = Journal.savepoint
    with pytest.raises(OSError, match="disk full"), Note().recording():
        monkeypatch.setattr(Journal, "boundaries", [fail])
    assert Journal.savepoint is savepoint


def test_a_released_savepoint_belongs_to_the_outer_one() -> None:
    """What happened until a release is undone by the outer savepoint."""
    outer = Savepoint()
    storage = make()
    inner = Savepoint()
    write(storage, "a", b"changed")
    inner.release()
    inner.rollback()
    with storage.open("a") as file:
        assert file.read() == b"changed"
    outer.rollback()
    assert not storage.exists("a")


def test_another_thread_may_go_on() -> None:
    """What another thread does meanwhile belongs to the savepoints that are open."""
    storage = make()
    savepoint = Savepoint()
    thread = threading.Thread(target=storage.save, args=("b", ContentFile(b"b")))
    thread.start()
    thread.join()
    savepoint.rollback()
    assert storage.listdir("") == (["d"], ["a"])


def test_the_order_in_which_savepoints_end_is_free() -> None:
    """The inner one, rolled back after the outer, does nothing."""
    outer, inner = Savepoint(), Savepoint()
    depth = len(Journal.open)
    outer.rollback()
    storage = make()
    inner.rollback()
    assert len(Journal.open) == depth - 2
    assert storage.exists("a")
