"""K2: storages are the objects that the project knows."""

import copy
import pickle

from django.core.files.storage import (
    FileSystemStorage,
    InMemoryStorage,
    Storage,
    default_storage,
    storages,
)
from django.test import SimpleTestCase
from django.utils.module_loading import import_string
from library.models import Document, tagged
from library.storages import OverwritingStorage, ProjectStorage, SignedPathlessStorage
from uploads.models import Upload

FIELDS = [field for field in Document._meta.get_fields() if hasattr(field, "storage")]
KNOWN = {field.storage: field.name for field in FIELDS}


class IdentityTests(SimpleTestCase):
    def test_class(self):
        for storage in (
            default_storage,
            storages["default"],
            storages["archive"],
            Upload._meta.get_field("file").storage,
            Document._meta.get_field("private").storage,
            FileSystemStorage(),
            storages.create_storage({"BACKEND": "django.core.files.storage.FileSystemStorage"}),
        ):
            self.assertIs(storage.__class__, FileSystemStorage)
            self.assertEqual(storage.__class__.__name__, "FileSystemStorage")
            self.assertNotIsInstance(storage, InMemoryStorage)

    def test_dotted_path_of_the_class(self):
        for storage in (storages["default"], storages["project"], ProjectStorage()):
            cls = type(storage)
            self.assertIs(import_string(f"{cls.__module__}.{cls.__qualname__}"), cls)
        self.assertIs(type(storages["default"]), FileSystemStorage)
        cls = default_storage.__class__
        self.assertIs(import_string(f"{cls.__module__}.{cls.__qualname__}"), FileSystemStorage)

    def test_classes_of_two_storages(self):
        self.assertIs(type(storages["project"]), type(ProjectStorage()))
        self.assertIs(type(Document._meta.get_field("overwriting").storage), OverwritingStorage)

    def test_replaced_class(self):
        storage = storages["pathless"]
        self.assertIsInstance(storage, Storage)
        self.assertEqual(storage.__class__.__name__, "SignedPathlessStorage")
        self.assertEqual(storage.__class__.__module__, "library.storages")
        self.assertIsInstance(storage, SignedPathlessStorage)

    def test_one_storage_is_one(self):
        self.assertIs(Upload._meta.get_field("file").storage, default_storage)
        self.assertIs(storages["default"], storages["default"])
        self.assertIs(default_storage._wrapped, storages["default"])

    def test_hash(self):
        self.assertEqual(KNOWN[Document._meta.get_field("nested").storage], "nested")

    def test_state(self):
        self.assertEqual(tagged.tag, "made with the models")
        self.assertEqual(vars(FileSystemStorage())["_location"], None)
        self.assertLessEqual(vars(FileSystemStorage()).keys(), vars(storages["default"]).keys())

    def test_copies(self):
        for storage in (storages["default"], storages["project"], storages["archive"]):
            for copied in (pickle.loads(pickle.dumps(storage)), copy.copy(storage)):
                self.assertIs(type(copied), type(storage))
                self.assertEqual(copied.location, storage.location)
