"""K5: modules read MEDIA_ROOT while they are imported."""

import os
import shutil
from pathlib import Path

import library.models
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import SimpleTestCase, override_settings

IMAGES = Path(settings.MEDIA_ROOT, "img")
MEDIA_ROOT = settings.MEDIA_ROOT
STORAGE = FileSystemStorage(location=os.path.join(settings.MEDIA_ROOT, "of-module"))
LOCATION = default_storage.location
with default_storage.open("kept.txt") as kept:
    CONTENT = kept.read()


def path_of(name, root=settings.MEDIA_ROOT):
    return os.path.join(root, name)


class AtImportTests(SimpleTestCase):
    directory = os.path.join(settings.MEDIA_ROOT, "class")

    def setUp(self):
        IMAGES.mkdir()
        self.addCleanup(shutil.rmtree, IMAGES)

    def test_paths(self):
        (IMAGES / "a.png").write_bytes(b"image")
        with default_storage.open("img/a.png") as file:
            self.assertEqual(file.read(), b"image")
        default_storage.save("img/b.png", ContentFile(b""))
        self.assertEqual(sorted(os.listdir(IMAGES)), ["a.png", "b.png"])

    def test_constants(self):
        self.assertEqual(MEDIA_ROOT, settings.MEDIA_ROOT)
        self.assertEqual(LOCATION, default_storage.location)
        self.assertEqual(path_of("a.txt"), default_storage.path("a.txt"))
        self.assertEqual(self.directory, default_storage.path("class"))
        self.assertEqual(CONTENT, b"kept")

    def test_constants_of_the_project(self):
        self.assertEqual(library.models.MEDIA_ROOT, default_storage.location)
        self.assertEqual(library.models.tagged.location, default_storage.location)

    def test_storages(self):
        name = STORAGE.save("a.txt", ContentFile(b""))
        self.assertTrue(default_storage.exists("of-module/a.txt"))
        self.assertEqual(STORAGE.path(name), path_of("of-module/a.txt"))
        shutil.rmtree(STORAGE.location)

    @override_settings(MEDIA_ROOT=IMAGES)
    def test_overrides(self):
        default_storage.save("c.png", ContentFile(b""))
        self.assertEqual(os.listdir(IMAGES), ["c.png"])
