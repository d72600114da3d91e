"""FallbackStorage beside the rest of the library: the test kit, serving, handover, the checks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
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

DOTTED = "inmemorystorage.InMemoryStorage"
FALLBACK = "inmemorystorage.FallbackStorage"

urlpatterns: list[Any] = []  # a project that has none


@pytest.fixture
def default(settings: Any, tmp_path: Path) -> Any:
    """Have a disk under the default storage, with a file."""
    disk = FileSystemStorage(tmp_path, base_url="/media/")
    put(disk, "below.txt", b"below")
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, disk])
    return storages["default"]


def test_operations_are_captured(default: Any) -> None:
    """What the project asks is captured; what that asks of the backends is not."""
    with capture_storage_operations() as operations:
        put(default, "a.txt")
        get(default, "below.txt")
        default.delete("below.txt")
        default.exists("below.txt")
    assert [each.op for each in operations] == ["save", "open", "delete", "exists"]
    assert {each.alias for each in operations} == {"default"}


def test_operations_with_a_timeout_are_captured_once() -> None:
    """What is asked in a thread of its own is no operation of the project either."""
    storage = FallbackStorage([{"BACKEND": stocked("a.txt"), "timeout": 9}], writable=[])
    with capture_storage_operations() as operations:
        storage.size("a.txt")
    assert [each.op for each in operations] == ["size"]


def test_files_roll_back(default: Any) -> None:
    """What a test does above is undone with the test, marks and copies too."""
    with isolate_storages():
        put(default, "a.txt")
        default.delete("below.txt")
        assert default.listdir("") == ([], ["a.txt"])
    assert default.listdir("") == ([], ["below.txt"])


def test_copies_roll_back() -> None:
    """A copy that was rolled back is made again."""
    storage, above, _ = over("a.txt", "b.txt", cache_reads=True, cache_size=5)
    with isolate_storages():
        get(storage, "a.txt")
    assert not above.exists("a.txt")
    assert get(storage, "b.txt") == b"b.txt" and get(storage, "a.txt") == b"a.txt"


def test_it_is_replaced_in_tests(default: Any) -> None:
    """override_storages() puts an empty storage in its place, and puts it back."""
    with override_storages():
        assert isinstance(default, InMemoryStorage) and default.listdir("") == ([], [])
        put(default_storage, "a.txt")
    assert type(default) is FallbackStorage and default.listdir("") == ([], ["below.txt"])


def test_it_is_replaced_by_what_behaves_like_its_first_backend(tmp_path: Path) -> None:
    """The replacement of a FallbackStorage is that of its first backend, and begins empty."""
    above, below = stocked("a.txt"), FileSystemStorage(tmp_path, base_url="/files/")
    memory = replace_storage(FallbackStorage([above, below]))
    assert memory.behavior.name == "memory" and memory.listdir("") == ([], [])
    for writable in (None, []):
        disk = replace_storage(FallbackStorage([below, above], writable=writable))
        assert (disk.behavior.name, disk.base_url) == ("filesystem", "/files/")


def test_real_backends_are_forbidden(tmp_path: Path) -> None:
    """Only a backend that is written must be in memory where real storages are forbidden."""
    disk = FileSystemStorage(tmp_path)
    put(disk, "below.txt")
    storage = FallbackStorage([InMemoryStorage(), disk])
    with forbid_real_storages():
        put(storage, "a.txt")
        storage.delete("below.txt")
    with pytest.raises(RealStorageError), forbid_real_storages():
        put(FallbackStorage([disk, InMemoryStorage()]), "a.txt")
    assert disk.listdir("") == ([], ["below.txt"])


def test_parts_have_names(default: Any) -> None:
    """The backends that are written have names as the storages of a project."""
    labels = dict(labelled_storages())
    assert labels["default.backends[0]"] is default.backends[0]
    assert "default.backends[1]" not in labels
    assert isinstance(default.backends[1], ReadOnlyStorage)


def test_files_above_are_handed_over(settings: Any, default: Any) -> None:
    """What is in memory above lives on when a development server starts anew."""
    put(default, "d/a.txt")
    default.delete("below.txt")
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, default.backends[1].find()])
    assert storages["default"] is not default
    load_files(file)
    assert get(storages["default"], "d/a.txt") == b"content"
    assert not storages["default"].exists("below.txt")
    assert default.deconstruct()[0] == FALLBACK


def test_files_of_a_storage_that_has_no_parts_now(settings: Any, default: Any) -> None:
    """Files above that have no place any more are lost, and harm nothing."""
    put(default, "a.txt")
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    use_storage(settings, "default", DOTTED)
    load_files(file)
    assert storages["default"].listdir("") == ([], [])


def served(name: str) -> bytes:
    """Return what is served for a name."""
    request = RequestFactory().get(f"{django_settings.MEDIA_URL}{name}")
    response: Any = serve_media(request)
    try:
        return b"".join(response.streaming_content)
    finally:
        response.close()


@pytest.mark.django_db  # whose connections the end of a response looks after
def test_files_are_served(settings: Any, default: Any) -> None:
    """What is above and below is served at MEDIA_URL, and what was deleted is not."""
    settings.ROOT_URLCONF = __name__
    put(default, "a.txt", b"above")
    assert (served("a.txt"), served("below.txt")) == (b"above", b"below")
    default.delete("below.txt")
    with pytest.raises(Http404):
        served("below.txt")


@pytest.mark.django_db  # whose connections the end of a response looks after
def test_a_private_bucket_is_not_served(settings: Any) -> None:
    """A backend that signs its URLs gives nothing to whoever asks; what is above is served."""
    settings.ROOT_URLCONF = __name__
    private = InMemoryStorage(querystring_auth=True, base_url="/private/")
    put(private, "secret.txt")
    use_storage(settings, "default", FALLBACK, backends=[DOTTED, private])
    put(storages["default"], "a.txt", b"above")
    assert served("a.txt") == b"above"
    with pytest.raises(Http404):
        served("secret.txt")
    assert storages["default"].querystring_auth is True


def test_a_file_field(default: Any) -> None:
    """A content saved through the default storage is read back through it."""
    assert default_storage.save("d/a.txt", ContentFile(b"content")) == "d/a.txt"
    assert default_storage.which("d/a.txt") == DOTTED
