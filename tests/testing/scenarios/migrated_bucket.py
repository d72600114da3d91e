"""Each process that runs tests has the object that a data migration saved."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import TestCase
from uploads.models import Upload


class Migrated:
    def setUp(self):
        keys = [each.key for each in default_storage.bucket.objects.all()]
        self.assertEqual(keys, ["media/uploads/migrated.txt"])

    def test_content(self):
        with Upload.objects.earliest("pk").file.open() as file:
            self.assertEqual(file.read(), b"migrated")

    def test_saving(self):
        default_storage.save("own.txt", ContentFile(b"own"))

    def test_deleting(self):
        Upload.objects.earliest("pk").file.delete()


class FirstTests(Migrated, TestCase):
    pass


class SecondTests(Migrated, TestCase):
    pass


class ThirdTests(Migrated, TestCase):
    pass
