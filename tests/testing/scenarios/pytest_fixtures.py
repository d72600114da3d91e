"""Fixtures and marks of pytest and its plugins."""

import os
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from uploads.models import Upload

ATTEMPTS = []


def save(name="a.txt", storage=default_storage):
    return storage.save(name, ContentFile(b"content"))


@pytest.fixture
def own_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(params=[django_settings.MEDIA_ROOT, Path(django_settings.MEDIA_ROOT, "param")])
def directory(request):
    return request.param


@pytest.fixture(scope="module")
def module_file():
    name = save("module.txt")
    yield name
    default_storage.delete(name)


def test_own_root(own_root):
    name = save()
    assert os.listdir(own_root) == [name] == ["a.txt"]
    assert default_storage.location == str(own_root)


def test_own_string(settings, tmp_path):
    before = settings.MEDIA_ROOT
    settings.MEDIA_ROOT = str(tmp_path / "new")
    assert not os.path.exists(settings.MEDIA_ROOT)
    os.mkdir(settings.MEDIA_ROOT)
    save()
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"content"
    settings.MEDIA_ROOT = before
    assert default_storage.location == before


def test_own_storages(settings, tmp_path):
    entry = {"BACKEND": settings.FILE_SYSTEM, "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "new": entry}
    save(storage=storages["new"])
    assert os.listdir(tmp_path) == ["a.txt"]


def test_own_storage(tmp_path, monkeypatch):
    storage = FileSystemStorage(location=tmp_path)
    assert storage.path(save(storage=storage)) == str(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").exists()
    monkeypatch.setattr(Upload._meta.get_field("file"), "storage", storage)
    upload = Upload()
    upload.file.save("b.txt", ContentFile(b"content"), save=False)
    assert (tmp_path / upload.file.name).exists()


def test_chdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = save()
    assert default_storage.path(name) == os.path.join(django_settings.MEDIA_ROOT, name)
    default_storage.delete(name)
    assert os.listdir(tmp_path) == []


def test_tmpdir(tmpdir, tmp_path_factory):
    for path in (tmpdir, tmp_path_factory.mktemp("made")):
        assert save(storage=FileSystemStorage(str(path))) == "a.txt"
        assert os.listdir(path) == ["a.txt"]


def test_read_at_import(directory):
    os.makedirs(directory, exist_ok=True)
    path = Path(directory, "param.txt")
    path.write_bytes(b"content")
    name = os.path.relpath(path, default_storage.location)
    assert default_storage.exists(name)
    default_storage.delete(name)


def test_conftest(media_root, img_dir):
    assert media_root == django_settings.MEDIA_ROOT
    (img_dir / "a.png").write_bytes(b"")
    assert default_storage.listdir("conftest-img")[1] == ["a.png"]


def test_wide_fixture(module_file):
    assert default_storage.exists(module_file)


@pytest.mark.django_db
def test_rows(client):
    upload = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    assert client.get(f"/media/{upload.file.name}").getvalue() == b"content"
    upload.file.delete()


@pytest.mark.django_db(transaction=True)
def test_live_server(live_server):
    from urllib.request import urlopen

    name = save("live.txt")
    with urlopen(live_server.url + default_storage.url(name)) as response:
        assert response.read() == b"content"
    default_storage.delete(name)


def test_subtests(subtests):
    names = []
    for number in range(3):
        with subtests.test(number=number):
            names.append(save("sub.txt"))
            assert all(map(default_storage.exists, names))
    assert len(set(names)) == 3
    for name in names:
        default_storage.delete(name)


@pytest.mark.flaky(reruns=2)
def test_reruns(module_file):
    name = save("rerun.txt")
    assert default_storage.exists(name) and default_storage.exists(module_file)
    ATTEMPTS.append(name)
    assert len(ATTEMPTS) == 3
    for each in ATTEMPTS:
        default_storage.delete(each)


def test_mocks(monkeypatch):
    def fail(*args):
        raise OSError("patched")

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    monkeypatch.setattr(FileSystemStorage, "url", lambda storage, name: f"/patched/{name}")
    with pytest.raises(OSError, match="patched"):
        save()
    assert default_storage.url("a.txt") == "/patched/a.txt"
    monkeypatch.setattr(default_storage, "exists", lambda name: True)
    assert default_storage.exists("nowhere.txt")


def test_monkeypatched_root(monkeypatch, tmp_path):
    monkeypatch.setattr(django_settings, "MEDIA_ROOT", str(tmp_path))
    assert save(storage=FileSystemStorage()) == "a.txt"
    assert os.listdir(tmp_path) == ["a.txt"]
