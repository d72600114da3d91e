"""K6a: settings that name the same directory, or one below, name the files of the test."""

import os
import shutil
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.management import call_command
from django.test import SimpleTestCase, TestCase
from library.models import Document


class SettingsTests(SimpleTestCase):
    def save(self, name):
        assert default_storage.save(name, ContentFile(b"content")) == name
        self.addCleanup(shutil.rmtree, default_storage.path(os.path.dirname(name)))

    def test_path(self):
        self.save("sent/a.txt")
        self.assertEqual((settings.SENDFILE_ROOT / "a.txt").read_bytes(), b"content")
        self.assertEqual(self.client.get("/send/a.txt").getvalue(), b"content")

    def test_string(self):
        self.save("uploads/a.txt")
        self.assertEqual(os.listdir(settings.UPLOADS_DIR), ["a.txt"])
        self.assertEqual(Path(settings.UPLOADS_DIR + "a.txt").read_bytes(), b"content")

    def test_dict(self):
        self.save("thumbs/a.txt")
        self.assertEqual(os.listdir(settings.THUMBNAILS["ROOT"]), ["a.txt"])
        self.assertEqual(settings.THUMBNAILS["SIZES"], [10, 20])
        self.assertEqual(settings.THUMBNAILS["URL"], "/thumbs/")

    def test_list(self):
        self.save("import/a.txt")
        self.assertEqual(os.listdir(settings.IMPORT_DIRS[0]), ["a.txt"])
        self.assertEqual(settings.IMPORT_DIRS[1], "relative")

    def test_tuple_and_storages(self):
        name = storages["archive"].save("a.txt", ContentFile(b"content"))
        directory, number = settings.ARCHIVES
        self.assertEqual(((directory / name).read_bytes(), number), (b"content", 7))
        location = settings.STORAGES["archive"]["OPTIONS"]["location"]
        self.assertEqual(os.listdir(location), ["a.txt"])
        self.assertIsInstance(location, Path)
        made = FileSystemStorage(**settings.STORAGES["archive"]["OPTIONS"])
        self.assertTrue(made.exists(name))
        shutil.rmtree(location)

    def test_writing(self):
        os.makedirs(settings.SENDFILE_ROOT)
        (settings.SENDFILE_ROOT / "b.txt").write_bytes(b"by hand")
        self.assertTrue(default_storage.exists("sent/b.txt"))
        shutil.rmtree(settings.SENDFILE_ROOT)

    def test_types(self):
        self.assertIsInstance(settings.MEDIA_ROOT, str)
        self.assertIsInstance(settings.SENDFILE_ROOT, Path)
        self.assertTrue(settings.UPLOADS_DIR.endswith("/uploads/"))

    def test_others_stay(self):
        self.assertEqual(settings.BASE_DIR, Path(__file__).parent)
        self.assertEqual(settings.DATABASES["default"]["ENGINE"], "django.db.backends.sqlite3")
        self.assertEqual(settings.MEDIA_URL, "/media/")

    def test_static_files(self):
        self.assertEqual(settings.STATIC_ROOT, str(settings.BASE_DIR / "collected"))
        call_command("collectstatic", interactive=False, dry_run=True, verbosity=0)
        self.assertEqual(storages["staticfiles"].location, settings.STATIC_ROOT)


class ModelTests(TestCase):
    def test_another_directory(self):
        document = Document.objects.create(private=ContentFile(b"content", name="a.txt"))
        for root in (settings.PRIVATE_ROOT, settings.PRIVATE_STORAGE_ROOT):
            self.assertEqual(os.listdir(root), ["a.txt"])
        shutil.rmtree(document.private.storage.location)
