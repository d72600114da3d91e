"""Tests that fail since a file is missing that only the real directory has."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.test import SimpleTestCase


class MissingTests(SimpleTestCase):
    def test_storage(self):
        default_storage.open("untracked.txt").close()

    def test_path(self):
        self.assertEqual(Path(settings.MEDIA_ROOT, "untracked.txt").read_bytes(), b"untracked")

    def test_size(self):
        self.assertEqual(default_storage.size("untracked.txt"), 9)
