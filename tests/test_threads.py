"""Threads: no content is lost, and a reader sees whole contents only."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile

from inmemorystorage import InMemoryStorage

THREADS = 8
ROUNDS = 150


@pytest.fixture(params=["memory", "filesystem"])
def storage(request, tmp_path):
    """Return a storage of either behavior."""
    return InMemoryStorage(location=tmp_path, behaves_like=request.param)


@pytest.fixture
def together():
    """Return a function that calls another in all threads at once, and returns the results."""
    barrier = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:

        def call(function, *args):
            def started(number):
                barrier.wait()
                return function(number, *args)

            return list(pool.map(started, range(THREADS)))

        yield call


@pytest.mark.parametrize("wrap", [ContentFile, lambda content: iter_file(content)])
def test_concurrent_saves_of_one_name(storage, together, wrap):
    """Each thread that saves one name concurrently stores its content under its own name."""

    def save(number, turn):
        return storage.save(f"d{turn}/f.txt", wrap(b"%d-%d" % (turn, number)))

    for turn in range(ROUNDS):
        names = together(save, turn)
        assert len(set(names)) == THREADS
        contents = [b"%d-%d" % (turn, number) for number in range(THREADS)]
        assert [storage.open(name).read() for name in names] == contents


def iter_file(content):
    """Return a content that only Storage.save() takes, not the fast path."""

    class Chunked(ContentFile):
        pass

    return Chunked(content)


def test_reader_sees_whole_contents(storage, together):
    """A reader reads one whole content while others save, list and delete."""
    bodies = {bytes([letter]) * 50_000 for letter in b"abcdefgh"}

    def work(number):
        for _ in range(60):
            body = sorted(bodies)[number]
            name = storage.save("d/f", ContentFile(body))
            assert storage.open(name).read() == body
            for other in storage.listdir("d")[1]:
                try:
                    assert storage.size(f"d/{other}") == 50_000
                    assert storage.open(f"d/{other}").read() in bodies
                except FileNotFoundError:
                    pass
            storage.delete(name)

    together(work)
    assert storage.listdir("d") == ([], [])


def test_reader_sees_whole_contents_while_overwriting(tmp_path, together):
    """A reader reads one whole content while others overwrite the file."""
    storage = InMemoryStorage(location=tmp_path, allow_overwrite=True)
    bodies = [bytes([letter]) * 50_000 for letter in b"abcdefgh"]
    storage.save("f", bodies[0])

    def work(number):
        for _ in range(100):
            storage.save("f", ContentFile(bodies[number]))
            with storage.open("f") as file:
                assert file.read(10_000) + file.read() in bodies

    together(work)


def test_concurrent_appends_are_kept(storage, together):
    """A file has all bytes that several handles append concurrently."""
    storage.save("log", b"")

    def work(number):
        for _ in range(200):
            with storage.open("log", "ab") as file:
                file.write(b"%d\n" % number)

    together(work)
    lines = storage.open("log").read().split()
    assert sorted(lines) == sorted(b"%d" % n for n in range(THREADS) for _ in range(200))


def test_directories_are_made_once(storage, together):
    """Threads that make the same directories concurrently find all their files."""

    def save(number, turn):
        return storage.save(f"x{turn}/y/z/{number}", b"")

    for turn in range(50):
        together(save, turn)
        assert len(storage.listdir(f"x{turn}/y/z")[1]) == THREADS


FORKS = """
import os, signal, threading, warnings
from django.conf import settings
settings.configure(MEDIA_ROOT="/srv/media")
from inmemorystorage import InMemoryStorage
warnings.simplefilter("ignore", DeprecationWarning)  # the test forks beside threads
storage = InMemoryStorage(behaves_like="{}")
stop = threading.Event()
def work():
    while not stop.is_set():
        storage.save("busy", b"")
        storage.delete("busy")
thread = threading.Thread(target=work)
thread.start()
codes = set()
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        storage.save("child", b"x")
        os._exit(0)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
thread.join()
print(codes, storage.exists("child"))
"""


@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_forked_process_can_change_the_tree(behaves_like):
    """A forked process does not inherit a lock that another thread holds."""
    # Without coverage, since a child does inherit its lock.
    environment = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", FORKS.format(behaves_like)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "{0} False\n", done.stderr
