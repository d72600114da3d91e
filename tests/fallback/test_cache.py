"""cache_reads: a file that was read from below is read above from then on."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from fallback.layers import get, over, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.fallback.copies import copy_up
from inmemorystorage.testing import fail_storage


def copies(above: Any) -> list[str]:
    """Return the files above."""
    return sorted(above.listdir("")[1])


def test_the_second_read_asks_nobody() -> None:
    """A file is read below once, in whatever mode, and is above from then on."""
    storage, above, below = over("a.txt", cache_reads=True)
    with storage.open("a.txt", "r") as file:
        assert file.read() == "a.txt"
    with below.asked_nothing():
        assert get(storage, "a.txt") == b"a.txt"
        assert storage.exists("a.txt") and storage.size("a.txt") == 5
    assert get(above, "a.txt") == b"a.txt"


def test_a_copy_is_not_the_file() -> None:
    """A copy changes neither the times of a file, nor its URL, nor where it is."""
    above, below = InMemoryStorage(base_url="/above/"), InMemoryStorage(base_url="/below/")
    put(below, "a.txt")
    storage = FallbackStorage([above, below], cache_reads=True)
    before = storage.get_modified_time("a.txt"), storage.url("a.txt"), storage.which("a.txt")
    get(storage, "a.txt")
    assert above.exists("a.txt")
    after = storage.get_modified_time("a.txt"), storage.url("a.txt"), storage.which("a.txt")
    assert after == before and after[2] is below


def test_the_least_recently_read_makes_room() -> None:
    """Copies have as much room as they are given; who was read last stays."""
    storage, above, _ = over("1.txt", "2.txt", "3.txt", cache_reads=True, cache_size=10)
    for name in ("1.txt", "2.txt", "1.txt", "3.txt"):
        assert get(storage, name) == name.encode()
    assert copies(above) == ["1.txt", "3.txt"]
    assert get(storage, "2.txt") == b"2.txt"
    assert copies(above) == ["2.txt", "3.txt"]


def test_a_file_that_is_too_large() -> None:
    """A file that is larger than all the room is read, and not copied."""
    storage, above, _ = over("a.txt", "longer.txt", cache_reads=True, cache_size=5)
    assert get(storage, "a.txt") == b"a.txt" and get(storage, "longer.txt") == b"longer.txt"
    assert copies(above) == ["a.txt"]


@pytest.mark.parametrize("change", ["ab", "rb+", "wb", "delete and save", "path"])
def test_a_changed_copy_is_a_file(change: str, tmp_path: Any) -> None:
    """A copy that was changed never makes room for others."""
    above: Any = FileSystemStorage(tmp_path)
    storage = FallbackStorage([above, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    if change == "path":
        storage.path("1.txt")
    elif change == "delete and save":
        storage.delete("1.txt")
        assert not above.exists("1.txt")
        put(storage, "1.txt")
    else:
        storage.open("1.txt", change).close()
    get(storage, "2.txt")
    assert copies(above) == ["1.txt", "2.txt"]


def test_saving_over_a_copy() -> None:
    """A storage that overwrites makes a copy a file of its own."""
    above = InMemoryStorage(allow_overwrite=True)
    storage = FallbackStorage([above, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    put(storage, "1.txt", b"mine")
    get(storage, "2.txt")
    assert get(storage, "1.txt") == b"mine"


def test_copies_of_an_earlier_process(tmp_path: Any) -> None:
    """Copies that another process made are known, and make room as any."""
    below = stocked("d/1.txt", "d/2.txt")
    make = {"cache_reads": True, "cache_size": 7}
    get(FallbackStorage([FileSystemStorage(tmp_path), below], **make), "d/1.txt")
    later = FallbackStorage([FileSystemStorage(tmp_path), below], **make)
    assert get(later, "d/1.txt") == b"d/1.txt" and get(later, "d/2.txt") == b"d/2.txt"
    assert not (tmp_path / "d" / "1.txt").exists()
    assert get(pickle.loads(pickle.dumps(later)), "d/1.txt") == b"d/1.txt"


def test_a_file_that_was_never_marked_stays(tmp_path: Any) -> None:
    """What somebody has put in the place of a copy is not deleted for room."""
    storage, above, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    other = FallbackStorage([above, stocked("1.txt")], cache_reads=True)
    other.open("1.txt", "ab").close()
    get(storage, "2.txt")
    assert copies(above) == ["1.txt", "2.txt"]


def test_copies_that_are_gone(tmp_path: Any) -> None:
    """Where somebody has deleted a copy, the file is read below again."""
    storage, above, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=20)
    get(storage, "1.txt")
    above.delete("1.txt")
    assert storage.exists("1.txt") and get(storage, "1.txt") == b"1.txt"
    above.delete("1.txt")
    later = FallbackStorage(storage._entries, cache_reads=True, cache_size=7)
    assert get(later, "2.txt") == b"2.txt" and get(later, "1.txt") == b"1.txt"


def test_no_room_above(caplog: pytest.LogCaptureFixture) -> None:
    """Where the copy cannot be written the file is read all the same, and the log says why."""
    storage = FallbackStorage([InMemoryStorage(max_size=3), stocked("a.txt")], cache_reads=True)
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert get(storage, "a.txt") == b"a.txt"
    assert "cannot keep a copy of 'a.txt'" in caplog.text
    assert storage.which("a.txt") is not None


def test_a_copy_that_is_gone_at_once() -> None:
    """A reader whose copy has made room already reads the file below."""
    storage, above, _ = over("a.txt", cache_reads=True)
    keep = storage._layers.cache.keep

    def keep_and_lose(name: str, *args: Any) -> bool:
        kept = keep(name, *args)
        above.delete(name)
        return bool(kept)

    storage._layers.cache.keep = keep_and_lose
    assert get(storage, "a.txt") == b"a.txt"


def test_many_readers_at_once() -> None:
    """Threads that read one file at once all read it, and there is one copy."""
    storage, above, _ = over("a.txt", "b.txt", cache_reads=True, cache_size=5)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda n: get(storage, "ab"[n % 2] + ".txt"), range(200)))
    assert read == [b"a.txt", b"b.txt"] * 100
    assert len(copies(above)) <= 2


def keep(storage: Any, name: str) -> bool:
    """Have a file copied up as by somebody who has just opened it."""
    with storage.backends[1].open(name) as file:
        return bool(storage._layers.cache.keep(name, storage._layers.all[1], file))


def test_a_copy_made_meanwhile() -> None:
    """Who comes to copy what was copied meanwhile does nothing."""
    storage, above, _ = over("a.txt", cache_reads=True)
    assert keep(storage, "a.txt") and keep(storage, "a.txt")
    copy_up("a.txt", storage._layers.all[1], storage._layers.all[0])
    assert copies(above) == ["a.txt"]


def test_a_file_deleted_while_it_is_read() -> None:
    """A copy that comes after the file was deleted is not made."""
    storage, above, _ = over("a.txt", cache_reads=True)
    storage.delete("a.txt")
    assert not keep(storage, "a.txt")
    assert copies(above) == [] and not storage.exists("a.txt")


def test_deleting_while_others_read() -> None:
    """Whoever reads at that moment, a deleted file stays deleted."""
    for _ in range(20):
        storage, *_ = over("a.txt", cache_reads=True)
        with ThreadPoolExecutor(3) as threads:
            for _ in range(4):
                threads.submit(get, storage, "a.txt")
            threads.submit(storage.delete, "a.txt")
        assert not storage.exists("a.txt")


def test_what_is_no_copy_any_more_stays() -> None:
    """A file that was changed behind the storage's back is not deleted for room."""
    storage, above, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    with above.open("1.txt", "wb") as file:
        file.write(b"mine, and no copy")
    get(storage, "2.txt")
    assert get(storage, "1.txt") == b"mine, and no copy"
    get(storage, "2.txt")
    assert copies(above) == ["1.txt", "2.txt"]


