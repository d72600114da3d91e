"""cache_reads: a file that was read from below is read above from then on."""

from __future__ import annotations

import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from fallback.layers import get, over, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.fallback.copying import copy_up
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
    keep = storage._cache.keep

    def keep_and_lose(name: str, source: Any) -> bool:
        kept = keep(name, source)
        above.delete(name)
        return bool(kept)

    storage._cache.keep = keep_and_lose
    assert get(storage, "a.txt") == b"a.txt"


def test_many_readers_at_once() -> None:
    """Threads that read one file at once all read it, and there is one copy."""
    storage, above, _ = over("a.txt", "b.txt", cache_reads=True, cache_size=5)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda n: get(storage, "ab"[n % 2] + ".txt"), range(200)))
    assert read == [b"a.txt", b"b.txt"] * 100
    assert len(copies(above)) <= 2


def test_a_copy_made_meanwhile() -> None:
    """Who comes to copy what was copied meanwhile does nothing."""
    storage, above, _ = over("a.txt", cache_reads=True)
    cache, backend = storage._cache, storage._backends[1]
    assert cache.keep("a.txt", backend) and cache.keep("a.txt", backend)
    copy_up("a.txt", backend, storage._backends[0])
    assert copies(above) == ["a.txt"]


def test_an_error_below_is_an_error() -> None:
    """Reading what cannot be read below raises what that says."""
    storage, *_ = over("a.txt", cache_reads=True)
    with fail_storage("open", PermissionError("closed")), pytest.raises(PermissionError):
        storage.open("a.txt")
