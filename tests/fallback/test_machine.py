"""Random operations on one storage and on several in layers, which must not differ.

One side is an `InMemoryStorage` with some files. The other side is a `FallbackStorage` with an
empty upper layer, and the same files in one lower layer or two. After each operation both sides
have the same files, and the lower layers are unchanged.

Two differences, which ``docs/fallback.md`` names, are left out: a copy has the times of the
copying, and a file that was opened before it was copied up keeps reading the lower layer's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import hypothesis
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from state_machine import inputs
from state_machine.outcomes import outcome
from state_machine.sides import is_directory

from inmemorystorage import FallbackStorage, InMemoryStorage

SHARDS = int(os.environ.get("STATE_MACHINE_SHARDS", "2"))
LOWER = {
    "a.txt": b"a",
    "d/a": b"one\ntwo\n",
    "d/b.tar.gz": b"\xc3\xa9\r\n",
    "d/e/a": b"0123456789",
    "é/a": b"",
    "taken": b"x" * 9000,
}
QUESTIONS: list[Callable[[Storage, Any], Any]] = [
    lambda storage, name: storage.exists(name),
    lambda storage, name: list(map(sorted, storage.listdir(name))),
    lambda storage, name: is_directory(storage, name) or storage.size(name),
    lambda storage, name: storage.url(name),
    lambda storage, name: type(storage.get_accessed_time(name)),
    lambda storage, name: type(storage.get_created_time(name)),
    lambda storage, name: type(storage.get_modified_time(name)),
    lambda storage, name: storage.get_valid_name(name),
    lambda storage, name: storage.generate_filename(name),
    lambda storage, name: storage.get_alternative_name(name, ".b"),
]
NEW = st.sampled_from(["d/new", "d/e/new", "d/new/a", "é/b", "taken/a", "d/a/b", "new"])
NAMES = st.one_of(
    NEW, inputs.names.map(lambda name: "no name" if name in inputs.NOT_NAMES else name)
)
texts = st.sampled_from(["", "one\n", "é", "x" * 300])


def walk(storage: Storage, directory: str = "") -> Iterator[tuple[str, bytes | None]]:
    """Yield each name with its content, which is ``None`` for a directory."""
    directories, files = storage.listdir(directory)
    for name in sorted(directories):
        full = f"{directory}/{name}" if directory else name
        yield full, None
        yield from walk(storage, full)
    for name in sorted(files):
        full = f"{directory}/{name}" if directory else name
        with storage.open(full) as file:
            yield full, file.read()


def loaded(storage: Storage, names: list[str]) -> Storage:
    """Save some of the files in a storage, and return it."""
    for name in names:
        storage.save(name, ContentFile(LOWER[name]))
    return storage


class OverlayMachine(RuleBasedStateMachine):
    """Every operation of a storage, in random order."""

    make: Any = staticmethod(InMemoryStorage)

    @initialize(
        split=st.integers(0, len(LOWER)),
        is_overwriting=st.booleans(),
        caches=st.booleans(),
        cache_size=st.sampled_from([0, 9, 20_000]),
    )
    def begin(self, split: int, is_overwriting: bool, caches: bool, cache_size: int) -> None:
        """Save the files on both sides."""
        make = partial(self.make, allow_overwrite=is_overwriting)
        names = [*LOWER]
        self.plain = loaded(make(), names)
        self.lower = [loaded(self.make(), each) for each in (names[:split], names[split:]) if each]
        self.overlay = FallbackStorage(
            [make(), *self.lower], cache_reads=caches, cache_size=cache_size
        )
        self.untouched = [dict(walk(storage)) for storage in self.lower]

    def teardown(self) -> None:
        """Drop the storages."""
        self.lower = []

    def both(self, operation: Callable[[Storage], Any]) -> Any:
        """Run an operation on both sides, and compare the outcomes and the files."""
        expected, answer = (outcome(operation, each) for each in (self.plain, self.overlay))
        note(f"{expected} / {answer}")
        assert answer == expected
        files = dict(walk(self.plain))
        assert dict(walk(self.overlay)) == files
        assert [dict(walk(storage)) for storage in self.lower] == self.untouched
        return expected

    def name(self, name: Any) -> Any:
        """Return the name that an input stands for."""
        if isinstance(name, inputs.Known):
            files = sorted(each for each, content in walk(self.plain) if content is not None)
            return files[name.number % len(files)] if files else "a"
        if isinstance(name, inputs.Long):
            return "y" * 300
        return name.replace(inputs.LOCATION, "/somewhere") if isinstance(name, str) else name

    @rule(name=NAMES, mode=inputs.modes, text=texts, offset=st.integers(0, 12))
    def use(self, name: Any, mode: Any, text: str, offset: int) -> None:
        """Open a file; read, seek, write, truncate, and close it."""
        name = self.name(name)

        def steps(storage: Storage) -> Any:
            with storage.open(name, mode) as file:
                content: Any = text.encode() if "b" in mode else text
                return os.path.basename(file.name), [
                    outcome(step)
                    for step in (
                        file.readable,
                        file.writable,
                        lambda: file.size,
                        lambda: file.read(),
                        lambda: file.seek(offset),
                        lambda: file.write(content),
                        lambda: file.truncate() if offset % 2 else None,
                    )
                ]

        self.both(steps)

    @rule(name=inputs.known, mode=st.sampled_from(inputs.VALID_MODES), text=texts)
    def use_known(self, name: Any, mode: str, text: str) -> None:
        """Open a file that exists."""
        self.use(name, mode, text, 3)

    @rule(name=NAMES, content=inputs.data, max_length=inputs.max_lengths)
    def save(self, name: Any, content: bytes, max_length: int | None) -> None:
        """Save a content."""
        name = self.name(name)
        self.both(lambda each: each.save(name, ContentFile(content), max_length))

    @rule(name=st.one_of(inputs.known, st.sampled_from(["d", "d/e", "é", "d/"]), NAMES))
    def delete(self, name: Any) -> None:
        """Delete a file or a directory."""
        name = self.name(name)
        self.both(lambda each: each.delete(name))

    @rule(name=NAMES)
    def ask(self, name: Any) -> None:
        """Call each method that only reads."""
        name = self.name(name)
        for question in QUESTIONS:
            expected, answer = (
                outcome(question, each, name) for each in (self.plain, self.overlay)
            )
            assert answer == expected, (name, question)

    @rule(name=NAMES, max_length=inputs.max_lengths)
    def choose_name(self, name: Any, max_length: int | None) -> None:
        """Ask for an available name."""
        name = self.name(name)
        self.both(lambda each: each.get_available_name(name, max_length))
        self.both(lambda each: each.is_name_available(name, max_length))


class DiskLikeMachine(OverlayMachine):
    """The same, where open() makes no directories and only empty ones can be deleted."""

    counter = 0

    @staticmethod
    def make(**options: Any) -> Storage:
        """Return a storage at another location each time."""
        DiskLikeMachine.counter += 1
        location = f"/overlay/{DiskLikeMachine.counter}"
        return InMemoryStorage(location=location, behaves_like="filesystem", **options)


@pytest.mark.hypothesis
@pytest.mark.parametrize("machine", [OverlayMachine, DiskLikeMachine])
@pytest.mark.parametrize("shard", range(SHARDS))
def test_several_storages_are_as_one(machine: Any, shard: int) -> None:
    """A FallbackStorage behaves as one storage that has all files."""
    run_state_machine_as_test(
        # A class of another name, so that each shard draws other examples.
        type(f"{machine.__name__}{shard}", (machine,), {}),
        settings=hypothesis.settings(
            # Each example compares three trees, in two machines.
            max_examples=-(-hypothesis.settings.default.max_examples // 4 // SHARDS),
            stateful_step_count=20,
            database=None,
            # Examples with several long contents are too long, and drawn again.
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
