"""A storage that only the project knows works on private files too."""

import functools
import os
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.test import SimpleTestCase, TestCase
from library.models import KEPT, Document

STORAGE = FileSystemStorage(settings.BASE_DIR / "of-tests")


@functools.cache
def cached():
    return FileSystemStorage(location=settings.BASE_DIR / "cached")


class FirstTouchTests(SimpleTestCase):
    def check(self, storage):
        self.assertFalse(storage.exists("a.txt"))
        name = storage.save("a.txt", ContentFile(b"content"))
        with storage.open(name) as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual(storage.listdir(""), ([], ["a.txt"]))
        self.assertEqual(Path(storage.path(name)).read_bytes(), b"content")
        self.assertEqual(Path(storage.location, name).read_bytes(), b"content")
        self.assertEqual(os.path.dirname(storage.path(name)), str(storage.location))
        storage.delete(name)
        os.rmdir(storage.location)

    def test_of_a_module(self):
        self.check(STORAGE)
        self.check(KEPT["reports"])

    def test_of_a_field(self):
        field = Document._meta.get_field("with_thumbnail")
        self.check(field.thumbnail_storage)
        self.check(field.storages[0])

    def test_cached(self):
        self.check(cached())
        self.check(cached())

    def test_created(self):
        options = {"location": os.path.join(settings.BASE_DIR, "created")}
        entry = {"BACKEND": settings.FILE_SYSTEM, "OPTIONS": options}
        self.check(storages.create_storage(entry))

    def test_made_inside(self):
        for location in ("inside", "in/side", settings.BASE_DIR / "inside"):
            self.check(FileSystemStorage(location))

    def test_alias(self):
        self.check(storages["archive"])

    def test_raw_files(self):
        storage = FileSystemStorage(settings.BASE_DIR / "raw")
        os.makedirs(storage.path("d"))
        Path(storage.path("d/a.txt")).write_bytes(b"content")
        self.assertEqual(storage.listdir("d"), ([], ["a.txt"]))
        os.remove(storage.path("d/a.txt"))
        os.rmdir(storage.path("d"))
        os.rmdir(storage.path(""))


class ModelTests(TestCase):
    def test_fields(self):
        document = Document.objects.create(
            private=ContentFile(b"content", name="a.txt"),
            nested=ContentFile(b"content", name="a.txt"),
            with_thumbnail=ContentFile(b"content", name="a.txt"),
        )
        self.assertTrue(os.path.isfile(os.path.join(settings.PRIVATE_ROOT, "a.txt")))
        self.assertTrue(os.path.isfile(os.path.join(settings.MEDIA_ROOT, "nested", "a.txt")))
        for name in ("private", "nested", "with_thumbnail"):
            getattr(document, name).delete()
