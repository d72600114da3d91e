"""Methods of storages that are not plain functions."""

import functools
from unittest import mock

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.test import SimpleTestCase
from library.storages import CachedStorage, OddStorage, PathlessStorage, ProjectStorage


class OddTests(SimpleTestCase):
    def test_cached_methods(self):
        CachedStorage.url.cache_clear()
        storage = CachedStorage()
        self.assertEqual([storage.url("a.txt"), storage.url("a.txt")], ["/media/a.txt"] * 2)
        self.assertEqual(CachedStorage.url.cache_info().hits, 1)
        self.assertEqual(storage.url.cache_info().hits, 1)
        CachedStorage.url.cache_clear()
        self.assertEqual(CachedStorage.url.__wrapped__(storage, "b.txt"), "/media/b.txt")

    def test_static_methods(self):
        self.assertEqual(OddStorage().get_valid_name("a"), "A")
        self.assertEqual(OddStorage.get_valid_name("a"), "A")

    def test_class_methods(self):
        self.assertEqual(OddStorage.generate_filename("a"), "OddStorage-a")
        self.assertEqual(OddStorage().generate_filename("a"), "OddStorage-a")

    def test_partial_methods(self):
        storage = OddStorage()
        self.assertEqual(storage.url("a"), storage.path("a"))
        self.assertEqual(storage.path_to("a"), storage.path("a"))

    def test_saving(self):
        storage = OddStorage()
        self.assertEqual(storage.save("odd.txt", ContentFile(b"")), "odd.txt")
        storage.delete("odd.txt")

    def test_no_path(self):
        storage = PathlessStorage()
        self.assertIsNone(storage.path)
        self.assertIsNone(PathlessStorage.path)
        self.assertEqual(storage.save("a.txt", ContentFile(b"content")), "a.txt")
        with storage.open("a.txt") as file:
            self.assertEqual(file.read(), b"content")

    def test_no_path_on_a_disk(self):
        class NoPath(FileSystemStorage):
            url = None

        self.assertIsNone(NoPath().url)
        self.assertFalse(NoPath().exists("nowhere.txt"))

    def test_methods_of_a_test(self):
        for function in (
            staticmethod(functools.partial(str.format, "/partial/{}")),
            staticmethod(lambda name: f"/partial/{name}"),
        ):
            with mock.patch.object(ProjectStorage, "url", function):
                self.assertEqual(ProjectStorage().url("a"), "/partial/a")
        with mock.patch.object(ProjectStorage, "exists", functools.lru_cache(lambda *args: True)):
            self.assertTrue(ProjectStorage().exists("nowhere.txt"))
            self.assertEqual(ProjectStorage.exists.cache_info().misses, 1)

    def test_unbound_methods(self):
        storage = ProjectStorage()
        self.assertEqual(FileSystemStorage.path(storage, "a"), storage.path("a"))
        self.assertFalse(FileSystemStorage.exists(storage, "nowhere.txt"))
        self.assertEqual(FileSystemStorage.url(storage, "a"), f"{settings.MEDIA_URL}a")
        self.assertEqual(FileSystemStorage.url.__qualname__, "FileSystemStorage.url")
        self.assertEqual(FileSystemStorage.save.__name__, "save")
