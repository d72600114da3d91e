"""Hypothesis's Django test cases."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase, TransactionTestCase
from uploads.models import Upload

settings.register_profile("project", max_examples=5, deadline=None, database=None)
settings.load_profile("project")


class ExampleTests(TestCase):
    @given(st.binary(max_size=9))
    def test_saving(self, content):
        upload = Upload.objects.create(file=ContentFile(content, name="example.txt"))
        with default_storage.open(upload.file.name) as file:
            self.assertEqual(file.read(), content)
        upload.file.delete(save=False)

    @given(st.integers())
    def test_rows(self, number):
        self.assertEqual(Upload.objects.count(), 0)
        Upload.objects.create()


class TransactionTests(TransactionTestCase):
    available_apps = ["uploads"]

    @given(st.binary(max_size=9))
    def test_saving(self, content):
        upload = Upload.objects.create(file=ContentFile(content, name="example.txt"))
        self.assertEqual(upload.file.size, len(content))
        upload.file.delete()

    def test_without_examples(self):
        name = default_storage.save("example.txt", ContentFile(b""))
        default_storage.delete(name)
