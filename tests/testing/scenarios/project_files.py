"""K1: files that are there before the run."""

import os
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, TestCase
from gallery.models import Picture


class ProjectFilesTests(SimpleTestCase):
    def read(self, name):
        with default_storage.open(name) as file:
            return file.read()

    def test_tracked(self):
        self.assertEqual(self.read("deep/er/tracked.txt"), b"tracked")
        self.assertEqual(Path(settings.MEDIA_ROOT, "deep/er/tracked.txt").read_bytes(), b"tracked")
        self.assertIn("deep", default_storage.listdir("")[0])

    def test_media_root_exists(self):
        self.assertTrue(os.path.isdir(settings.MEDIA_ROOT))
        with self.assertRaises(FileExistsError):
            os.mkdir(settings.MEDIA_ROOT)

    def test_saved_at_import(self):
        self.assertEqual(self.read("CACHEDIR.TAG"), b"Signature")
        self.assertTrue(os.path.isfile(os.path.join(settings.MEDIA_ROOT, "CACHEDIR.TAG")))

    def test_saved_when_ready(self):
        self.assertEqual(self.read("ready.txt"), b"ready")
        self.assertEqual(Path(settings.MEDIA_ROOT, "by-hand.txt").read_text(), "by hand")

    def test_other_location(self):
        self.assertEqual(Path(settings.PRIVATE_ROOT, "tracked.txt").read_bytes(), b"private")


class DefaultTests(TestCase):
    def test_default(self):
        picture = Picture.objects.create()
        self.assertEqual(picture.image.name, "default.png")
        self.assertEqual((picture.image.width, picture.image.height), (2, 3))
        self.assertTrue(picture.image.url.endswith("/default.png"))
        picture.image.close()

    def test_saving_beside_it(self):
        with default_storage.open("default.png") as image:
            name = default_storage.save("default.png", image)
            self.assertEqual(os.path.getsize(default_storage.path(name)), image.size)
        self.assertNotEqual(name, "default.png")
        default_storage.delete(name)
