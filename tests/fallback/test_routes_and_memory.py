"""Which backend is asked for which name, how long, and what is remembered of it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pytest
from fallback.layers import Failing, Recording, Waiting, get, put, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage, ReadOnlyStorageError
from inmemorystorage.fallback import failures
from inmemorystorage.fallback.failures import is_unreachable
from inmemorystorage.fallback.layer import Route


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have the time stand still; it is the one item of a list."""
    now = [1000.0]
    monkeypatch.setattr(failures.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("only", "skip", "name", "admits"),
    [
        ([], [], "a.txt", True),
        ([], [], "", True),
        ([], ["thumbnails/*"], "thumbnails/a.jpg", False),
        ([], ["thumbnails/*"], "thumbnails/d/a.jpg", False),
        ([], ["thumbnails/*"], "thumbnails", False),
        ([], ["thumbnails/*"], "thumbnails2/a.jpg", True),
        ([], ["*.tmp"], "d/a.tmp", False),
        ([], ["*.tmp"], "d/a.txt", True),
        (["public/*"], [], "public/a", True),
        (["public/*"], [], "public", True),
        (["public/*"], [], "private/a", False),
        (["a/b/*.jpg"], [], "a", True),
        (["a/b/*.jpg"], [], "a/b/c.jpg", True),
        (["a/b/*.jpg"], [], "a/b/c.txt", False),
        (["a/[bc].txt"], [], "a/b.txt", True),
        (["a.txt"], [], "a.txt", True),
        (["a.txt"], [], "b.txt", False),
        (["public/*"], ["*.tmp"], "public/a.tmp", False),
    ],
)
def test_routes(only: list[str], skip: list[str], name: str, admits: bool) -> None:
    """Patterns say for which files a backend is asked."""
    assert Route(tuple(only), tuple(skip)).admits(name) is admits


@pytest.mark.parametrize(
    ("only", "skip", "directory", "admits"),
    [
        ([], [], "", True),
        (["public/*.jpg"], [], "", True),
        (["public/*.jpg"], [], "public", True),
        (["public/*.jpg"], [], "public/d", True),
        (["public/*.jpg"], [], "private", False),
        (["public/a.jpg"], [], "public/a.jpg/d", False),
        ([], ["thumbnails/*"], "thumbnails", False),
        ([], ["thumbnails/*.jpg"], "thumbnails", True),
    ],
)
def test_routes_of_directories(
    only: list[str], skip: list[str], directory: str, admits: bool
) -> None:
    """A backend lists the directories in which it may have files that it is asked for."""
    assert Route(tuple(only), tuple(skip)).admits_below(directory) is admits


def test_what_is_skipped_is_never_asked() -> None:
    """A backend is asked nothing about the names that it skips."""
    below = stocked("thumbnails/a.jpg", "a.jpg", "d/a.tmp", kind=Recording)
    backend = {"BACKEND": below, "skip": ["thumbnails/*", "*.tmp"]}
    storage = FallbackStorage([InMemoryStorage(), backend])
    with below.asked_nothing():
        assert not storage.exists("thumbnails/a.jpg")
        assert put(storage, "./thumbnails//a.jpg") == "thumbnails/a.jpg"
        assert get(storage, "thumbnails/a.jpg") == b"content"
        assert storage.listdir("thumbnails") == ([], ["a.jpg"])
        storage.delete("thumbnails/a.jpg")
    assert storage.listdir("") == (["thumbnails", "d"], ["a.jpg"])
    assert storage.listdir("d") == ([], [])


def test_only_is_for_writing_too() -> None:
    """A name goes to the first backend that may be written and is asked for it."""
    pictures = {"BACKEND": InMemoryStorage(), "only": ["*.jpg"]}
    rest = {"BACKEND": InMemoryStorage(), "skip": ["*.exe"]}
    storage = FallbackStorage([pictures, rest], writable=[pictures, rest])
    assert [storage.which(put(storage, name)) for name in ("a.jpg", "a.txt")] == [pictures, rest]
    with pytest.raises(ReadOnlyStorageError, match=r"a\.exe"):
        put(storage, "a.exe")


def test_nobody_is_asked_for_a_name() -> None:
    """A name that every backend skips is missing."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "skip": ["a.txt"]}])
    assert not storage.exists("a.txt")
    with pytest.raises(FileNotFoundError):
        storage.open("a.txt")


def test_a_backend_that_hangs_costs_one_wait(caplog: pytest.LogCaptureFixture) -> None:
    """A backend that does not answer in time is left alone for a while, and the log says so."""
    hanging = Waiting()
    backend = {"BACKEND": hanging, "timeout": 0.05}
    storage = FallbackStorage([InMemoryStorage(), backend])
    start = time.monotonic()
    try:
        with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
            assert [storage.exists(f"{number}.jpg") for number in range(100)] == [False] * 100
    finally:
        hanging.released.set()
    assert (hanging.waits, len(caplog.records)) == (1, 1)
    assert "does not answer (TimeoutError: no answer within 0.05 seconds)" in caplog.text
    assert time.monotonic() - start < 5  # not a hundred waits


def test_an_answer_in_time() -> None:
    """A backend that answers in time is as any, in its errors too."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    assert get(storage, "a.txt") == b"a.txt"
    with pytest.raises(FileNotFoundError):
        storage.size("missing.txt")
    own = TimeoutError("of its own")
    with pytest.raises(TimeoutError, match="of its own"):
        FallbackStorage([{"BACKEND": Failing(own), "timeout": 30}], writable=[]).size("a.txt")


