"""The same random operations on a disk and in memory, which must have the same outcomes.

Left out: ``fileno()``, which memory cannot have; accessed times, which depend on how a disk is
mounted; the size of a directory, which depends on its file system; the ``repr`` of a handle, which
names its class; and saving an open handle over the file that it is open on.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis
import pytest
from contract.storages import DISK
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule, run_state_machine_as_test
from state_machine import inputs
from state_machine.comparison import FAST_DISK, Comparison
from state_machine.contents import Recipe, after_saving, recipes, spoil
from state_machine.outcomes import describe, outcome
from state_machine.sides import is_directory, wait_for_tick

from inmemorystorage import InMemoryStorage

# Each shard is a test, so that pytest-xdist can distribute them.
SHARDS = int(os.environ.get("STATE_MACHINE_SHARDS", "4"))

STORAGES = st.sampled_from(["outer", "nested", *["overwriting"] * DISK.allows_overwrite])

QUESTIONS: list[Callable[[Storage, Any], Any]] = [
    lambda storage, name: storage.exists(name),
    lambda storage, name: storage.path(name),
    lambda storage, name: storage.url(name),
    lambda storage, name: list(map(sorted, storage.listdir(name))),
    lambda storage, name: is_directory(storage, name) or storage.size(name),
    lambda storage, name: type(storage.size(name)),
    lambda storage, name: storage.get_accessed_time(name),
    lambda storage, name: storage.get_created_time(name),
    lambda storage, name: storage.get_modified_time(name),
    lambda storage, name: storage.get_valid_name(name),
    lambda storage, name: storage.generate_filename(name),
    lambda storage, name: storage.get_alternative_name(name, ".b"),
]
FACTS: list[Callable[[Any], Any]] = [
    *[len, str, bool],
    lambda handle: handle.closed,
    lambda handle: handle.name,
    lambda handle: handle.mode,
    lambda handle: handle.size,
    lambda handle: handle.multiple_chunks(),
    lambda handle: handle.encoding.lower(),
    lambda handle: handle.newlines,
    lambda handle: handle.readable(),
    lambda handle: handle.writable(),
    lambda handle: handle.seekable(),
    lambda handle: handle.isatty(),
]
USES: dict[str, Callable[[Any, Any], Any]] = {
    "readline": lambda handle, count: handle.readline(-1 if count is None else count),
    "readlines": lambda handle, count: handle.readlines(count),
    "readinto": lambda handle, count: read_into(handle, count or 5),
    "chunks": lambda handle, count: list(handle.chunks(count)),
    "iterate": lambda handle, count: list(handle),
    "enter": lambda handle, count: handle.__enter__().closed,
    "exit": lambda handle, count: handle.__exit__(None, None, None),
    # The position of a text handle is opaque.
    "go where it is": lambda handle, count: handle.seek(handle.tell()),
}


def read_into(handle: Any, size: int) -> tuple[int, bytes]:
    """Read into a buffer."""
    buffer = bytearray(max(size, 0))
    return handle.readinto(buffer), bytes(buffer)


def save(storage: Storage, name: str, content: bytes) -> str:
    """Save bytes."""
    return storage.save(name, ContentFile(content))


def fit(content: bytes | str, mode: str) -> bytes | str:
    """Return a content as the type that a mode takes."""
    if isinstance(content, str) and "b" in mode:
        return content.encode("utf-8", "replace")
    if isinstance(content, bytes) and "b" not in mode:
        return content.decode("utf-8", "replace")
    return content


class StorageMachine(Comparison):
    """The operations of storages and their handles."""

    make = staticmethod(partial(InMemoryStorage, behaves_like="filesystem"))
    overwrites = DISK.allows_overwrite
    handles = Bundle("handles")

    @initialize(target=handles, content=inputs.data, mode=st.sampled_from(inputs.VALID_MODES))
    def begin(self, content: bytes, mode: str) -> Any:
        """Begin with a few files and a handle."""
        for name in ["a.txt", "d/a", "d/e/a"]:
            self.on_name("outer", name, partial(save, content=content))
        self.tick()
        return self.open("outer", "a" if "x" in mode else "d/a", mode)

    @rule()
    def tick(self) -> None:
        """Let time pass, so that later changes of the created times are visible."""
        self.same_tree()
        wait_for_tick()
        self.disk.remember_created()
        self.memory.remember_created()

    @rule(target=handles, storage=STORAGES, name=inputs.names, mode=inputs.modes)
    def open(self, storage: str, name: Any, mode: Any) -> Any:
        """Open a name in some mode."""
        answer = self.both(
            lambda side: side.keep(side.storages[storage].open(side.name(name), mode))
        )
        return multiple() if answer.raised else len(self.disk.handles) - 1

    @rule(target=handles, name=inputs.known, mode=st.sampled_from(inputs.VALID_MODES))
    def open_known(self, name: inputs.Known, mode: str) -> Any:
        """Open an existing file."""
        return self.open("outer", name, mode)

    @rule(storage=STORAGES, name=inputs.names, recipe=recipes, max_length=inputs.max_lengths)
    def save(self, storage: str, name: Any, recipe: Recipe, max_length: int | None) -> None:
        """Save a content; then overwrite that content, which must not change the file."""
        contents = {side: recipe.make() for side in (self.disk, self.memory)}
        self.both(
            lambda side: side.storages[storage].save(side.name(name), contents[side], max_length)
        )
        self.both(lambda side: after_saving(contents[side]))
        self.both(lambda side: spoil(contents[side]))

    @rule(storage=STORAGES, name=inputs.names, handle=handles, bare=st.booleans())
    def save_handle(self, storage: str, name: Any, handle: int, bare: bool) -> None:
        """Save from a handle, but not over its own file."""
        save_as = str(self.disk.name(name)).replace("\\", "/")
        path = outcome(self.disk.storages[storage].path, save_as).answer
        if storage == "overwriting" and path == describe(self.disk.handles[handle].name):
            return
        self.both(
            lambda side: side.storages[storage].save(
                side.name(name), side.handles[handle].file if bare else side.handles[handle]
            )
        )
        self.on_handle(handle, after_saving)

    @rule(storage=STORAGES, name=inputs.names)
    def delete(self, storage: str, name: Any) -> None:
        """Delete a name."""
        self.on_name(storage, name, lambda storage, name: storage.delete(name))

    @rule(storage=STORAGES, name=inputs.names)
    def ask(self, storage: str, name: Any) -> None:
        """Query a name in a storage."""
        for question in QUESTIONS:
            self.on_name(storage, name, question)

    @rule(storage=STORAGES, name=inputs.names, max_length=inputs.max_lengths)
    def choose_name(self, storage: str, name: Any, max_length: int | None) -> None:
        """Query an available name."""
        self.on_name(storage, name, lambda each, name: each.get_available_name(name, max_length))
        if hasattr(FileSystemStorage, "is_name_available"):
            self.on_name(storage, name, lambda each, name: each.is_name_available(name, max_length))

    @rule(handle=handles)
    def ask_handle(self, handle: int) -> None:
        """Query a handle; its size only if its name is not that of a directory now."""
        if not is_directory(self.disk.storages["outer"], self.disk.handles[handle].name):
            for fact in FACTS:
                self.on_handle(handle, fact)

    @rule(handle=handles, count=inputs.counts)
    def read(self, handle: int, count: int | None) -> None:
        """Read some or all."""
        self.on_handle(handle, lambda handle: handle.read(count))

    @rule(handle=handles, content=inputs.either)
    def write(self, handle: int, content: bytes | str) -> None:
        """Write the type that the handle takes."""
        self.on_handle(handle, lambda handle: handle.write(fit(content, handle.mode)))

    @rule(handle=handles, contents=st.lists(inputs.either, max_size=3))
    def write_lines(self, handle: int, contents: list[bytes | str]) -> None:
        """Write several chunks at once, of either type."""
        self.on_handle(handle, lambda handle: handle.writelines(contents))

    @rule(handle=handles, offset=inputs.offsets, whence=inputs.whences)
    def seek(self, handle: int, offset: Any, whence: Any) -> None:
        """Seek to any position, valid or not."""
        self.on_handle(handle, lambda handle: handle.seek(offset, whence))

    @rule(handle=handles, size=inputs.sizes)
    def truncate(self, handle: int, size: Any) -> None:
        """Cut a file, or make it longer."""
        self.on_handle(handle, lambda handle: handle.truncate(size))

    @rule(handle=handles, use=st.sampled_from([*USES]), count=inputs.counts)
    def use(self, handle: int, use: str, count: int | None) -> None:
        """Call one of the less usual methods of a handle."""
        self.on_handle(handle, lambda handle: USES[use](handle, count))

    @rule(handle=handles)
    def flush(self, handle: int) -> None:
        """Flush a handle."""
        self.on_handle(handle, lambda handle: handle.flush())

    @rule(handle=handles)
    def close(self, handle: int) -> None:
        """Close a handle, open or not."""
        self.on_handle(handle, lambda handle: handle.close())

    @rule(handle=handles, mode=st.one_of(st.none(), inputs.modes))
    def open_again(self, handle: int, mode: Any) -> None:
        """Rewind a handle, or reopen it if it is closed."""
        self.on_handle(handle, lambda handle: handle.open(mode))


@pytest.mark.hypothesis
@pytest.mark.parametrize("shard", range(SHARDS))
def test_filesystem_behaves_as_filesystemstorage(shard: int, settings: Any) -> None:
    """Each operation has the same outcome on both storages."""
    # Keep uploads on the disk of the files, so that saving one moves it on any machine.
    settings.FILE_UPLOAD_TEMP_DIR = FAST_DISK
    # Each with its own name, since Hypothesis draws the same examples for one name.
    machine = type(f"StorageMachine{shard}", (StorageMachine,), {})
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=-(-hypothesis.settings.default.max_examples // SHARDS),
            stateful_step_count=30,
            database=None,
        ),
    )
