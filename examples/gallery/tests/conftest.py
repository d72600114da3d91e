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
    """Start each test without files."""
    for alias in ("default", "private"):
        for directory in storages[alias].listdir("")[0]:
            storages[alias].delete(directory)


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Use a fast password hasher."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Return a context in which a request is committed, as on the site."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def use_storage(monkeypatch):
    """Return a function that puts the pictures into another storage."""
    return lambda storage: monkeypatch.setattr(Picture.file.field, "storage", storage)


@pytest.fixture
def picture(db):
    """Return a stored picture with thumbnails."""
    return Picture.objects.create(title="Lake", file=picture_file())


@pytest.fixture
def private_picture(db):
    """Return a picture of the private album with thumbnails."""
    return PrivatePicture.objects.create(title="Diary", file=picture_file("diary.jpg"))


@pytest.fixture
def upload(client, db):
    """Return a function that uploads files through the gallery's form and returns the next page."""

    def send(*files, address="/upload/"):
        return client.post(address, {"files": files}, follow=True)

    return send


@pytest.fixture
def directory(tmp_path):
    """Return a directory with two pictures, one of them in a subdirectory."""
    directory = tmp_path / "photos"
    write(directory / "lake.jpg")
    sea = picture_bytes(size=(600, 500))
    write(directory / "2024" / "sea_side.jpg", sea, modified=1_100_000_000)
    return directory


@pytest.fixture
def over(directory, db, monkeypatch, settings):
    """
    Yield a function that shows the directory, with the settings of `--over`.

    At the end of the test the directory must be unchanged.
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
    # Other tests have no such alias, so they must not find its storage.
    storages._storages.pop("memory", None)


@pytest.fixture
def shown(over):
    """Show the directory."""
    over()