def workers() -> list[threading.Thread]:
    """Return the threads that ask."""
    return [each for each in threading.enumerate() if each.name == "FallbackStorage"]


def test_a_thread_that_waits_does_not_keep_the_process() -> None:
    """The thread of a backend that hangs ends with the process."""
    hanging = Waiting()
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": hanging, "timeout": 0.01}])
    try:
        assert not storage.exists("a.txt")
        assert workers() and all(thread.daemon for thread in workers())
    finally:
        hanging.released.set()


def test_threads_are_used_again() -> None:
    """Questions one after the other are asked in one thread, which has the client's connection."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    storage.exists("a.txt")
    before = workers()
    for _ in range(50):
        storage.exists("a.txt")
    assert workers() == before


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_off() -> None:
    """A child of a process that has asked asks in threads of its own."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    assert storage.exists("a.txt")
    child = os.fork()
    if not child:
        signal.alarm(30)  # ends a child that waits for ever
        os._exit(0 if storage.exists("a.txt") else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_dead_backend_is_asked_again(clock: list[float]) -> None:
    """After ``down_for`` seconds a backend that did not answer is asked again."""
    dead = Failing(ConnectionRefusedError(111, "refused"))
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": dead, "down_for": 10}])
    for _ in range(3):
        assert not storage.exists("a.txt")
    assert len(dead.calls) == 1
    with pytest.raises(FileNotFoundError) as caught:
        storage.open("a.txt")
    assert "Failing did not answer" in caught.value.__notes__[0]
    assert "is asked again in 10 seconds" in caught.value.__notes__[0]
    clock[0] += 10
    assert not storage.exists("a.txt")
    assert len(dead.calls) == 2


def test_other_errors_are_no_silence(caplog: pytest.LogCaptureFixture) -> None:
    """A backend that answers with an error is asked again at once, with one warning."""
    failing = Failing(ZeroDivisionError("a fault"))
    storage = FallbackStorage([InMemoryStorage(), failing])
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert [storage.exists(f"{number}.txt") for number in range(3)] == [False] * 3
    assert len(failing.calls) == 3
    assert [each.message for each in caplog.records] == [
        "Failing fails (ZeroDivisionError: a fault)"
    ]


def test_the_first_backend_is_always_asked() -> None:
    """What may be written is never left alone: its silence is not forgotten for an old file."""
    dead = Failing(ConnectionRefusedError(111, "refused"))
    storage = FallbackStorage([{"BACKEND": dead, "timeout": 5}, stocked("a.txt")], whiteouts=False)
    for _ in range(3):
        assert storage.exists("a.txt")
    assert len(dead.calls) == 3


def test_not_there_is_remembered(clock: list[float]) -> None:
    """What was not there is not asked for again for ``missing_for`` seconds."""
    below = Recording()
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": below, "missing_for": 5}])
    assert not storage.exists("a.txt")
    with below.asked_nothing():
        assert not storage.exists("./a.txt")
        with pytest.raises(FileNotFoundError):
            storage.open("a.txt")
    with pytest.raises(FileNotFoundError):
        storage.size("b.txt")
    with below.asked_nothing():
        assert not storage.exists("b.txt")
    put(below, "a.txt")
    assert storage.listdir("") == ([], ["a.txt"])
    clock[0] += 5
    assert storage.exists("a.txt")


def test_nothing_is_remembered_of_what_is_near() -> None:
    """Without a timeout what comes below is there at once; with one, a few seconds later."""
    for options, expected in [({}, True), ({"timeout": 9}, False), ({"missing_for": 0}, True)]:
        below = InMemoryStorage()
        storage = FallbackStorage([InMemoryStorage(), {"BACKEND": below, **options}])
        assert not storage.exists("a.txt")
        put(below, "a.txt")
        assert storage.exists("a.txt") is expected


def test_memory_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are not there do not fill the process's memory."""
    monkeypatch.setattr(failures, "_MAX_NAMES", 10)
    backend = {"BACKEND": InMemoryStorage(), "missing_for": 60}
    storage = FallbackStorage([InMemoryStorage(), backend])
    for number in range(25):
        assert not storage.exists(f"{number}.txt")
    assert len(storage._layers.all[1].missing_names) <= 10


class EndpointConnectionError(Exception):
    """As botocore's, which is derived from a ConnectionError of its own."""


class ConnectionError_(Exception):
    """Stands for another library's."""


ConnectionError_.__name__ = "ConnectionError"


class NoEndpoint(ConnectionError_):
    """A client's error."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NoEndpoint(), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (OSError(113, "No route to host"), True),
        (EndpointConnectionError(), False),
        (PermissionError(13, "denied"), False),
        (FileNotFoundError(), False),
        (ValueError(), False),
    ],
)
def test_what_says_that_nobody_answers(error: Exception, expected: bool) -> None:
    """Errors of sockets, and of client libraries by their names, say so; others do not."""
    assert is_unreachable(error) is expected