def test_an_exclusive_open_of_a_copy() -> None:
    """A copy that is not opened, since it is there, stays a copy."""
    storage, above, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    with pytest.raises(FileExistsError):
        storage.open("1.txt", "xb")
    get(storage, "2.txt")
    assert copies(above) == ["2.txt"]


class NoTimes(InMemoryStorage):
    """A storage that knows no times and lists nothing."""

    def get_modified_time(self, name: str) -> Any:
        """Refuse, as Django's base class does."""
        raise NotImplementedError

    def listdir(self, path: str) -> Any:
        """Refuse, too."""
        raise NotImplementedError


def test_a_storage_without_times_and_listings() -> None:
    """Copies can be kept in a storage with the least of methods."""
    above = NoTimes()
    storage = FallbackStorage([above, stocked("1.txt", "2.txt")], cache_reads=True, cache_size=5)
    for name in ("1.txt", "2.txt", "1.txt"):
        assert get(storage, name) == name.encode()
    assert above.exists("1.txt") and not above.exists("2.txt")
    put(storage, "3.txt")
    storage.delete("1.txt")
    assert not storage.exists("1.txt")


class CannotDelete(InMemoryStorage):
    """A storage that fails half-way, and then cannot delete the half."""

    def _save(self, name: str, content: Any) -> str:
        if name.startswith(".fallback"):
            return super()._save(name, content)
        super()._save(name, ContentFile(b"half"))
        raise OSError(28, "No space left on device")

    def delete(self, name: str) -> None:
        """Delete marks alone."""
        if not name.startswith(".fallback"):
            raise OSError(5, "Input/output error")
        super().delete(name)


