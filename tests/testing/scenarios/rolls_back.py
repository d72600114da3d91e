"""Whatever a test, a class or a module did to files is undone at its end."""

import os
import unittest
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from uploads.models import Upload

ALIASES = ["default", "archive", "memory", "pathless"]


def save(name, content=b"content"):
    for alias in ALIASES:
        assert storages[alias].save(name, ContentFile(content)) == name


def left():
    """Return the files that are there, beside those of the project."""
    found = [
        os.path.relpath(os.path.join(path, name), settings.MEDIA_ROOT)
        for path, _, files in os.walk(settings.MEDIA_ROOT)
        for name in files
    ]
    return sorted(set(found) - {"kept.txt"})


def setUpModule():
    save("module.txt")


def tearDownModule():
    save("left-by-module.txt")


class RollsBack:
    of_class = ["class.txt", "module.txt"]

    def setUp(self):
        self.assertEqual(left(), self.of_class)
        for alias in ("memory", "archive"):
            self.assertEqual(sorted(storages[alias].listdir("")[1]), self.of_class)
        save("set-up.txt")

    def tearDown(self):
        save("torn-down.txt")

    def check(self):
        self.assertEqual(left(), sorted([*self.of_class, "set-up.txt"]))
        with default_storage.open("class.txt") as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual(Path(settings.MEDIA_ROOT, "kept.txt").read_bytes(), b"kept")
        save("own.txt")

    def test_saving(self):
        self.check()
        self.addCleanup(save, "cleaned-up.txt")

    def test_deleting(self):
        self.check()
        for alias in ALIASES:
            storages[alias].delete("class.txt")
        default_storage.delete("kept.txt")

    def test_by_hand(self):
        self.check()
        path = Path(settings.MEDIA_ROOT, "class.txt")
        path.write_bytes(b"other")
        path.chmod(0o400)
        path.rename(path.with_name("renamed.txt"))
        Path(settings.MEDIA_ROOT, "d", "e").mkdir(parents=True)

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                save(f"{number}.txt")
        self.assertIn("2.txt", left())

    def test_skipped(self):
        self.skipTest("leaves its files")

    @unittest.expectedFailure
    def test_that_fails(self):
        raise AssertionError


class OfClass(RollsBack):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        save("class.txt")
        cls.addClassCleanup(save, "left-by-cleanup.txt")

    @classmethod
    def tearDownClass(cls):
        save("left-by-class.txt")
        super().tearDownClass()


class DataTests(RollsBack, TestCase):
    @classmethod
    def setUpTestData(cls):
        save("class.txt")

    @classmethod
    def tearDownClass(cls):
        save("left-by-class.txt")
        super().tearDownClass()

    def test_rows_and_files(self):
        self.assertEqual(Upload.objects.count(), 0)
        upload = Upload.objects.create(file=ContentFile(b"", name="row.txt"))
        self.assertEqual(upload.file.name, "uploads/row.txt")

    test_rows_and_files_again = test_rows_and_files


class SimpleTests(OfClass, SimpleTestCase):
    pass


class TransactionTests(OfClass, TransactionTestCase):
    available_apps = ["uploads"]


class PlainTests(OfClass, unittest.TestCase):
    pass


class AsyncTests(OfClass, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        save("async.txt")

    async def asyncTearDown(self):
        save("async-torn-down.txt")

    def check(self):
        default_storage.delete("async.txt")
        super().check()


class SkippedSetUpTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        save("left-by-skip.txt")
        raise unittest.SkipTest("leaves its files")

    def test_nothing(self):
        raise AssertionError


class LastTests(unittest.TestCase):
    def test_what_classes_left(self):
        self.assertEqual(left(), ["module.txt"])
