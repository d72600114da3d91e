"""
The cases that each way to use the kit must pass: tests of a generated project.

``Case`` and ``TransactionCase`` come from the project, which has its way in there.
"""

import unittest
from urllib.request import Request, urlopen

from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase
from project_bases import Base


def files():
    """Return the names of all files."""
    return sorted(default_storage.listdir("")[1])


def save(name, content=b"content"):
    """Save a file under exactly this name."""
    assert default_storage.save(name, ContentFile(content)) == name


class Levels:
    """Tests that change all files; each finds those of the class unchanged."""

    def change_everything(self):
        self.assertEqual(files(), ["class.txt", "gone.txt", "set-up.txt"])
        with default_storage.open("class.txt") as file:
            self.assertEqual(file.read(), b"content")
        save("own.txt")
        with default_storage.open("class.txt", "ab") as file:
            file.write(b"more")
        default_storage.delete("gone.txt")

    def setUp(self):
        save("set-up.txt")

    def test_a(self):
        self.change_everything()

    def test_b(self):
        self.change_everything()

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                save(f"{number}.txt")
        self.assertIn("2.txt", files())


class DataTests(Levels, Base, TestCase):
    @classmethod
    def setUpTestData(cls):
        save("class.txt")
        save("gone.txt")

    async def test_async(self):
        await sync_to_async(self.change_everything)()


class SetUpClass(Levels):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        save("class.txt")
        save("gone.txt")


class SimpleTests(SetUpClass, Base, SimpleTestCase):
    pass


class TransactionTests(SetUpClass, Base, TransactionTestCase):
    available_apps = []


class LiveServerTests(SetUpClass, Base, LiveServerTestCase):
    available_apps = []

    def test_files_are_served(self):
        save("served.txt")
        url = self.live_server_url + default_storage.url("served.txt")
        with urlopen(Request(url, headers={"Range": "bytes=1-3"})) as response:
            self.assertEqual((response.status, response.read()), (206, b"ont"))


class PlainTests(SetUpClass, Base, unittest.TestCase):
    pass


class SetUpClassEnds(Base, TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        save("left.txt")
        cls.tearDownClass()
        raise unittest.SkipTest("ends here")

    def test_nothing(self):
        raise AssertionError("not reached")


class SetUpEnds(Base, TestCase):
    def setUp(self):
        self.assertEqual(files(), [])
        save("left.txt")
        self.skipTest("ends here")

    def test_a(self):
        raise AssertionError("not reached")

    def test_b(self):
        raise AssertionError("not reached")


class NothingIsLeft(Base, SimpleTestCase):
    def test_nothing_is_left(self):
        self.assertEqual(files(), [])
