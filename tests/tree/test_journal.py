"""Savepoints: a rollback restores all trees, in the same objects."""

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
from inmemorystorage.tree import nodes
from inmemorystorage.tree.journal import Journal, Note, Savepoint, begin
from inmemorystorage.tree.nodes import InMemoryNode, total_size

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/a"])
DIRECTORIES = st.sampled_from(["d", "d/e", "f"])
CONTENTS = st.binary(max_size=20)


def state(node: InMemoryNode) -> Any:
    """Return everything about a node, and its identity."""
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
    """Change files at random, in savepoints that are rolled back in any order."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.outermost = Savepoint()
        self.storage = make(self.kind)
        self.top = self.storage.filesystem
        self.levels: list[tuple[Savepoint, Any, int]] = []
        self.nodes: dict[int, InMemoryNode] = {}

    def teardown(self) -> None:
        """Roll back all savepoints."""
        for savepoint, before, used in reversed(self.levels):
            savepoint.rollback()
            self.same(before, used)
        self.outermost.rollback()

    def same(self, before: Any, used: int) -> None:
        """Require the state of a savepoint's beginning."""
        assert state(self.top) == before
        assert self.used() == used

    def used(self) -> int:
        """Return the bytes charged to the storage's quota, if it has one."""
        return sum(quota.used for quota in self.top.quotas or ())

    @rule()
    def begin(self) -> None:
        """Begin a savepoint, after pulling all changes at lent paths."""
        self.storage.tree()
        self.levels.append((Savepoint(), state(self.top), self.used()))

    @precondition(lambda self: self.levels)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Roll back to some savepoint; those nested in it end too, and have no effect later."""
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
        """Save a file, under another name if that one is taken."""
        self.attempt(lambda: self.storage.save(name, ContentFile(content)))

    @rule(name=NAMES, content=CONTENTS, mode=st.sampled_from(["wb", "ab", "r+b", "xb"]))
    def write(self, name: str, content: bytes, mode: str) -> None:
        """Write through a handle."""
        self.attempt(lambda: write(self.storage, name, content, mode))

    @rule(name=NAMES)
    def read(self, name: str) -> None:
        """Read a file, which changes a time."""
        self.attempt(lambda: self.storage.open(name).read())

    @rule(name=st.one_of(NAMES, DIRECTORIES))
    def delete(self, name: str) -> None:
        """Delete a file, or a directory with its entries."""
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
        """Write to a lent path, without the storage."""
        if self.kind == "lending":
            self.attempt(lambda: Path(self.storage.path(name)).write_bytes(content))

    def attempt(self, operation: Any) -> None:
        """Run an operation that a disk may refuse; a rollback must undo its beginning."""
        with contextlib.suppress(OSError):
            operation()

    @invariant()
    def is_sound(self) -> None:
        """Require that each node knows its parent, and that the quota counts all files."""
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
def test_rollback_restores_everything(kind: str) -> None:
    """A rollback restores contents, times, objects and quotas, in any nesting."""
    machine = type(f"JournalMachine_{kind}", (JournalMachine,), {"kind": kind})
    hypothesis.stateful.run_state_machine_as_test(
        machine, settings=hypothesis.settings(stateful_step_count=30, database=None)
    )


def test_rollback_restores_lent_paths() -> None:
    """A rollback restores the files at lent paths."""
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


def test_location_is_made_again_after_a_rollback() -> None:
    """A storage makes its location again after a rollback has removed it."""
    storage = InMemoryStorage(location="/made/inside", behaves_like="filesystem")
    savepoint = Savepoint()
    assert storage.exists("")
    savepoint.rollback()
    assert storage.exists("")


def test_open_handle_reads_restored_content() -> None:
    """A handle opened before a savepoint reads the content that a rollback restores."""
    storage = make()
    with storage.open("a") as file:
        savepoint = Savepoint()
        write(storage, "a", b"changed")
        savepoint.rollback()
        assert file.read() == b"a"


def test_changes_without_a_savepoint_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change without an open savepoint is not recorded, and stays."""
    monkeypatch.setattr(Journal, "open", [])
    monkeypatch.setattr(Journal, "savepoint", None)
    storage = make()
    savepoint = Savepoint()
    savepoint.rollback()
    released = Savepoint()
    released.release()
    storage.save("b", ContentFile(b"b"))
    with storage.open("b") as file:
        assert file.read() == b"b"
    savepoint.rollback()
    assert storage.exists("b")
    assert not savepoint.before and not released.before


