"""Fixtures of the gallery's tests."""

import runpy

import pytest
from django.core.files.storage import storages
from inmemorystorage.testing import override_storages

import gallery.settings
from gallery.models import Picture, PrivatePicture
from gallery.over import show_pictures
from samples import picture_bytes, picture_file, state, write


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
def commit(django_capture_on_commit_callbacks):
    """Give a context in which a request is committed as it is on the site."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


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


@pytest.fixture
def directory(tmp_path):
    """Give a directory with two pictures, one of them below."""
    directory = tmp_path / "photos"
    write(directory / "lake.jpg")
    sea = picture_bytes(size=(600, 500))
    write(directory / "2024" / "sea_side.jpg", sea, modified=1_100_000_000)
    return directory


@pytest.fixture
def over(directory, db, monkeypatch, settings):
    """
    Give a function that shows the directory, as the settings of `--over` have it.

    At the end of the test nothing in the directory is changed, whatever was done meanwhile.
    """
    monkeypatch.setenv("GALLERY_OVER", str(directory))
    configured = runpy.run_path(gallery.settings.__file__, run_name="gallery.settings")
    settings.OVER = configured["OVER"]
    memory, default = (configured["STORAGES"][alias] for alias in ("memory", "default"))
    monkeypatch.setitem(storages.backends, "memory", memory)
    before = []

    def show():
        before.append(state(directory))
        return show_pictures(settings.OVER)

    with override_storages({"default": storages.create_storage(default)}):
        yield show
        assert before == [state(directory)]
    # No other test has the alias, so none may find the storage that was made for it.
    storages._storages.pop("memory", None)


@pytest.fixture
def shown(over):
    """Show the directory."""
    over()
