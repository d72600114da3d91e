"""Classes that compute their location."""

import os
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase, TestCase
from library.models import Document
from library.storages import (
    ArgumentStorage,
    ClassLocationStorage,
    SettingsStorage,
    TenantBaseStorage,
    TenantStorage,
    tenant,
)

MADE = {
    "from-settings": SettingsStorage(),
    "of-class": ClassLocationStorage(),
    "argument": ArgumentStorage(),
    "tenants/public": TenantBaseStorage(),
}


def save(storage, name="a.txt"):
    assert storage.save(name, ContentFile(b"content")) == name


class Tenants:
    def setUp(self):
        self.addCleanup(vars(tenant).clear)


class TenantTests(Tenants, SimpleTestCase):
    def test_each_tenant_has_its_files(self):
        for storage, directory in (
            (TenantStorage(), ""),
            (Document._meta.get_field("tenant").storage, ""),
            (TenantBaseStorage(), "tenants"),
            (MADE["tenants/public"], "tenants"),
        ):
            for name in ("one", "two"):
                tenant.name = name
                self.assertFalse(storage.exists("a.txt"))
                save(storage)
                location = os.path.join(settings.MEDIA_ROOT, directory, name)
                self.assertEqual(storage.location, location)
                self.assertEqual(storage.path("a.txt"), os.path.join(location, "a.txt"))
                self.assertEqual(Path(location, "a.txt").read_bytes(), b"content")
            storage.delete("a.txt")
            tenant.name = "one"
            self.assertTrue(storage.exists("a.txt"))
            storage.delete("a.txt")

    def test_seen_by_other_storages(self):
        tenant.name = "one"
        save(TenantStorage())
        self.assertTrue(default_storage.exists("one/a.txt"))
        default_storage.delete("one/a.txt")
        self.assertFalse(TenantStorage().exists("a.txt"))

    def test_locations_of_classes(self):
        for directory, storage in MADE.items():
            for each in (storage, type(storage)()):
                save(each)
                path = os.path.join(settings.MEDIA_ROOT, directory, "a.txt")
                self.assertEqual(each.path("a.txt"), path)
                self.assertTrue(default_storage.exists(f"{directory}/a.txt"))
                self.assertTrue(os.path.isfile(path))
                each.delete("a.txt")


class ModelTests(Tenants, TestCase):
    def test_field(self):
        tenant.name = "three"
        document = Document.objects.create(tenant=ContentFile(b"content", name="a.txt"))
        self.assertEqual(
            document.tenant.path, os.path.join(settings.MEDIA_ROOT, "three", document.tenant.name)
        )
        document.tenant.delete()
