"""FallbackStorage with the rest of the library: test kit, serving, transfer, checks."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.http import Http404
from django.test import RequestFactory
from fallback.layers import get, over, put, stocked
from overrides import use_storage

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.fallback import ReadOnlyStorage
from inmemorystorage.project import labelled_storages
from inmemorystorage.serving.media import serve_media
from inmemorystorage.testing import (
    RealStorageError,
    capture_storage_operations,
    forbid_real_storages,
    isolate_storages,
    override_storages,
    replace_storage,
)
from inmemorystorage.transfer import dump_files, load_files
from inmemorystorage.walk import file_names

DOTTED = "inmemorystorage.InMemoryStorage"
FALLBACK = "inmemorystorage.FallbackStorage"

urlpatterns: list[Any] = []  # of a project without any


@pytest.fixture
def default(settings: Any, tmp_path: Path) -> Any:
    """Make the default storage a FallbackStorage over a disk with a file."""
    disk = FileSystemStorage(tmp_path, base_url="/media/")
    put(disk, "lower.txt", b"lower")
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, disk])
    return storages["default"]


def test_operations_are_captured(default: Any) -> None:
    """The project's operations are captured, without those on the layers."""
    with capture_storage_operations() as operations:
        put(default, "a.txt")
        get(default, "lower.txt")
        default.delete("lower.txt")
        default.exists("lower.txt")
    assert [each.op for each in operations] == ["save", "open", "delete", "exists"]
    assert {each.alias for each in operations} == {"default"}


def test_operations_with_a_timeout_are_captured_once() -> None:
    """An operation that runs in another thread is captured once."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 9}], writable=[])
    with capture_storage_operations() as operations:
        storage.size("a.txt")
    assert [each.op for each in operations] == ["size"]


def test_files_roll_back(default: Any) -> None:
    """A rollback undoes changes in the upper layer, whiteouts and copies included."""
    with isolate_storages():
        put(default, "a.txt")
        default.delete("lower.txt")
        assert default.listdir("") == ([], ["a.txt"])
    assert default.listdir("") == ([], ["lower.txt"])


def test_copies_roll_back() -> None:
    """A copy that was rolled back is made again."""
    storage, upper, _ = over("a.txt", "b.txt", cache_reads=True, cache_size=5)
    with isolate_storages():
        get(storage, "a.txt")
    assert not upper.exists("a.txt")
    assert get(storage, "b.txt") == b"b.txt" and get(storage, "a.txt") == b"a.txt"


def test_it_stays_in_tests(default: Any) -> None:
    """override_storages() keeps it, and the files of its upper layer roll back at the end."""
    with override_storages():
        put(default_storage, "a.txt")
        assert default.listdir("") == ([], ["a.txt", "lower.txt"])
        assert type(default) is FallbackStorage
    assert default.listdir("") == ([], ["lower.txt"])
    assert replace_storage(default) is default


def test_real_layers_are_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """forbid_real_storages() requires writable layers in memory, and no others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    disk = FileSystemStorage(tmp_path)
    put(disk, "lower.txt")
    storage = FallbackStorage([InMemoryStorage(), disk])
    with forbid_real_storages():
        put(storage, "a.txt")
        storage.delete("lower.txt")
    with pytest.raises(RealStorageError), forbid_real_storages():
        put(FallbackStorage([disk, InMemoryStorage()]), "a.txt")
    assert disk.listdir("") == ([], ["lower.txt"])


def test_layers_have_labels(default: Any) -> None:
    """Writable layers have labels, as the storages of a project have."""
    labels = dict(labelled_storages())
    assert labels["default.backends[0]"] is default.backends[0]
    assert "default.backends[1]" not in labels
    assert isinstance(default.backends[1], ReadOnlyStorage)


def test_the_upper_layer_is_transferred(settings: Any, default: Any) -> None:
    """Files in the upper layer live on when a development server restarts."""
    put(default, "d/a.txt")
    default.delete("lower.txt")
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, default.backends[1].find()])
    assert storages["default"] is not default
    load_files(file)
    assert get(storages["default"], "d/a.txt") == b"content"
    assert not storages["default"].exists("lower.txt")
    assert default.deconstruct()[0] == FALLBACK


def test_files_of_a_storage_without_layers(settings: Any, default: Any) -> None:
    """Files of an upper layer that no longer exists are dropped by the transfer."""
    put(default, "a.txt")
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    use_storage(settings, "default", DOTTED)
    load_files(file)
    assert storages["default"].listdir("") == ([], [])


def served(name: str) -> bytes:
    """Return the served content of a name."""
    request = RequestFactory().get(f"{django_settings.MEDIA_URL}{name}")
    response: Any = serve_media(request)
    try:
        return b"".join(response.streaming_content)
    finally:
        response.close()


@pytest.mark.django_db  # the end of a response closes connections
def test_files_are_served(settings: Any, default: Any) -> None:
    """Files of all layers are served at MEDIA_URL, and deleted ones are not."""
    settings.ROOT_URLCONF = __name__
    put(default, "a.txt", b"upper")
    assert (served("a.txt"), served("lower.txt")) == (b"upper", b"lower")
    default.delete("lower.txt")
    with pytest.raises(Http404):
        served("lower.txt")


@pytest.mark.django_db  # the end of a response closes connections
@pytest.mark.parametrize("upper", ["memory", "disk"])
def test_a_private_layer(settings: Any, tmp_path: Path, upper: str) -> None:
    """Files of a layer that signs its URLs are served at signed URLs alone, also from copies."""
    settings.ROOT_URLCONF = __name__
    private = InMemoryStorage(querystring_auth=True, base_url="/private/")
    put(private, "secret.txt")
    layer = DOTTED if upper == "memory" else FileSystemStorage(tmp_path)
    use_storage(settings, "default", FALLBACK, backends=[layer, private], cache_reads=True)
    put(storages["default"], "a.txt", b"upper")
    assert served("a.txt") == b"upper"
    for _ in range(2):
        with pytest.raises(PermissionDenied):
            served("secret.txt")
        assert get(storages["default"], "secret.txt")  # which makes a copy
    assert storages["default"].querystring_auth is True


@pytest.mark.django_db  # the end of a response closes connections
@pytest.mark.parametrize("make", [str, lambda alias: FallbackStorage([alias])])
def test_whiteouts_and_notes_are_not_served(settings: Any, make: Any) -> None:
    """Files that a FallbackStorage keeps for itself in a layer are not served."""
    settings.ROOT_URLCONF = __name__
    use_storage(settings, "upper", DOTTED)
    backends = [make("upper"), stocked("lower.txt", "copied.txt")]
    use_storage(settings, "default", FALLBACK, backends=backends, cache_reads=True)
    assert get(storages["default"], "copied.txt") == served("copied.txt") == b"copied.txt"
    storages["default"].delete("lower.txt")
    own = [name for name in file_names(storages["upper"]) if name != "copied.txt"]
    assert len(own) == 2
    for name in own:
        with pytest.raises(Http404):
            served(name)


def test_a_file_field(default: Any) -> None:
    """A content that was saved through default_storage is read through it."""
    assert default_storage.save("d/a.txt", ContentFile(b"content")) == "d/a.txt"
    assert default_storage.which("d/a.txt") == DOTTED
