"""Fixtures of the gallery's tests."""

import pytest
from django.core.files.storage import storages

from gallery.models import Picture, PrivatePicture
from samples import picture_file


@pytest.fixture(autouse=True)
def _empty_storages():
    """Begin each test without files."""
    for alias in ("default", "private"):
        for directory in storages[alias].listdir("")[0]:
            storages[alias].delete(directory)


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Spare the tests the time that a password's hash takes by design."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def use_storage(monkeypatch):
    """Give a function that lets the pictures lie in another storage."""
    return lambda storage: monkeypatch.setattr(Picture.file.field, "storage", storage)


@pytest.fixture
def picture(db):
    """Give a stored picture, thumbnails included."""
    return Picture.objects.create(title="Lake", file=picture_file())


@pytest.fixture
def private_picture(db):
    """Give a picture of the private album, thumbnails included."""
    return PrivatePicture.objects.create(title="Diary", file=picture_file("diary.jpg"))


@pytest.fixture
def upload(client, db):
    """Give a function that uploads files through the gallery's form and returns the next page."""

    def send(*files, address="/upload/"):
        return client.post(address, {"files": files}, follow=True)

    return send
