"""A handle outlives the test, the run and the files."""

import atexit
import os
import sys

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import SimpleTestCase

HANDLES = []
ALIASES = ["default", "archive", "memory", "pathless"]


@atexit.register
def use():
    assert len(HANDLES) == 2 * len(ALIASES)
    for handle in HANDLES:
        repr(handle)
        assert handle.name
        try:
            handle.seek(0)
            content = handle.read()
        except ValueError as error:
            content = str(error)
        assert content in (b"content", "I/O operation on closed file."), content
        handle.close()
    print("HANDLES WERE USED", file=sys.stderr)


class HandleTests(SimpleTestCase):
    def open(self, mode):
        for alias in ALIASES:
            name = storages[alias].save(f"handle-{mode}.txt", ContentFile(b"content"))
            HANDLES.append(storages[alias].open(name, mode))
            self.addCleanup(storages[alias].delete, name)

    def test_reading(self):
        self.open("rb")
        self.assertEqual(HANDLES[-1].read(), b"content")

    def test_writing(self):
        self.open("rb+")

    def test_deleted_while_open(self):
        name = default_storage.save("open.txt", ContentFile(b"content"))
        with default_storage.open(name) as file:
            os.remove(default_storage.path(name))
            self.assertEqual(file.read(), b"content")
