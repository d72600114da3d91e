"""A storage that is made of what deconstruct() says works on the files of the test."""

import io
import os

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.management import call_command
from django.db.migrations.writer import MigrationWriter
from django.test import SimpleTestCase, TestCase
from django.utils.module_loading import import_string
from library.models import Document
from library.storages import OverwritingStorage

NAMES = ("file", "overwriting", "private", "nested")


def remake(storage):
    path, args, kwargs = storage.deconstruct()
    return import_string(path)(*args, **kwargs)


class RemadeTests(TestCase):
    def test_same_files(self):
        for name in NAMES:
            storage = Document._meta.get_field(name).storage
            with self.subTest(name=name):
                saved = storage.save("deconstructed.txt", ContentFile(b"content"))
                remade = remake(storage)
                with remade.open(saved) as file:
                    self.assertEqual(file.read(), b"content")
                self.assertEqual(remade.path(saved), storage.path(saved))
                remade.delete(saved)
                self.assertFalse(storage.exists(saved))
                self.assertFalse(os.path.exists(storage.path(saved)))

    def test_a_task_deletes(self):
        document = Document.objects.create(file=ContentFile(b"content", name="task.txt"))
        with self.captureOnCommitCallbacks(execute=True):
            from django.db import transaction

            transaction.on_commit(lambda: remake(document.file.storage).delete(document.file.name))
        self.assertFalse(default_storage.exists(document.file.name))

    def test_a_file_of_the_project(self):
        self.assertTrue(default_storage.exists("kept.txt"))
        remade = remake(default_storage)
        with remade.open("kept.txt") as file:
            kept = file.read()
        remade.delete("kept.txt")
        self.assertFalse(default_storage.exists("kept.txt"))
        default_storage.save("kept.txt", ContentFile(kept))

    def test_saving(self):
        for name in NAMES:
            storage = Document._meta.get_field(name).storage
            saved = remake(storage).save("remade.txt", ContentFile(b"content"))
            self.assertTrue(storage.exists(saved))
            self.assertTrue(os.path.isfile(storage.path(saved)))
            storage.delete(saved)

    def test_classes(self):
        self.assertEqual(type(remake(storages["default"])), FileSystemStorage)
        overwriting = remake(Document._meta.get_field("overwriting").storage)
        self.assertEqual(type(overwriting), OverwritingStorage)


class MigrationTests(SimpleTestCase):
    databases = "__all__"

    def test_what_the_project_wrote(self):
        field = Document._meta.get_field("private")
        _, _, _, kwargs = field.deconstruct()
        _, args, options = kwargs["storage"].deconstruct()
        self.assertEqual((args, options["base_url"]), ((), "/private/"))
        self.assertEqual(options["location"], os.path.join(settings.BASE_DIR, "private"))
        written = MigrationWriter.serialize(kwargs["storage"])[0]
        self.assertIn(repr(os.path.join(settings.BASE_DIR, "private")), written)

    def test_storages_made_of_settings(self):
        storage = FileSystemStorage(location=os.path.join(settings.MEDIA_ROOT, "below"))
        location = storage.deconstruct()[2]["location"]
        self.assertEqual(location, os.path.join(settings.BASE_DIR, "media", "below"))

    def test_no_changes(self):
        printed = io.StringIO()
        call_command("makemigrations", "library", check=True, dry_run=True, stdout=printed)
        self.assertIn("No changes detected", printed.getvalue())
