"""Fixtures of the gallery's tests."""

import pytest
from django.core.files.storage import default_storage

from gallery.models import Picture
from samples import picture_file


@pytest.fixture(autouse=True)
def _empty_storage():
    """Begin each test without files."""
    for directory in default_storage.listdir("")[0]:
        default_storage.delete(directory)


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Spare the tests the time that a password's hash takes by design."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def use_storage(monkeypatch):
    """Give a function that lets the pictures lie in another storage."""
    return lambda storage: monkeypatch.setattr(Picture.image.field, "storage", storage)


@pytest.fixture
def picture(db):
    """Give a stored picture, thumbnails included."""
    return Picture.objects.create(title="Lake", image=picture_file())


@pytest.fixture
def upload(client, db):
    """Give a function that uploads files through the gallery's form and returns the next page."""

    def send(*files):
        return client.post("/upload/", {"images": files}, follow=True)

    return send
