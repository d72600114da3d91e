"""K6b: a test builds the path of MEDIA_ROOT by hand."""

from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase


class ByHandTests(SimpleTestCase):
    def test_by_hand(self):
        name = default_storage.save("by-hand.txt", ContentFile(b"content"))
        path = Path(__file__).parent / "media" / name
        self.assertEqual(path.read_bytes(), b"content")

    def test_exists(self):
        name = default_storage.save("by-hand.txt", ContentFile(b"content"))
        path = Path(__file__).parent / "media" / name
        self.assertTrue(path.exists(), f"{path} is missing")