def test_noted_returns_the_oldest_state() -> None:
    """noted() returns the changes of nested savepoints too, each with its oldest state."""
    storage = make()
    outer, directory = Savepoint(), storage.filesystem
    file = directory.children["a"]
    directory.unlink("a")
    nested = Savepoint()
    storage.save("new", ContentFile(b""))
    storage.delete("new")
    storage.delete("d/a")
    assert outer.noted()[directory].entries == {"a": file, "new": None}
    assert file not in nested.noted() and directory.resolve("d") in outer.noted()
    outer.rollback()
    assert directory in outer.noted()


def test_note_survives_the_rollback_of_a_savepoint() -> None:
    """A note keeps its changes when an open savepoint is rolled back, until it is undone."""
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


def test_savepoint_of_a_recording_lasts_as_long_as_the_note() -> None:
    """A savepoint that begins in a recording is nested in the note, not in the open savepoint."""
    storage = make()
    outer, note = Savepoint(), Note()
    with note.recording():
        inner = Savepoint()
        storage.save("of-the-inner", ContentFile(b""))
    outer.rollback()
    assert storage.exists("of-the-inner")
    note.resume()
    inner.rollback()
    assert not storage.exists("of-the-inner")
    storage.save("of-the-note", ContentFile(b""))
    note.undo()
    assert storage.listdir("") == (["d"], ["a"])


def test_savepoints_wait_for_the_first_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Savepoints that were made before there is a tree open with it, those that ended do not."""
    for name, value in {"open": [], "waiting": [], "has_trees": False, "savepoint": None}.items():
        monkeypatch.setattr(Journal, name, value)
    outer, ended = Savepoint(), Savepoint()
    ended.rollback()
    with Note().recording():
        inner = Savepoint()
        assert Journal.open == [] and Journal.savepoint is not inner
        begin()
        assert Journal.open == [inner] and Journal.savepoint is inner
    assert Journal.open == [outer] and Journal.savepoint is outer


def test_recording_ends_when_a_boundary_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """recording() ends even if a boundary raises."""

    def fail() -> None:
        raise OSError("disk full")

    savepoint = Journal.savepoint
    with pytest.raises(OSError, match="disk full"), Note().recording():
        monkeypatch.setattr(Journal, "boundaries", [fail])
    assert Journal.savepoint is savepoint


def test_new_directories_are_empty_when_they_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback sums up the files of no directory, so that a deep one takes linear time."""
    sizes: list[int] = []

    def counted(node: InMemoryNode) -> int:
        sizes.append(total_size(node))
        return sizes[-1]

    storage = make("limited")
    savepoint = Savepoint()
    storage.save("new/d/e/f/a", ContentFile(b"content"))
    monkeypatch.setattr(nodes, "total_size", counted)
    savepoint.rollback()
    assert sizes == [7, 0, 0, 0, 0]


def test_outer_savepoint_undoes_released_changes() -> None:
    """An outer savepoint undoes the changes of a nested one that was released."""
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


def test_changes_of_another_thread_are_undone() -> None:
    """A rollback undoes what another thread has changed since."""
    storage = make()
    savepoint = Savepoint()
    thread = threading.Thread(target=storage.save, args=("b", ContentFile(b"b")))
    thread.start()
    thread.join()
    savepoint.rollback()
    assert storage.listdir("") == (["d"], ["a"])


def test_nested_savepoint_may_end_last() -> None:
    """A nested savepoint that is rolled back after its outer one does nothing."""
    outer, inner = Savepoint(), Savepoint()
    depth = len(Journal.open)
    outer.rollback()
    storage = make()
    inner.rollback()
    assert len(Journal.open) == depth - 2
    assert storage.exists("a")


def test_note_without_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note that records while there is no tree ends with nothing to undo."""
    for name, value in {"open": [], "waiting": [], "has_trees": False, "savepoint": None}.items():
        monkeypatch.setattr(Journal, name, value)
    note = Note()
    with note.recording():
        pass
    note.undo()
    assert note.before == {} and Journal.savepoint is None
