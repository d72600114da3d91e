"""A project on S3: files roll back in its bucket, and its own clients see the same objects."""

from unittest import mock

import boto3
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import SimpleTestCase, TestCase
from storages.backends.s3 import S3Storage
from uploads.models import Upload

from inmemorystorage.testing import assertStored, capture_media

CLIENT = boto3.client("s3")


def keys(bucket=settings.AWS_STORAGE_BUCKET_NAME):
    return [each["Key"] for each in CLIENT.list_objects_v2(Bucket=bucket).get("Contents", [])]


def setUpModule():
    default_storage.save("module.txt", ContentFile(b"module"))


class RollsBack:
    @classmethod
    def setUpTestData(cls):
        cls.upload = Upload.objects.create(file=ContentFile(b"row", name="row.txt"))

    def setUp(self):
        self.assertEqual(keys(), ["media/module.txt", "media/uploads/row.txt"])

    def test_saving(self):
        default_storage.save("own.txt", ContentFile(b"own"))
        self.upload.file.save("other.txt", ContentFile(b"other"))
        self.assertIn("media/own.txt", keys())
        self.assertIn("media/uploads/other.txt", keys())

    def test_deleting(self):
        self.upload.file.delete()
        default_storage.delete("module.txt")
        self.assertEqual(keys(), [])

    def test_by_hand(self):
        for each in default_storage.bucket.objects.filter(Prefix="media/"):
            each.delete()
        CLIENT.put_object(Bucket="bucket-of-project", Key="by-hand", Body=b"own")
        self.assertEqual(keys(), ["by-hand"])

    def test_class_stays(self):
        self.assertIs(type(default_storage._wrapped), S3Storage)
        self.assertEqual(type(storages["private"]).__name__, "PrivateStorage")

    def test_aliases_on_one_bucket(self):
        storages["private"].save("own.txt", ContentFile(b"own"))
        self.assertEqual(keys("bucket-of-private"), ["own.txt"])
        self.assertFalse(default_storage.exists("own.txt"))

    def test_url(self):
        self.assertIn("Signature=", storages["private"].url("own.txt"))
        self.assertEqual(
            default_storage.url("a.txt"),
            "https://bucket-of-project.s3.amazonaws.com/media/a.txt",
        )

    def test_other_bucket(self):
        with self.assertRaisesRegex(ClientError, "NoSuchBucket"):
            CLIENT.list_objects_v2(Bucket="bucket-of-others")

    def test_mocked_client(self):
        with mock.patch.object(default_storage, "_bucket") as bucket:
            default_storage.save("own.txt", ContentFile(b"own"))
        bucket.Object.assert_called_once_with("media/own.txt")


class FirstTests(RollsBack, TestCase):
    pass


class SecondTests(RollsBack, TestCase):
    pass


class MediaTests(SimpleTestCase):
    def test_media(self):
        with capture_media() as media:
            self.assertEqual(list(media), ["module.txt"])
            default_storage.save("own.txt", ContentFile(b"own"))
        self.assertEqual(media.created, ["own.txt"])
        assertStored("own.txt", b"own")
