"""Each worker has files that were saved while modules were imported, and the project's."""

import os
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase

MEDIA = Path(settings.MEDIA_ROOT)
SAVED = default_storage.save("imported.txt", ContentFile(b"imported"))


class Imported:
    media = MEDIA

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(f"{os.getpid()}.root", "w") as file:
            file.write(settings.MEDIA_ROOT)

    def test_this_module(self):
        self.assertEqual(Path(MEDIA, SAVED).read_bytes(), b"imported")
        self.assertEqual(Path(self.media, SAVED).read_bytes(), b"imported")
        self.assertEqual(str(MEDIA), settings.MEDIA_ROOT)

    def test_ready(self):
        name = apps.get_app_config("uploads").saved
        self.assertEqual(Path(MEDIA, name).read_bytes(), b"ready")

    def test_file_of_the_project(self):
        with default_storage.open("default.txt") as file:
            self.assertEqual(file.read(), b"default")

    def test_initialized(self):
        self.assertEqual(os.environ["INITIALIZED"], "by the project")


class FirstTests(Imported, SimpleTestCase):
    pass


class SecondTests(Imported, SimpleTestCase):
    pass


class ThirdTests(Imported, SimpleTestCase):
    pass
