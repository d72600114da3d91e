"""Each process has its own files, which roll back to those of migrations."""

import os

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import TestCase
from uploads.models import Upload


class RollsBack:
    def setUp(self):
        self.assertEqual(os.listdir(settings.MEDIA_ROOT), ["uploads"])
        self.assertEqual(default_storage.listdir("uploads"), ([], ["migrated.txt"]))

    def test_deleting(self):
        upload = Upload.objects.earliest("pk")
        self.assertEqual(upload.file.name, "uploads/migrated.txt")
        upload.file.delete()

    def test_saving(self):
        self.assertEqual(default_storage.save("own.txt", ContentFile(b"own")), "own.txt")

    def test_writing(self):
        with open(os.path.join(settings.MEDIA_ROOT, "by-hand.txt"), "w") as file:
            file.write("own")


class FirstTests(RollsBack, TestCase):
    pass


class SecondTests(RollsBack, TestCase):
    pass


class ThirdTests(RollsBack, TestCase):
    pass


class FourthTests(RollsBack, TestCase):
    pass
