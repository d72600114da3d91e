"""Each process that runs tests has the file that a data migration saved."""

from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import TestCase
from uploads.models import Upload


class Migrated:
    def test_content(self):
        upload = Upload.objects.earliest("pk")
        self.assertEqual(upload.file.read(), b"migrated")
        upload.file.close()

    def test_path(self):
        upload = Upload.objects.earliest("pk")
        self.assertEqual(Path(settings.MEDIA_ROOT, upload.file.name).read_bytes(), b"migrated")
        self.assertEqual(Path(upload.file.path).read_bytes(), b"migrated")

    def test_saving(self):
        upload = Upload.objects.create(file=ContentFile(b"own", name="own.txt"))
        with default_storage.open(upload.file.name) as file:
            self.assertEqual(file.read(), b"own")
        upload.file.delete()


class FirstTests(Migrated, TestCase):
    pass


class SecondTests(Migrated, TestCase):
    pass


class ThirdTests(Migrated, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.upload = Upload.objects.create(file=ContentFile(b"data", name="data.txt"))
        cls.addClassCleanup(cls.upload.file.delete, save=False)

    def test_data(self):
        with default_storage.open(self.upload.file.name) as file:
            self.assertEqual(file.read(), b"data")


class FourthTests(Migrated, TestCase):
    pass
