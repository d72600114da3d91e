"""Files roll back with each of Hypothesis's examples, as rows do."""

import os

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase, TransactionTestCase
from uploads.models import Upload

names = st.lists(st.sampled_from("abc"), min_size=1, unique=True)


class RollsBack:
    def setup_example(self):
        super().setup_example()
        default_storage.save("rolls/set-up.txt", ContentFile(b""))

    def check(self, names):
        directory = os.path.join(settings.MEDIA_ROOT, "rolls")
        self.assertEqual(os.listdir(directory), ["set-up.txt"])
        self.assertEqual(storages["memory"].listdir(""), ([], []))
        self.assertEqual(Upload.objects.count(), 0)
        self.assertTrue(default_storage.exists("data.txt"))
        for name in names:
            saved = default_storage.save(f"rolls/{name}", ContentFile(b""))
            self.assertEqual(saved, f"rolls/{name}")
            Upload.objects.create(file=saved)
            storages["memory"].save(name, ContentFile(b""))
        default_storage.delete("data.txt")

    def test_without_examples(self):
        self.assertFalse(default_storage.exists("rolls/a"))
        self.assertTrue(default_storage.exists("data.txt"))
        default_storage.save("rolls/a", ContentFile(b""))


class ExampleTests(RollsBack, TestCase):
    @classmethod
    def setUpTestData(cls):
        default_storage.save("data.txt", ContentFile(b""))

    @given(names)
    def test_each_example(self, names):
        self.check(names)

    @given(names)
    def test_again(self, names):
        self.check(names)


class TransactionTests(RollsBack, TransactionTestCase):
    available_apps = ["uploads"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        default_storage.save("data.txt", ContentFile(b""))

    @given(names)
    def test_each_example(self, names):
        self.check(names)
