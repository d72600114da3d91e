"""The same random operations on a disk and in memory, with no difference accepted between them.

Left out: ``fileno()``, which memory cannot have; accessed times, which depend on how a disk is
mounted; the size of a directory, which depends on its file system; and saving an open handle over
the file that it is open on.
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

# Each shard is a test, so that pytest-xdist can give each processor its own.
SHARDS = int(os.environ.get("STATE_MACHINE_SHARDS", "4"))

STORAGES = st.sampled_from(["outer", "outer", "nested", *["overwriting"] * DISK.overwrites])
HANDLE_FACTS: dict[str, Callable[[Any], Any]] = {
    "closed": lambda handle: handle.closed,
    "name": lambda handle: handle.name,
    "mode": lambda handle: handle.mode,
    "encoding": lambda handle: handle.encoding.lower(),
    "newlines": lambda handle: handle.newlines,
    "readable": lambda handle: handle.readable(),
    "writable": lambda handle: handle.writable(),
    "seekable": lambda handle: handle.seekable(),
    "isatty": lambda handle: handle.isatty(),
    "tell": lambda handle: handle.tell(),
    "str": str,
    "repr": repr,
    "bool": bool,
}


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
    """What anybody can do with storages and their handles."""

    make = staticmethod(partial(InMemoryStorage, behaves_like="filesystem"))
    overwrites = DISK.overwrites
    handles = Bundle("handles")

    @initialize(target=handles, content=inputs.data, mode=st.sampled_from(inputs.VALID_MODES))
    def begin(self, content: bytes, mode: str) -> Any:
        """Begin with a few files and with a handle."""
        for name in ["a.txt", "d/a", "d/e/a"]:
            self.on_name("outer", name, partial(save, content=content))
        return self.open("outer", "a" if "x" in mode else "d/a", mode)

    @rule(target=handles, storage=STORAGES, name=inputs.names, mode=inputs.modes)
    def open(self, storage: str, name: Any, mode: Any) -> Any:
        """Open a name in some mode."""
        answer = self.both(
            lambda side: side.keep(side.storages[storage].open(side.name(name), mode))
        )
        return multiple() if answer.raised else len(self.disk.handles) - 1

    @rule(storage=STORAGES, name=inputs.names, recipe=recipes, max_length=inputs.max_lengths)
    def save(self, storage: str, name: Any, recipe: Recipe, max_length: int | None) -> None:
        """Save a content; then spoil that content, which must not touch what was saved."""
        contents = {side: recipe.make() for side in (self.disk, self.memory)}
        self.both(
            lambda side: side.storages[storage].save(side.name(name), contents[side], max_length)
        )
        self.both(lambda side: after_saving(contents[side]))
        self.both(lambda side: spoil(contents[side]))

    @rule(storage=STORAGES, name=inputs.names, handle=handles, bare=st.booleans())
    def save_handle(self, storage: str, name: Any, handle: int, bare: bool) -> None:
        """Save what a handle reads, but not over the file that it is open on."""
        path = outcome(self.disk.storages[storage].path, self.disk.name(name)).answer
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
    def look_up(self, storage: str, name: Any) -> None:
        """Ask whether a name exists, and where it is."""
        self.on_name(storage, name, lambda storage, name: storage.exists(name))
        self.on_name(storage, name, lambda storage, name: storage.path(name))
        self.on_name(storage, name, lambda storage, name: storage.url(name))

    @rule(storage=STORAGES, name=inputs.names)
    def listdir(self, storage: str, name: Any) -> None:
        """List a directory, in whatever order."""
        self.on_name(storage, name, lambda storage, name: list(map(sorted, storage.listdir(name))))

    @rule(storage=STORAGES, name=inputs.names)
    def size(self, storage: str, name: Any) -> None:
        """Ask for the size of a name."""
        directory = is_directory(self.disk.storages[storage], self.disk.name(name))
        known = type if directory else int
        self.on_name(storage, name, lambda storage, name: known(storage.size(name)))

    @rule(storage=STORAGES, name=inputs.names)
    def times(self, storage: str, name: Any) -> None:
        """Ask for the times of a name."""
        self.on_name(storage, name, lambda storage, name: storage.get_accessed_time(name))
        self.on_name(storage, name, lambda storage, name: storage.get_created_time(name))
        self.on_name(storage, name, lambda storage, name: storage.get_modified_time(name))

    @rule(storage=STORAGES, name=inputs.names, max_length=inputs.max_lengths)
    def choose_name(self, storage: str, name: Any, max_length: int | None) -> None:
        """Ask for the names that a storage would take."""
        self.on_name(storage, name, lambda storage, name: storage.get_valid_name(name))
        self.on_name(storage, name, lambda storage, name: storage.generate_filename(name))
        self.on_name(storage, name, lambda storage, name: storage.get_alternative_name(name, ".b"))
        self.on_name(
            storage, name, lambda storage, name: storage.get_available_name(name, max_length)
        )
        if hasattr(FileSystemStorage, "is_name_available"):
            self.on_name(
                storage, name, lambda storage, name: storage.is_name_available(name, max_length)
            )

    @rule()
    def tick(self) -> None:
        """Let time pass, so that the next step's changes of created times are seen."""
        wait_for_tick()
        self.disk.remember_created()
        self.memory.remember_created()

    @rule(handle=handles, fact=st.sampled_from([*HANDLE_FACTS]))
    def handle_fact(self, handle: int, fact: str) -> None:
        """Ask a handle for something that changes nothing."""
        self.on_handle(handle, HANDLE_FACTS[fact])

    @rule(handle=handles, count=inputs.counts)
    def handle_size(self, handle: int, count: int | None) -> None:
        """Ask a handle for its size, which it keeps, unless a directory is at its name now."""
        if not is_directory(self.disk.storages["outer"], self.disk.handles[handle].name):
            self.on_handle(handle, lambda handle: handle.multiple_chunks(count))
            self.on_handle(handle, lambda handle: handle.size)
            self.on_handle(handle, len)

    @rule(handle=handles, count=inputs.counts)
    def read(self, handle: int, count: int | None) -> None:
        """Read some or all."""
        self.on_handle(handle, lambda handle: handle.read(count))

    @rule(handle=handles)
    def read_all(self, handle: int) -> None:
        """Read all that is left."""
        self.on_handle(handle, lambda handle: handle.read())

    @rule(handle=handles, count=inputs.counts)
    def read_lines(self, handle: int, count: int | None) -> None:
        """Read a line, then several."""
        self.on_handle(handle, lambda handle: handle.readline(-1 if count is None else count))
        self.on_handle(handle, lambda handle: handle.readlines(count))

    @rule(handle=handles)
    def read_into(self, handle: int) -> None:
        """Read into somebody's buffer."""
        buffer = bytearray(5)
        self.on_handle(handle, lambda handle: (handle.readinto(buffer), bytes(buffer)))

    @rule(handle=handles, count=st.sampled_from([None, 0, 7, 4096, -1]))
    def chunks(self, handle: int, count: int | None) -> None:
        """Read everything in chunks, and by lines."""
        self.on_handle(handle, lambda handle: list(handle.chunks(count)))
        self.on_handle(handle, list)

    @rule(handle=handles, content=inputs.either)
    def write(self, handle: int, content: Any) -> None:
        """Write, of the type that the handle takes."""
        self.on_handle(handle, lambda handle: handle.write(fit(content, handle.mode)))

    @rule(handle=handles, content=st.lists(inputs.either, max_size=3))
    def write_lines(self, handle: int, content: list[Any]) -> None:
        """Write several times at once, of either type."""
        self.on_handle(handle, lambda handle: handle.writelines(content))

    @rule(handle=handles, offset=inputs.offsets, whence=inputs.whences)
    def seek(self, handle: int, offset: Any, whence: Any) -> None:
        """Go somewhere, also where nobody can."""
        self.on_handle(handle, lambda handle: handle.seek(offset, whence))

    @rule(handle=handles)
    def seek_to_where_it_is(self, handle: int) -> None:
        """Go where the handle says that it is, which for text is no plain number."""
        self.on_handle(handle, lambda handle: handle.seek(handle.tell()))

    @rule(handle=handles, size=inputs.sizes)
    def truncate(self, handle: int, size: Any) -> None:
        """Cut a file off, or make it longer."""
        self.on_handle(handle, lambda handle: handle.truncate(size))

    @rule(handle=handles)
    def flush(self, handle: int) -> None:
        """Have what was written reach the file."""
        self.on_handle(handle, lambda handle: handle.flush())

    @rule(handle=handles, by_exit=st.booleans())
    def close(self, handle: int, by_exit: bool) -> None:
        """Close a handle, perhaps again, perhaps by a with statement."""
        if by_exit:
            self.on_handle(handle, lambda handle: handle.__enter__().__exit__(None, None, None))
        else:
            self.on_handle(handle, lambda handle: handle.close())

    @rule(handle=handles, mode=st.one_of(st.none(), inputs.modes))
    def open_again(self, handle: int, mode: Any) -> None:
        """Rewind a handle, or open it again when it is closed."""
        self.on_handle(handle, lambda handle: handle.open(mode))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_memory_does_what_a_disk_does(shard: int, settings: Any) -> None:
    """No operation tells ``behaves_like="filesystem"`` from FileSystemStorage."""
    # Uploads on the disk of the files, so that saving one moves it, on whatever machine.
    settings.FILE_UPLOAD_TEMP_DIR = FAST_DISK
    run_state_machine_as_test(
        StorageMachine,
        settings=hypothesis.settings(
            max_examples=-(-hypothesis.settings.default.max_examples // SHARDS),
            stateful_step_count=30,
            database=None,
        ),
    )
