"""A process that a test starts works on the files of the test, as on a disk."""

import atexit
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import SimpleTestCase, TestCase
from uploads import tasks


def save(name, content=b"content"):
    return default_storage.save(name, ContentFile(content))


def fork(function, *args):
    """Call a function in a forked process; return the process's exit status."""
    pid = os.fork()
    if not pid:
        try:
            function(*args)
            atexit._run_exitfuncs()  # as a process does that ends by itself
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class ForkTests(SimpleTestCase):
    def tearDown(self):
        for name in ("parent.txt", "child.txt", "other.txt"):
            default_storage.delete(name)

    def read(self, name):
        with default_storage.open(name) as file:
            return file.read()

    def test_what_a_child_saves(self):
        self.assertEqual(fork(save, "child.txt"), 0)
        self.assertEqual(self.read("child.txt"), b"content")
        self.assertIn("child.txt", default_storage.listdir("")[1])

    def test_what_a_child_finds(self):
        save("parent.txt")
        self.assertEqual(fork(self.assertEqual, self.read("parent.txt"), b"content"), 0)
        self.assertEqual(fork(default_storage.delete, "parent.txt"), 0)
        self.assertFalse(default_storage.exists("parent.txt"))

    def test_a_child_appends(self):
        path = default_storage.path(save("parent.txt"))
        self.assertEqual(fork(tasks.append, path), 0)
        self.assertEqual(self.read("parent.txt"), b"contentmore")

    def test_a_directory_that_is_new(self):
        storage = FileSystemStorage(os.path.join(settings.BASE_DIR, "other"))
        self.addCleanup(storage.delete, "child.txt")
        self.assertEqual(fork(storage.save, "child.txt", ContentFile(b"content")), 0)
        self.assertTrue(storage.exists("child.txt"))

    def test_the_parent_goes_on(self):
        self.assertEqual(fork(save, "child.txt"), 0)
        self.assertEqual(fork(save, "other.txt"), 0)
        save("parent.txt")
        names = set(default_storage.listdir("")[1])
        self.assertLessEqual({"parent.txt", "child.txt", "other.txt"}, names)

    def test_multiprocessing(self):
        process = multiprocessing.get_context("fork").Process(target=save, args=("child.txt",))
        process.start()
        process.join()
        self.assertEqual(process.exitcode, 0)
        self.assertEqual(self.read("child.txt"), b"content")

    def test_a_pool(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            names = pool.map(save, ["child.txt", "other.txt"])
            pool.close()
            pool.join()
        self.assertEqual(names, ["child.txt", "other.txt"])
        self.assertEqual(self.read("other.txt"), b"content")

    def test_an_executor(self):
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            self.assertEqual(executor.submit(save, "child.txt").result(), "child.txt")
        self.assertEqual(self.read("child.txt"), b"content")


class FreshProcessTests(TestCase):
    """Processes that import everything again get paths."""

    def setUp(self):
        self.path = default_storage.path(save("parent.txt"))
        self.addCleanup(default_storage.delete, "parent.txt")

    def check(self):
        with default_storage.open("parent.txt") as file:
            self.assertEqual(file.read(), b"contentmore")

    def test_spawn(self):
        process = multiprocessing.get_context("spawn").Process(
            target=tasks.append, args=(self.path,)
        )
        process.start()
        process.join()
        self.assertEqual(process.exitcode, 0)
        self.check()

    def test_forkserver(self):
        context = multiprocessing.get_context("forkserver")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(tasks.append, self.path).result()
        self.check()

    def test_a_program(self):
        program = "import sys; open(sys.argv[1], 'ab').write(b'more')"
        subprocess.run([sys.executable, "-W", "ignore", "-c", program, self.path], check=True)
        self.check()

    def test_a_program_in_media_root(self):
        program = "open('parent.txt', 'ab').write(b'more')"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], check=True, cwd=settings.MEDIA_ROOT
        )
        self.check()


class ThreadTests(SimpleTestCase):
    def test_a_thread(self):
        thread = threading.Thread(target=save, args=("thread.txt",))
        thread.start()
        thread.join()
        self.addCleanup(default_storage.delete, "thread.txt")
        self.assertEqual(Path(settings.MEDIA_ROOT, "thread.txt").read_bytes(), b"content")
