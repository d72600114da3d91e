"""K3: tests make MEDIA_ROOT, and remove it."""

import os
import shutil
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, TestCase
from uploads.models import Upload


class MadeTests(SimpleTestCase):
    def setUp(self):
        os.makedirs(settings.MEDIA_ROOT)

    def tearDown(self):
        shutil.rmtree(settings.MEDIA_ROOT)

    def test_saving(self):
        default_storage.save("a.txt", ContentFile(b"content"))
        self.assertEqual(os.listdir(settings.MEDIA_ROOT), ["a.txt"])

    def test_nothing(self):
        self.assertEqual(os.listdir(settings.MEDIA_ROOT), [])


class OfClassTests(TestCase):
    @classmethod
    def setUpClass(cls):
        os.mkdir(settings.MEDIA_ROOT)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(settings.MEDIA_ROOT)

    def test_saving(self):
        upload = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
        self.assertEqual(Path(settings.MEDIA_ROOT, upload.file.name).read_bytes(), b"content")


class MissingTests(SimpleTestCase):
    def test_missing(self):
        self.assertFalse(os.path.exists(settings.MEDIA_ROOT))
        self.assertFalse(default_storage.exists("a.txt"))
        with self.assertRaises(FileNotFoundError):
            default_storage.listdir("")

    def test_saving_makes_it(self):
        default_storage.save("a.txt", ContentFile(b""))
        self.assertTrue(os.path.isdir(settings.MEDIA_ROOT))
        shutil.rmtree(settings.MEDIA_ROOT)
