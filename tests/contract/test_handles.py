"""Handles: their names, deleted files, and what other handles write."""

import io

import pytest
from contract.helpers import get, put
from contract.storages import Traits
from django.core.files.storage import Storage


def test_handle_is_true_and_has_a_name(storage: Storage, can: Traits) -> None:
    """A handle is true; its name is its path, or its name if there are no paths."""
    put(storage, "d/a")
    with storage.open("d/a") as file:
        name = storage.path("d/a") if can.paths else "d/a"
        assert (file.name, str(file), bool(file)) == (name, name, True)


@pytest.mark.needs("shows_writes")
def test_flushing_shows_what_was_written(storage: Storage) -> None:
    """flush() makes a write visible to every other handle."""
    put(storage, "a", b"old")
    with storage.open("a") as reader, storage.open("a", "ab") as writer:
        writer.write(b" and new")
        writer.flush()
        assert (storage.size("a"), reader.read()) == (11, b"old and new")


@pytest.mark.needs("modes")
def test_deleted_file_lives_for_its_handles(storage: Storage) -> None:
    """A handle keeps reading and writing after its file is deleted, without restoring it."""
    put(storage, "a", b"content")
    with storage.open("a", "rb+") as file:
        storage.delete("a")
        assert file.read() == b"content"
        file.write(b"more")
    assert not storage.exists("a")


@pytest.mark.needs("modes")
def test_handle_stays_on_the_file_that_it_opened(storage: Storage) -> None:
    """A handle on a deleted file does not see a new file of the same name."""
    put(storage, "a", b"old")
    with storage.open("a") as file:
        storage.delete("a")
        put(storage, "a", b"new")
        assert file.read() == b"old"
    assert get(storage, "a") == b"new"


@pytest.mark.needs("modes")
def test_opening_a_closed_handle_of_a_deleted_file(storage: Storage) -> None:
    """open() on a closed handle raises ValueError if the file was deleted."""
    put(storage, "a")
    file = storage.open("a")
    file.close()
    storage.delete("a")
    with pytest.raises(ValueError, match="cannot be reopened"):
        file.open()


@pytest.mark.needs("modes")
def test_saving_a_handle_reopened_for_writing(storage: Storage) -> None:
    """save() refuses a handle that cannot be read, whatever its first mode was."""
    put(storage, "a", b"content")
    file = storage.open("a", "rb")
    file.close()
    with file.open("r+b"):
        assert get(storage, storage.save("b", file)) == b"content"
    with file.open("wb"), pytest.raises(io.UnsupportedOperation):
        storage.save("c", file)
