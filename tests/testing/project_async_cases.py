"""A case that Django's ``--parallel`` cannot send to another process."""

import asyncio
import unittest

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from project_bases import Base


class AsyncTests(Base, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.assertEqual(default_storage.listdir("")[1], [])
        default_storage.save("set-up.txt", ContentFile(b""))

    async def test_a(self):
        await asyncio.to_thread(default_storage.save, "own.txt", ContentFile(b""))
        self.assertEqual(sorted(default_storage.listdir("")[1]), ["own.txt", "set-up.txt"])

    async def test_b(self):
        await self.test_a()
