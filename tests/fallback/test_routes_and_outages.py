"""Which layer is asked for which name, for how long, and what is remembered of its answer."""

from __future__ import annotations

import logging
import threading

import pytest
from fallback.layers import Failing, Recording, Waiting, get, put, stocked
from forking import may_fork, needs_fork, succeeds_in_child

from inmemorystorage import FallbackStorage, InMemoryStorage, ReadOnlyStorageError
from inmemorystorage.fallback import failures
from inmemorystorage.fallback.failures import is_unreachable
from inmemorystorage.fallback.layer import Route
from inmemorystorage.forks import PerProcess


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stop the clock, and return the time as the one item of a list."""
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
    """Patterns say for which names a layer is asked."""
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
    """A layer lists the directories that may have names for which it is asked."""
    assert Route(tuple(only), tuple(skip)).admits_below(directory) is admits


def test_skipped_names() -> None:
    """A layer is asked nothing about the names that it skips."""
    lower = stocked("thumbnails/a.jpg", "a.jpg", "d/a.tmp", kind=Recording)
    layer = {"BACKEND": lower, "skip": ["thumbnails/*", "*.tmp"]}
    storage = FallbackStorage([InMemoryStorage(), layer])
    with lower.assert_no_calls():
        assert not storage.exists("thumbnails/a.jpg")
        assert put(storage, "./thumbnails//a.jpg") == "thumbnails/a.jpg"
        assert get(storage, "thumbnails/a.jpg") == b"content"
        assert storage.listdir("thumbnails") == ([], ["a.jpg"])
        storage.delete("thumbnails/a.jpg")
    assert storage.listdir("") == (["thumbnails", "d"], ["a.jpg"])
    assert storage.listdir("d") == ([], [])


def test_routes_of_writing() -> None:
    """A name is saved to the first writable layer whose patterns match it."""
    pictures = {"BACKEND": InMemoryStorage(), "only": ["*.jpg"]}
    rest = {"BACKEND": InMemoryStorage(), "skip": ["*.exe"]}
    storage = FallbackStorage([pictures, rest], writable=[pictures, rest])
    assert [storage.which(put(storage, name)) for name in ("a.jpg", "a.txt")] == [pictures, rest]
    with pytest.raises(ReadOnlyStorageError, match=r"a\.exe"):
        put(storage, "a.exe")


def test_a_name_that_all_layers_skip() -> None:
    """A name that every layer skips does not exist."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "skip": ["a.txt"]}])
    assert not storage.exists("a.txt")
    with pytest.raises(FileNotFoundError):
        storage.open("a.txt")


def test_a_layer_that_hangs_costs_one_wait(caplog: pytest.LogCaptureFixture) -> None:
    """A layer that does not answer in time is not asked again for a while, with a warning."""
    hanging = Waiting()
    layer = {"BACKEND": hanging, "timeout": 0.05}
    storage = FallbackStorage([InMemoryStorage(), layer])
    try:
        with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
            assert [storage.exists(f"{number}.jpg") for number in range(100)] == [False] * 100
    finally:
        hanging.released.set()
    assert (hanging.waits, len(caplog.records)) == (1, 1)
    assert "does not answer (TimeoutError: no answer within 0.05 seconds)" in caplog.text


def test_an_answer_in_time() -> None:
    """A layer with a timeout returns and raises what it does without one."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    assert get(storage, "a.txt") == b"a.txt"
    with pytest.raises(FileNotFoundError):
        storage.size("missing.txt")
    own = TimeoutError("the storage's own")
    with pytest.raises(TimeoutError, match="the storage's own"):
        FallbackStorage([{"BACKEND": Failing(own), "timeout": 30}], writable=[]).size("a.txt")


def calling_threads() -> list[threading.Thread]:
    """Return the threads that call layers."""
    return [each for each in threading.enumerate() if each.name == "FallbackStorage"]


@pytest.mark.parametrize("cache_reads", [False, True])
def test_a_fallback_storage_with_a_timeout(cache_reads: bool) -> None:
    """A layer that is a FallbackStorage answers in time while a file is copied up from it."""
    inner = FallbackStorage([InMemoryStorage(), stocked("a.txt")], cache_reads=cache_reads)
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": inner, "timeout": 5}])
    with storage.open("a.txt", "ab") as file:
        file.write(b"!")
    assert (get(storage, "a.txt"), get(inner, "a.txt")) == (b"a.txt!", b"a.txt")


def test_threads_are_daemons() -> None:
    """A thread that waits for a layer does not keep the process from ending."""
    hanging = Waiting()
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": hanging, "timeout": 0.01}])
    try:
        assert not storage.exists("a.txt")
        assert calling_threads() and all(thread.daemon for thread in calling_threads())
    finally:
        hanging.released.set()


def test_threads_are_reused() -> None:
    """Calls one after another run in one thread, which has the client's connection."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    storage.exists("a.txt")
    before = calling_threads()
    for _ in range(50):
        storage.exists("a.txt")
    assert calling_threads() == before


