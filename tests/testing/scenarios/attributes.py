"""What is assigned to a storage is what it has."""

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, default_storage, storages
from django.test import SimpleTestCase
from library.models import Document, tagged
from library.storages import DerivedMemoryStorage
from uploads.models import Upload


def known():
    return (
        default_storage,
        storages["default"],
        storages["project"],
        storages["archive"],
        Document._meta.get_field("private").storage,
        FileSystemStorage(),
        storages["pathless"],
    )


class AttributeTests(SimpleTestCase):
    def test_new(self):
        for storage in known():
            storage.tag = 1
            self.assertEqual(storage.tag, 1)
            self.assertEqual(vars(getattr(storage, "_wrapped", storage))["tag"], 1)
            del storage.tag
            self.assertFalse(hasattr(storage, "tag"))

    def test_made_before(self):
        self.assertEqual(tagged.tag, "made with the models")
        self.assertEqual(tagged.location, settings.MEDIA_ROOT)

    def test_of_default_storage(self):
        default_storage.tag = 1
        self.assertEqual(storages["default"].tag, 1)
        self.assertEqual(Upload._meta.get_field("file").storage.tag, 1)
        del storages["default"].tag
        self.assertFalse(hasattr(default_storage, "tag"))

    def test_base_url(self):
        for storage in (default_storage, storages["archive"], FileSystemStorage()):
            before = storage.base_url
            storage.base_url = "https://cdn.example/"
            self.assertEqual(storage.url("a.txt"), "https://cdn.example/a.txt")
            storage.base_url = before
            self.assertEqual(storage.url("a.txt"), f"{before}a.txt")

    def test_url(self):
        for storage in known():
            storage.url = "https://cdn.example/{}".format
            self.assertEqual(storage.url("a.txt"), "https://cdn.example/a.txt")
            del storage.url
            self.assertNotIn("cdn", storage.url("a.txt"))

    def test_url_of_a_field(self):
        default_storage.url = "https://cdn.example/{}".format
        self.assertEqual(Upload(file="a.txt").file.url, "https://cdn.example/a.txt")
        del default_storage.url
        self.assertEqual(Upload(file="a.txt").file.url, "/media/a.txt")

    def test_other_methods(self):
        storage = FileSystemStorage()
        storage.get_available_name = lambda name, max_length=None: f"given-{name}"
        self.assertEqual(storage.save("a.txt", ContentFile(b"")), "given-a.txt")
        storage.delete("given-a.txt")
        default_storage.generate_filename = "generated-{}".format
        upload = Upload()
        upload.file.save("a.txt", ContentFile(b""), save=False)
        self.assertEqual(upload.file.name, "generated-uploads/a.txt")
        del default_storage.generate_filename
        upload.file.delete(save=False)

    def test_permissions(self):
        storage = FileSystemStorage(file_permissions_mode=0o600, directory_permissions_mode=0o711)
        self.assertEqual(storage.file_permissions_mode, 0o600)
        self.assertEqual(storage.directory_permissions_mode, 0o711)


class DjangoMemoryTests(SimpleTestCase):
    def test_alias(self):
        storage = storages["django"]
        self.assertIs(type(storage), InMemoryStorage)
        name = storage.save("a.txt", ContentFile(b"content"))
        self.assertEqual(storage.url(name), f"/files/{name}")
        with storage.open(name) as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual(storage.size(name), 7)
        storage.delete(name)
        self.assertEqual(storage.listdir(""), ([], []))

    def test_made_by_hand(self):
        for cls in (InMemoryStorage, DerivedMemoryStorage):
            storage = cls(base_url="/files/", location="/anywhere")
            self.assertEqual(storage.save("a.txt", ContentFile(b"")), "a.txt")
            self.assertEqual(storage.url("a.txt"), "/files/a.txt")
            self.assertEqual(storage.get_valid_name("a.txt"), "a.txt")
            self.assertIs(type(storage), cls)
            self.assertFalse(cls().exists("a.txt"))
            storage.delete("a.txt")

    def test_derived(self):
        storage = DerivedMemoryStorage()
        self.assertEqual(storage.get_valid_name("A B.txt"), "a_b.txt")
        entry = {"BACKEND": "library.storages.DerivedMemoryStorage", "OPTIONS": {"base_url": "/d/"}}
        with self.settings(STORAGES={**settings.STORAGES, "derived": entry}):
            self.assertIs(type(storages["derived"]), DerivedMemoryStorage)
            name = storages["derived"].save("a.txt", ContentFile(b""))
            self.assertEqual(storages["derived"].url(name), "/d/a.txt")


class PathlessTests(SimpleTestCase):
    """A storage that is neither on a disk nor in memory."""

    def test_operations(self):
        storage = storages["pathless"]
        name = storage.save("a.txt", ContentFile(b"content"))
        self.assertTrue(storage.exists(name))
        self.assertEqual(storage.size(name), 7)
        with storage.open(name) as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual(storage.get_valid_name("A B.txt"), "a_b.txt")
        self.assertTrue(storage.url(name).endswith(f"{name}?signed"))
        storage.delete(name)
        self.assertFalse(storage.exists(name))