def test_half_a_copy_that_stays() -> None:
    """Half a copy that cannot be deleted is known for what it is."""
    storage = FallbackStorage([CannotDelete(), stocked("a.txt")], cache_reads=True)
    assert get(storage, "a.txt") == b"a.txt"
    assert "a.txt" in storage._layers.cache


def test_deep_copies_share_their_room() -> None:
    """Copies of a storage, as Django makes of fields, have one limit together."""
    storage, above, _ = over("1.txt", "2.txt", "3.txt", cache_reads=True, cache_size=10)
    for number, each in enumerate([storage, copy.deepcopy(storage), copy.copy(storage)], start=1):
        get(each, f"{number}.txt")
    assert copies(above) == ["2.txt", "3.txt"]


class Slow(InMemoryStorage):
    """A storage in which the first half of a file is seen before the second is written."""

    def __init__(self) -> None:
        super().__init__(behaves_like="filesystem", location=f"/slow/{id(self)}")
        self.half_there = threading.Event()
        self.goes_on = threading.Event()

    def _save(self, name: str, content: Any) -> str:
        if name.startswith(".fallback"):
            return super()._save(name, content)
        saved = super()._save(name, ContentFile(b"ha"))
        self.half_there.set()
        self.goes_on.wait(10)
        with self.open(name, "wb") as file:
            file.write(content.read())
        return saved


@pytest.mark.parametrize("cache_reads", [True, False])
def test_half_a_copy_is_not_seen(cache_reads: bool) -> None:
    """Who reads a file while another thread copies it waits until the copy is whole."""
    above = Slow()
    storage = FallbackStorage([above, stocked("half.txt")], cache_reads=cache_reads)
    with ThreadPoolExecutor(3) as threads:
        mode = "rb" if cache_reads else "rb+"
        copying = threads.submit(lambda: storage.open("half.txt", mode).close())
        assert above.half_there.wait(10)
        reading = threads.submit(get, storage, "half.txt")
        size = threads.submit(storage.size, "half.txt")
        above.goes_on.set()
        assert (reading.result(10), size.result(10)) == (b"half.txt", 8)
        copying.result(10)


def test_an_error_below_is_an_error() -> None:
    """Reading what cannot be read below raises what that says."""
    storage, *_ = over("a.txt", cache_reads=True)
    with fail_storage("open", PermissionError("closed")), pytest.raises(PermissionError):
        storage.open("a.txt")


def test_room_that_cannot_be_made() -> None:
    """A copy that cannot be deleted counts on, and is deleted when that can be done."""
    storage, above, _ = over("1.txt", "2.txt", cache_reads=True, cache_size=5)
    get(storage, "1.txt")
    above.delete = refuse
    assert get(storage, "2.txt") == b"2.txt"
    del above.delete
    assert get(storage, "2.txt") == b"2.txt"
    assert copies(above) == ["2.txt"]


def refuse(name: str) -> None:
    """Raise as a disk that cannot be written any more."""
    raise OSError(30, "Read-only file system")


def test_changing_while_others_make_room() -> None:
    """Threads that read, which makes room, and threads that change the same files all go on."""
    names = [f"{number}.txt" for number in range(6)]
    storage, *_ = over(*names, cache_reads=True, cache_size=10)

    def use(number: int) -> None:
        name = names[number % 6]
        if number % 7:
            get(storage, name)
        else:
            storage.open(name, "ab").close()

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(use, range(600), timeout=60)] == [None] * 600
    assert [get(storage, name) for name in names] == [name.encode() for name in names]
