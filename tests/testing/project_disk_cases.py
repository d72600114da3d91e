"""Cases of a project on a disk, which use paths beside the storage."""

from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import TestCase
from project_bases import Base


class DiskTests(Base, TestCase):
    def setUp(self):
        self.assertEqual(default_storage.listdir("")[1], [])

    def test_paths(self):
        name = default_storage.save("a.txt", ContentFile(b"content"))
        self.assertEqual(Path(settings.MEDIA_ROOT, name).read_bytes(), b"content")
        self.assertEqual(Path(default_storage.path(name)).read_bytes(), b"content")

    def test_another_storage(self):
        default_storage.save("a.txt", ContentFile(b""))
        stray = FileSystemStorage()
        self.assertTrue(stray.exists("a.txt"))
        stray.save("stray.txt", ContentFile(b""))
        self.assertTrue(default_storage.exists("stray.txt"))

    def test_by_hand(self):
        Path(settings.MEDIA_ROOT, "by-hand.txt").write_text("")
        self.assertEqual(default_storage.listdir("")[1], ["by-hand.txt"])