def test_calls_that_do_not_end_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A layer that hangs keeps a few threads, not one a call, and the log says so."""
    monkeypatch.setattr(failures, "_MAX_CALLS", 8)
    hanging = Waiting()
    layer = {"BACKEND": hanging, "timeout": 0.01, "down_for": 0, "missing_for": 0}
    storage = FallbackStorage([InMemoryStorage(), layer])
    other = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    before = len(calling_threads())
    try:
        with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
            assert [storage.exists(f"{number}.jpg") for number in range(50)] == [False] * 50
        assert len(calling_threads()) <= before + 8
        assert hanging.waits == 8
        assert "8 calls have not ended, and no other is begun before one ends" in caplog.text
        assert other.exists("a.txt")
    finally:
        hanging.released.set()
    put(hanging, "a.txt")
    assert any(storage.exists("a.txt") for _ in range(1000))  # as soon as calls have ended


def test_a_thread_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose thread cannot start raises, and takes the place of no other call."""
    monkeypatch.setattr(failures, "_MAX_CALLS", 1)
    monkeypatch.setattr(failures, "_idle_threads", PerProcess(list))
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 5}], writable=[])
    with monkeypatch.context() as patch:
        patch.setattr(failures._CallingThread, "start", refuse_to_start)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                storage.exists("a.txt")
    assert storage.exists("a.txt")


def refuse_to_start(thread: threading.Thread) -> None:
    """Raise as a process does that has too many threads."""
    raise RuntimeError("can't start new thread")


@needs_fork
@may_fork
def test_fork() -> None:
    """A forked child calls layers in its own threads."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 30}], writable=[])
    assert storage.exists("a.txt")
    assert succeeds_in_child(lambda: storage.exists("a.txt"))


def test_a_layer_is_asked_again(clock: list[float]) -> None:
    """A layer that did not answer is asked again after ``down_for`` seconds."""
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


def test_other_errors_are_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    """A layer that raises another error is asked again at once, with one warning."""
    failing = Failing(ZeroDivisionError("a fault"))
    storage = FallbackStorage([InMemoryStorage(), failing])
    with caplog.at_level(logging.WARNING, "inmemorystorage.fallback"):
        assert [storage.exists(f"{number}.txt") for number in range(3)] == [False] * 3
    assert len(failing.calls) == 3
    assert [each.message for each in caplog.records] == [
        "Failing fails (ZeroDivisionError: a fault)"
    ]


def test_a_writable_layer_has_no_outage() -> None:
    """A writable layer is asked each time, since it may have a newer file."""
    dead = Failing(ConnectionRefusedError(111, "refused"))
    storage = FallbackStorage([{"BACKEND": dead, "timeout": 5}, stocked("a.txt")], whiteouts=False)
    for _ in range(3):
        assert storage.exists("a.txt")
    assert len(dead.calls) == 3


def test_missing_names_are_remembered(clock: list[float]) -> None:
    """A missing name is not asked for again for ``missing_for`` seconds."""
    lower = Recording()
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": lower, "missing_for": 5}])
    assert not storage.exists("a.txt")
    with lower.assert_no_calls():
        assert not storage.exists("./a.txt")
        with pytest.raises(FileNotFoundError):
            storage.open("a.txt")
    with pytest.raises(FileNotFoundError):
        storage.size("b.txt")
    with lower.assert_no_calls():
        assert not storage.exists("b.txt")
    put(lower, "a.txt")
    assert storage.listdir("") == ([], ["a.txt"])
    clock[0] += 5
    assert storage.exists("a.txt")


def test_when_missing_names_are_remembered() -> None:
    """Missing names are remembered with a timeout, and without one only if asked to."""
    for options, expected in [({}, True), ({"timeout": 9}, False), ({"missing_for": 0}, True)]:
        lower = InMemoryStorage()
        storage = FallbackStorage([InMemoryStorage(), {"BACKEND": lower, **options}])
        assert not storage.exists("a.txt")
        put(lower, "a.txt")
        assert storage.exists("a.txt") is expected


def test_the_negative_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full negative cache forgets the name that was missed longest ago, and no other."""
    monkeypatch.setattr(failures, "_MAX_NAMES", 10)
    lower = Recording()
    storage = FallbackStorage([InMemoryStorage(), {"BACKEND": lower, "missing_for": 60}])
    for number in range(25):
        assert not storage.exists(f"{number}.txt")
    with lower.assert_no_calls():
        assert not any(storage.exists(f"{number}.txt") for number in range(15, 25))
    assert not storage.exists("14.txt")
    assert lower.calls == [("exists", "14.txt")]


class EndpointConnectionError(Exception):
    """A class with the name of botocore's, derived from no ConnectionError."""


class LibraryConnectionError(Exception):
    """A library's own class, called ConnectionError."""


LibraryConnectionError.__name__ = "ConnectionError"


class NoEndpoint(LibraryConnectionError):
    """A client's error, derived from its library's ConnectionError."""


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
def test_errors_of_an_outage(error: Exception, expected: bool) -> None:
    """Errors of sockets, and client libraries' errors by their names, mean an outage."""
    assert is_unreachable(error) is expected
