"""K4 and K7: a directory that a test names is the one that it gets."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.test import SimpleTestCase, TestCase, override_settings
from library.models import Document
from uploads.models import Upload

TEMPORARY = tempfile.mkdtemp()
temporary_storage = FileSystemStorage(TEMPORARY)
TEST_ROOT = os.path.join(settings.BASE_DIR, "test_media")


def setUpModule():
    os.makedirs(TEMPORARY, exist_ok=True)


def tearDownModule():
    shutil.rmtree(TEMPORARY)


def save(storage=default_storage, name="a.txt"):
    return storage.save(name, ContentFile(b"content"))


class Directories(SimpleTestCase):
    def setUp(self):
        self.tmp = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tmp)

    def assertHas(self, directory, name="a.txt"):
        self.assertEqual(Path(directory, name).read_bytes(), b"content")


class MediaRootTests(Directories):
    def test_look_into_it(self):
        for value in (self.tmp, Path(self.tmp)):
            with override_settings(MEDIA_ROOT=value):
                save()
                self.assertEqual(settings.MEDIA_ROOT, value)
                self.assertEqual(os.listdir(self.tmp), ["a.txt"])
                self.assertHas(self.tmp)
                self.assertEqual(default_storage.path("a.txt"), os.path.join(self.tmp, "a.txt"))
                default_storage.delete("a.txt")

    def test_after_it(self):
        before = default_storage.location
        with self.settings(MEDIA_ROOT=self.tmp):
            self.assertEqual(default_storage.location, self.tmp)
        self.assertEqual(default_storage.location, before)
        self.assertEqual(settings.MEDIA_ROOT, before)

    def test_it_does_not_exist(self):
        root = os.path.join(self.tmp, "new", "media")
        with override_settings(MEDIA_ROOT=root):
            self.assertFalse(os.path.exists(root))
            os.makedirs(settings.MEDIA_ROOT)
            save()
            self.assertHas(root)
        root = os.path.join(self.tmp, "other")
        with override_settings(MEDIA_ROOT=root):
            os.mkdir(settings.MEDIA_ROOT)
            save()
        self.assertHas(root)

    def test_relative(self):
        self.addCleanup(shutil.rmtree, "media_root")
        with override_settings(MEDIA_ROOT="media_root"):
            for storage in (default_storage, FileSystemStorage()):
                self.assertEqual(storage.location, os.path.abspath("media_root"))
                self.assertEqual(storage.base_location, "media_root")
            save()
            self.assertHas("media_root")
            self.assertHas(os.path.join(settings.BASE_DIR, "media_root"))

    def test_below_media_root(self):
        root = os.path.join(settings.MEDIA_ROOT, "test")
        before = settings.MEDIA_ROOT
        with override_settings(MEDIA_ROOT=root):
            save()
            self.assertHas(root)
        self.assertHas(before, "test/a.txt")
        self.assertTrue(default_storage.exists("test/a.txt"))
        shutil.rmtree(root)

    def test_another_directory_of_the_project(self):
        self.addCleanup(shutil.rmtree, TEST_ROOT)
        with override_settings(MEDIA_ROOT=TEST_ROOT):
            save()
            self.assertHas(TEST_ROOT)
            self.assertHas(settings.BASE_DIR / "test_media")

    def test_storages_made_inside(self):
        with override_settings(MEDIA_ROOT=self.tmp):
            save(FileSystemStorage())
            save(FileSystemStorage(os.path.join(settings.MEDIA_ROOT, "below")))
        self.assertHas(self.tmp)
        self.assertHas(self.tmp, "below/a.txt")

    def test_assigned(self):
        before = settings.MEDIA_ROOT
        settings.MEDIA_ROOT = self.tmp
        try:
            save(FileSystemStorage())
        finally:
            settings.MEDIA_ROOT = before
        self.assertHas(self.tmp)

    def test_patched(self):
        with mock.patch.object(settings, "MEDIA_ROOT", self.tmp):
            save(FileSystemStorage())
        self.assertHas(self.tmp)

    def test_nested(self):
        other = os.path.join(self.tmp, "other")
        with override_settings(MEDIA_ROOT=self.tmp):
            with override_settings(MEDIA_ROOT=other):
                save()
            self.assertHas(other)
            save()
            self.assertHas(self.tmp)

    def test_other_settings_stay(self):
        with override_settings(MEDIA_URL="/other/"):
            name = save()
            self.assertEqual(default_storage.url(name), f"/other/{name}")
            self.assertTrue(os.path.exists(os.path.join(settings.MEDIA_ROOT, name)))
            default_storage.delete(name)


@override_settings(MEDIA_ROOT=TEMPORARY)
class DecoratedTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.upload = Upload.objects.create(file=ContentFile(b"content", name="data.txt"))

    def test_file(self):
        self.assertEqual(Path(TEMPORARY, self.upload.file.name).read_bytes(), b"content")
        self.assertEqual(self.upload.file.path, os.path.join(TEMPORARY, self.upload.file.name))

    @override_settings(MEDIA_ROOT=os.path.join(TEMPORARY, "method"))
    def test_method(self):
        save(name="method.txt")
        self.assertEqual(os.listdir(os.path.join(TEMPORARY, "method")), ["method.txt"])


@override_settings(MEDIA_ROOT=TEST_ROOT)
class TestRootTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.makedirs(TEST_ROOT)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(TEST_ROOT)
        super().tearDownClass()

    def test_file(self):
        save()
        self.assertEqual(os.listdir(TEST_ROOT), ["a.txt"])


class TemporaryStorageTests(Directories):
    def test_location(self):
        self.assertEqual(temporary_storage.location, TEMPORARY)
        self.assertEqual(temporary_storage.base_location, TEMPORARY)
        name = save(temporary_storage, "module.txt")
        self.assertHas(TEMPORARY, name)
        temporary_storage.delete(name)
        self.assertFalse(os.path.exists(os.path.join(TEMPORARY, name)))

    def test_of_a_test(self):
        with tempfile.TemporaryDirectory() as directory:
            save(FileSystemStorage(location=directory))
            self.assertHas(directory)

    def test_storage_of_a_field(self):
        field = Upload._meta.get_field("file")
        with mock.patch.object(field, "storage", FileSystemStorage(self.tmp)):
            upload = Upload(file=ContentFile(b"content", name="field.txt"))
            upload.file.save("field.txt", ContentFile(b"content"), save=False)
            self.assertEqual(upload.file.path, os.path.join(self.tmp, upload.file.name))
        self.assertHas(self.tmp, upload.file.name)

    def test_location_of_a_storage(self):
        storage = Document._meta.get_field("private").storage
        before = storage.location
        for attribute in ("location", "base_location"):
            with mock.patch.object(storage, attribute, self.tmp):
                self.assertEqual(getattr(storage, attribute), self.tmp)
        with mock.patch.object(storage, "location", self.tmp):
            save(storage)
            self.assertHas(self.tmp)
        self.assertEqual(storage.location, before)

    def test_location_of_default_storage(self):
        before = default_storage.location
        default_storage.location = self.tmp
        try:
            save()
        finally:
            del default_storage.location
        self.assertHas(self.tmp)
        self.assertEqual(default_storage.location, before)

    def test_patched_default_storage(self):
        with mock.patch(f"{__name__}.default_storage", FileSystemStorage(self.tmp)):
            save(default_storage)
        self.assertHas(self.tmp)


# Before 5.1 Django loses the options of a default storage that a test overrides.
OVERRIDABLE = ["new"] if django.VERSION < (5, 1) else ["new", "default"]


class StoragesTests(Directories):
    def entries(self, **options):
        entry = {"BACKEND": settings.FILE_SYSTEM, "OPTIONS": options}
        entries = {**settings.STORAGES, **dict.fromkeys(OVERRIDABLE, entry)}
        return override_settings(STORAGES=entries)

    def test_temporary_location(self):
        for location, alias in itertools.product((self.tmp, Path(self.tmp)), OVERRIDABLE):
            with self.entries(location=location):
                name = save(storages[alias])
                self.assertEqual(storages[alias].path(name), os.path.join(self.tmp, name))
                self.assertHas(self.tmp, name)

    def test_default_storage(self):
        if "default" in OVERRIDABLE:
            with self.entries(location=self.tmp):
                self.assertEqual(default_storage.path(save()), os.path.join(self.tmp, "a.txt"))
                self.assertHas(self.tmp)
            self.assertNotEqual(default_storage.location, self.tmp)

    def test_relative_location(self):
        self.addCleanup(shutil.rmtree, "rel")
        with self.entries(location="rel"):
            for alias in OVERRIDABLE:
                self.assertEqual(storages[alias].location, os.path.abspath("rel"))
                save(storages[alias], f"{alias}.txt")
            self.assertEqual(len(os.listdir("rel")), len(OVERRIDABLE))

    def test_location_below_media_root(self):
        location = os.path.join(settings.MEDIA_ROOT, "override")
        with self.entries(location=location):
            save(storages["new"])
            self.assertHas(location)
        shutil.rmtree(location)

    def test_no_location(self):
        with self.entries(base_url="/other/"):
            name = save(storages["new"])
            self.assertEqual(storages["new"].url(name), f"/other/{name}")
            self.assertHas(settings.MEDIA_ROOT, name)
            storages["new"].delete(name)

    def test_memory(self):
        entry = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        with override_settings(STORAGES={**settings.STORAGES, "default": entry}):
            self.assertEqual(save(name="memory.txt"), "memory.txt")
            self.assertFalse(os.path.exists(os.path.join(settings.MEDIA_ROOT, "memory.txt")))
            self.assertEqual(default_storage.__class__.__name__, "InMemoryStorage")

    def test_all(self):
        with self.entries(location=self.tmp), override_settings(MEDIA_ROOT="media_root"):
            self.assertEqual(storages["new"].location, self.tmp)
            self.assertEqual(storages["project"].location, os.path.abspath("media_root"))
