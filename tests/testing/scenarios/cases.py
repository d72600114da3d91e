"""Test cases of all kinds save files and find them."""

import asyncio
import os
import unittest

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from uploads.models import Upload


def save(name, content=b"content"):
    return default_storage.save(name, ContentFile(content))


def read(name):
    with default_storage.open(name) as file:
        return file.read()


class AsyncTests(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.name = await asyncio.to_thread(save, "set-up.txt")

    async def asyncTearDown(self):
        await asyncio.to_thread(default_storage.delete, self.name)

    async def test_threads(self):
        name = await asyncio.to_thread(save, "own.txt")
        self.assertEqual(await asyncio.to_thread(read, name), b"content")
        self.assertEqual(read(self.name), b"content")
        default_storage.delete(name)

    async def test_tasks(self):
        names = await asyncio.gather(*(asyncio.to_thread(save, f"{n}.txt") for n in range(5)))
        self.assertEqual(len(set(names)), 5)
        for name in names:
            default_storage.delete(name)


class SubTests(SimpleTestCase):
    def test_one_after_the_other(self):
        names = []
        for number in range(3):
            with self.subTest(number=number):
                names.append(save("sub.txt"))
                self.assertTrue(all(default_storage.exists(name) for name in names))
        self.assertEqual(len(set(names)), 3)
        for name in names:
            default_storage.delete(name)


class DataTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.upload = Upload.objects.create(file=ContentFile(b"data", name="data.txt"))

    @classmethod
    def tearDownClass(cls):
        default_storage.delete(cls.upload.file.name)
        super().tearDownClass()

    def test_data(self):
        self.assertEqual(read(self.upload.file.name), b"data")
        self.assertTrue(os.path.isfile(self.upload.file.path))

    async def test_async(self):
        name = await sync_to_async(save)("async.txt")
        self.assertEqual(await sync_to_async(read)(name), b"content")
        default_storage.delete(name)

    @unittest.expectedFailure
    def test_that_fails(self):
        self.assertEqual(read(self.upload.file.name), b"other")

    @unittest.skip("skipped")
    def test_skipped(self):
        raise AssertionError


class TransactionTests(TransactionTestCase):
    available_apps = ["uploads"]

    def setUp(self):
        self.upload = Upload.objects.create(file=ContentFile(b"data", name="data.txt"))
        self.addCleanup(default_storage.delete, self.upload.file.name)

    def test_model(self):
        self.assertEqual(read(Upload.objects.get().file.name), b"data")

    def test_size(self):
        self.assertEqual(Upload.objects.get().file.size, 4)


class PlainTests(unittest.TestCase):
    def test_plain(self):
        path = os.path.join(settings.MEDIA_ROOT, "plain.txt")
        with open(path, "w") as file:
            file.write("plain")
        self.assertEqual(read("plain.txt"), b"plain")
        os.remove(path)
