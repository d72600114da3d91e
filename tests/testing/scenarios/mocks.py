"""What a test patches on a class of storages is what runs."""

from unittest import mock

from django.core.files.base import ContentFile
from django.core.files.storage import (
    FileSystemStorage,
    Storage,
    default_storage,
    storages,
)
from django.test import SimpleTestCase, TestCase
from library.storages import ProjectStorage
from uploads.models import Upload

OPERATIONS = {
    "_save": lambda storage: storage.save("mocked.txt", ContentFile(b"")),
    "save": lambda storage: storage.save("mocked.txt", ContentFile(b"")),
    "get_available_name": lambda storage: storage.save("mocked.txt", ContentFile(b"")),
    "generate_filename": lambda storage: storage.generate_filename("mocked.txt"),
    "_open": lambda storage: storage.open("mocked.txt"),
    "open": lambda storage: storage.open("mocked.txt"),
    "delete": lambda storage: storage.delete("mocked.txt"),
    "exists": lambda storage: storage.exists("mocked.txt"),
    "listdir": lambda storage: storage.listdir(""),
    "size": lambda storage: storage.size("mocked.txt"),
    "path": lambda storage: storage.path("mocked.txt"),
    "get_modified_time": lambda storage: storage.get_modified_time("mocked.txt"),
    "get_created_time": lambda storage: storage.get_created_time("mocked.txt"),
    "get_accessed_time": lambda storage: storage.get_accessed_time("mocked.txt"),
    "url": lambda storage: storage.url("mocked.txt"),
}


class FileSystemStorageTests(SimpleTestCase):
    def test_errors(self):
        made = storages["archive"], FileSystemStorage(), Upload._meta.get_field("file").storage
        for name, operation in OPERATIONS.items():
            for storage in (default_storage, storages["default"], *made):
                with self.subTest(name=name):
                    with (
                        mock.patch.object(
                            FileSystemStorage, name, side_effect=OSError("mocked")
                        ) as mocked,
                        self.assertRaisesMessage(OSError, "mocked"),
                    ):
                        operation(storage)
                    mocked.assert_called_once()

    def test_derived_classes(self):
        for name in ("_save", "delete", "exists", "path", "listdir", "url", "get_valid_name"):
            operations = {
                **OPERATIONS,
                "get_valid_name": lambda storage: storage.get_valid_name("A b"),
            }
            for cls in (FileSystemStorage, ProjectStorage):
                for storage in (storages["project"], ProjectStorage()):
                    with (
                        mock.patch.object(cls, name, side_effect=OSError("mocked")),
                        self.assertRaisesMessage(OSError, "mocked"),
                    ):
                        operations[name](storage)

    def test_values(self):
        with mock.patch.object(FileSystemStorage, "exists", return_value=True) as exists:
            self.assertTrue(default_storage.exists("nowhere.txt"))
        exists.assert_called_once_with("nowhere.txt")
        with mock.patch.object(FileSystemStorage, "url", return_value="/mocked") as url:
            self.assertEqual(Upload(file="a.txt").file.url, "/mocked")
        url.assert_called_once_with("a.txt")
        with mock.patch.object(FileSystemStorage, "size", return_value=1 << 40):
            self.assertEqual(Upload(file="a.txt").file.size, 1 << 40)
        self.assertFalse(default_storage.exists("nowhere.txt"))

    def test_autospec(self):
        with mock.patch.object(FileSystemStorage, "_save", autospec=True) as saved:
            saved.return_value = "elsewhere.txt"
            self.assertEqual(default_storage.save("b.txt", ContentFile(b"")), "elsewhere.txt")
        self.assertEqual(saved.call_args.args[:2], (default_storage._wrapped, "b.txt"))

    def test_calls_that_go_on(self):
        with mock.patch.object(
            FileSystemStorage, "delete", autospec=True, side_effect=FileSystemStorage.delete
        ) as deleted:
            name = default_storage.save("deleted.txt", ContentFile(b""))
            default_storage.delete(name)
        deleted.assert_called_once_with(default_storage._wrapped, name)
        self.assertFalse(default_storage.exists(name))

    @mock.patch("django.core.files.storage.FileSystemStorage.save", return_value="mocked.txt")
    def test_by_path(self, save):
        upload = Upload()
        upload.file.save("a.txt", ContentFile(b""), save=False)
        self.assertEqual(upload.file.name, "mocked.txt")
        save.assert_called_once()

    def test_all_is_put_back(self):
        before = {name: getattr(FileSystemStorage, name) for name in OPERATIONS}
        own = {name for name in OPERATIONS if name in vars(FileSystemStorage)}
        for name in OPERATIONS:
            with mock.patch.object(FileSystemStorage, name):
                pass
        self.assertEqual({name: getattr(FileSystemStorage, name) for name in OPERATIONS}, before)
        self.assertEqual({name for name in OPERATIONS if name in vars(FileSystemStorage)}, own)

    def test_an_instance(self):
        for storage in (default_storage, storages["default"], storages["project"]):
            with mock.patch.object(storage, "exists", return_value=True) as exists:
                self.assertTrue(storage.exists("nowhere.txt"))
            exists.assert_called_once_with("nowhere.txt")
            self.assertFalse(storage.exists("nowhere.txt"))
        with (
            mock.patch.object(default_storage, "save", side_effect=OSError("mocked")),
            self.assertRaisesMessage(OSError, "mocked"),
        ):
            Upload().file.save("a.txt", ContentFile(b""))

    def test_a_storage_that_is_a_mock(self):
        storage = mock.MagicMock(spec=FileSystemStorage, name="FileSystemStorageMock")
        storage.url.return_value = "/mocked"
        with mock.patch.object(Upload._meta.get_field("file"), "storage", storage):
            self.assertEqual(Upload(file="a.txt").file.url, "/mocked")
        with mock.patch("django.core.files.storage.default_storage._wrapped", storage):
            self.assertEqual(default_storage.url("a.txt"), "/mocked")


class StorageTests(TestCase):
    """What is patched on the base of all storages."""

    aliases = ("default", "project", "memory", "django")

    def test_errors(self):
        for alias in self.aliases:
            storage = storages[alias]
            for name in ("save", "get_available_name", "open"):
                with (
                    self.subTest(alias=alias, name=name),
                    mock.patch.object(Storage, name, side_effect=OSError("mocked")),
                    self.assertRaisesMessage(OSError, "mocked"),
                ):
                    OPERATIONS[name](storage)

    def test_values(self):
        for alias in self.aliases:
            storage = storages[alias]
            for name in ("save", "open"):
                with mock.patch.object(Storage, name, return_value="mocked") as mocked:
                    self.assertEqual(OPERATIONS[name](storage), "mocked")
                mocked.assert_called_once()

    def test_names(self):
        for alias in self.aliases:
            storage = storages[alias]
            with mock.patch.object(Storage, "get_available_name", return_value="given.txt"):
                self.assertEqual(storage.save("asked.txt", ContentFile(b"")), "given.txt")
            storage.delete("given.txt")
            with mock.patch.object(Storage, "get_alternative_name", return_value="next.txt"):
                storage.save("first.txt", ContentFile(b""))
                self.assertEqual(storage.save("first.txt", ContentFile(b"")), "next.txt")
            storage.delete("first.txt")
            storage.delete("next.txt")
