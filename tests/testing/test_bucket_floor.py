"""The common parts of the floors of object stores, and the kit's views of their buckets."""

from __future__ import annotations

import gzip
import io
import pickle
import sys
import textwrap
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from buckets import Server, needs_s3
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import InvalidStorageError, default_storage, storages
from django.core.management import call_command

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.buckets.http import Request
from inmemorystorage.testing import (
    Media,
    assertNotStored,
    assertStored,
    bucket_floor,
    capture_media,
    forbid_real_storages,
    override_storages,
)
from inmemorystorage.testing.bucket_floor import (
    BucketFloor,
    CopiedBuckets,
    floor_of,
    load_buckets,
)
from inmemorystorage.testing.imports import after_import
from inmemorystorage.testing.levels import Level
from inmemorystorage.testing.stored_files import files_of

S3 = "storages.backends.s3.S3Storage"
OPTIONS = {"bucket_name": "media-bucket", "location": "media"}


def use(settings: Any, backend: str, **options: Any) -> None:
    """Make a storage the default one."""
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": backend, "OPTIONS": options}}


@pytest.fixture
def bucket(settings: Any) -> Iterator[Any]:
    """Return the bucket of the default storage, which is on S3."""
    use(settings, S3, **OPTIONS)
    with override_storages():
        yield default_storage.bucket  # type: ignore[attr-defined]


def save(name: str, content: bytes = b"content") -> None:
    """Save a file to the default storage."""
    assert default_storage.save(name, ContentFile(content)) == name


@needs_s3
def test_files_of_a_bucket(bucket: Any) -> None:
    """A test sees the files below the location, uncompressed, and folders are none."""
    save("d/a.txt")
    bucket.put_object(Key="media/folder/", Body=b"")
    bucket.put_object(Key="elsewhere/b.txt", Body=b"")
    bucket.put_object(Key="media/z.css", Body=gzip.compress(b"css"), ContentEncoding="gzip")
    bucket.put_object(Key="media/odd.css", Body=b"no gzip", ContentEncoding="gzip")
    media = Media()
    assert dict(media) == {"d/a.txt": b"content", "odd.css": b"no gzip", "z.css": b"css"}
    with pytest.raises(KeyError):
        media["missing"]
    assert repr(media).splitlines()[:3] == [
        "s3://media-bucket/media/",
        "├── d/",
        "│   └── a.txt (7)",
    ]
    assertStored("d/a.txt", b"content")
    assertNotStored("missing")


@needs_s3
@pytest.mark.usefixtures("restored_checks")
@pytest.mark.parametrize("prefix", ["", "media"])
def test_other_backend(prefix: str, settings: Any) -> None:
    """A storage of django-s3-storage stands on the floor too."""
    pytest.importorskip("django_s3_storage")
    options = {"aws_s3_bucket_name": "media-bucket", "aws_s3_key_prefix": prefix}
    use(settings, "django_s3_storage.storage.S3Storage", **options)
    with override_storages():
        save("d/a.txt")
        assert type(storages["default"]).__module__ == "django_s3_storage.storage"
        assert dict(Media()) == {"d/a.txt": b"content"}
        assert "X-Amz-Signature=" in default_storage.url("d/a.txt")
        default_storage.delete("d/a.txt")
        assert not default_storage.exists("d/a.txt")


@needs_s3
def test_changes_of_a_bucket(bucket: Any) -> None:
    """A test sees which files it created, changed and deleted."""
    for name in ("changed.txt", "deleted.txt", "kept.txt"):
        save(name)
    assert files_of(default_storage).changes(None) == ({}, {})
    with capture_media() as media:
        save("created.txt")
        save("also created.txt")
        save("changed.txt", b"other")
        default_storage.delete("deleted.txt")
        bucket.put_object(Key="elsewhere", Body=b"")
    changes = media.created, media.changed, media.deleted
    assert changes == (["also created.txt", "created.txt"], ["changed.txt"], ["deleted.txt"])


@needs_s3
def test_deleted_bucket_has_no_files(bucket: Any) -> None:
    """A bucket that the project deleted has no files, and comes back with the level."""
    level = Level()
    bucket.delete()
    assert dict(Media()) == {}
    level.end()
    save("a.txt")
    assert list(Media()) == ["a.txt"]


@needs_s3
def test_strict_mode_allows_buckets_in_memory(bucket: Any) -> None:
    """A storage on a floor is not a real storage, nor is a read-only layer on it."""
    save("a.txt")
    layered = FallbackStorage([InMemoryStorage(), storages["default"]])
    with forbid_real_storages(reads=True), layered.open("a.txt") as file:
        assert file.read() == b"content"
        save("b.txt")


@needs_s3
def test_servers_of_tests_are_reached(bucket: Any, server: Server) -> None:
    """A server on this machine that settings did not name is really reached."""
    real = server.make_bucket()
    server.client.put_object(Bucket=real.name, Key="a", Body=b"")
    assert real.tags().keys() == {"a"}


@needs_s3
def test_listing_names_all_buckets(bucket: Any) -> None:
    """The buckets that the project names exist, though no request was for them."""
    listed = bucket.meta.client.list_buckets()["Buckets"]
    assert "media-bucket" in [each["Name"] for each in listed]


@needs_s3
def test_bucket_of_a_storage_that_is_not_made(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket that an alias names, in its options or by its class, exists before its storage."""
    base = import_module("storages.backends.s3").S3Storage
    module = ModuleType("private_storage")
    module.PrivateStorage = type("PrivateStorage", (base,), {"bucket_name": "private"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.STORAGES = {
        "default": {"BACKEND": S3, "OPTIONS": OPTIONS},
        "private": {"BACKEND": "private_storage.PrivateStorage"},
        "missing": {"BACKEND": "missing.Storage", "OPTIONS": {"bucket_name": "missing"}},
        "gcs": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    with override_storages():
        client = import_module("boto3").client("s3")
        for name in ("media-bucket", "private"):
            client.put_object(Bucket=name, Key="a", Body=b"")
        with pytest.raises(client.exceptions.NoSuchBucket):
            client.put_object(Bucket="missing", Key="a", Body=b"")


@needs_s3
def test_bucket_that_the_project_made(bucket: Any) -> None:
    """A storage on a bucket that the project made before sees its objects."""
    client = bucket.meta.client
    client.create_bucket(Bucket="made")
    client.put_object(Bucket="made", Key="a.txt", Body=b"content")
    storage = import_module("storages.backends.s3").S3Storage(bucket_name="made")
    assert files_of(storage).names() == ["a.txt"]


@needs_s3
def test_endpoints(bucket: Any) -> None:
    """A floor knows the hosts of its service, and those to which clients sent requests."""
    session = import_module("boto3").session.Session()
    for endpoint in ("https://one.example", "https://two.example:9000"):
        session.client("s3", endpoint_url=endpoint).list_buckets()
    floor = floor_of(default_storage)
    assert floor is not None
    assert floor.endpoint_at("https://two.example:9000") == "https://two.example:9000"
    assert floor.endpoint_at("https://media.one.example") == "https://one.example"
    assert floor.endpoint_at("https://media.s3.eu-west-1.amazonaws.com") == ""
    assert floor.endpoint_at("https://three.example") is None
    for host in ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"):
        assert floor.endpoint_at(f"http://{host}:1") is None


@needs_s3
@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://media-bucket.one.example/a.txt", "https://one.example"),
        ("https://one.example/media-bucket/a.txt", ""),
        ("https://one.example/other/a.txt", ""),
        ("https://media-bucket.s3.amazonaws.com/a.txt", ""),
    ],
)
def test_endpoint_of_a_browser(bucket: Any, url: str, endpoint: str) -> None:
    """A request that no client sends is for the host without the name of a bucket."""
    floor = floor_of(default_storage)
    assert floor is not None
    assert floor.endpoint_of(Request("GET", url)) == endpoint


@needs_s3
def test_absolute_host_is_no_endpoint(bucket: Any) -> None:
    """A host that ends in a dot does not belong to a floor, though that answered requests."""
    save("a.txt")
    floor = floor_of(default_storage)
    assert floor is not None
    floor.answer(Request("GET", "https://media-bucket.s3.amazonaws.com/media/a.txt"))
    assert floor.endpoint_at("https://example.com.") is None


@needs_s3
def test_bucket_is_made_once(bucket: Any) -> None:
    """A thread that asks for a bucket while another makes it waits until it exists."""
    floor = floor_of(default_storage)
    assert floor is not None
    create, seen = floor.buckets.create_permanent, []

    def ask() -> None:
        floor.make("other")
        seen.append("other" in floor.buckets)

    def make(name: str) -> None:
        thread.start()
        thread.join(0.1)
        create(name)

    thread = threading.Thread(target=ask)
    with mock.patch.object(floor.buckets, "create_permanent", make):
        floor.make("other")
    thread.join()
    assert seen == [True]


@needs_s3
def test_public_storages_are_looked_up_once(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A floor looks at the project's storages before it refuses a reader, until one is public."""
    save("a.txt")
    floor = floor_of(default_storage)
    assert floor is not None
    looks = mock.Mock(wraps=bucket_floor.labelled_storages)
    monkeypatch.setattr(bucket_floor, "labelled_storages", looks)
    url = "https://media-bucket.s3.amazonaws.com/media/a.txt"
    signed, unsigned = Request("GET", default_storage.url("a.txt")), Request("GET", url)
    level = Level()
    assert floor.answer(signed).status == 200
    assert looks.call_count == 0
    assert floor.answer(unsigned).status == 403
    default_storage.querystring_auth = False  # type: ignore[attr-defined]
    assert [floor.answer(unsigned).status for _ in range(3)] == [200] * 3
    assert looks.call_count == 2
    level.end()
    assert floor.answer(unsigned).status == 200
    assert looks.call_count == 3


@needs_s3
def test_storage_without_a_hash(bucket: Any) -> None:
    """A storage that is compared by its options, and so has no hash, can be made."""

    class Compared(import_module("storages.backends.s3").S3Storage):  # type: ignore[misc]
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Compared) and self.bucket_name == other.bucket_name

    storage = Compared(bucket_name="compared")
    assert storage.save("a.txt", ContentFile(b"content")) == "a.txt"
    assert files_of(storage).names() == ["a.txt"]


@needs_s3
def test_copied_buckets(bucket: Any) -> None:
    """Another process unpickles the objects as they were when they were pickled."""
    save("a.txt")
    copied = pickle.loads(pickle.dumps(CopiedBuckets()))
    default_storage.delete("a.txt")
    load_buckets(copied.contents)
    assert dict(Media()) == {"a.txt": b"content"}


@pytest.mark.parametrize(
    ("module", "error"),
    [
        ("raise ImportError from ModuleNotFoundError(name='boto3')", InvalidStorageError),
        (
            """
            try:
                raise ModuleNotFoundError("No module named 'botocore'", name="botocore.client")
            except ImportError as error:
                from django.core.exceptions import ImproperlyConfigured
                raise ImproperlyConfigured(f"Could not load Boto3's S3 bindings. {error}")
            """,
            ImproperlyConfigured,
        ),
    ],
)
def test_missing_client(
    module: str, error: type[Exception], settings: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The error for a client that is not installed names the extra."""
    (tmp_path / "storage_without_client.py").write_text(textwrap.dedent(module))
    monkeypatch.syspath_prepend(tmp_path)
    use(settings, "storage_without_client.Storage")
    with override_storages(), pytest.raises(error, match=r"Install django-storages\[s3\] where"):
        bool(default_storage)
    with override_storages(), pytest.raises(error, match=r"Install django-storages\[s3\] where"):
        storages["default"]


def test_missing_package(settings: Any, monkeypatch: Any) -> None:
    """The error for a storage of django-storages that is not installed names the extra."""
    for name in ("storages", "storages.backends", "storages.backends.s3"):
        monkeypatch.setitem(sys.modules, name, None)
    use(settings, S3)
    with override_storages(), pytest.raises(InvalidStorageError, match="django-storages"):
        bool(default_storage)


def test_other_missing_storage(settings: Any) -> None:
    """The error for another storage stays as it is."""
    use(settings, "missing.Storage")
    with override_storages(), pytest.raises(InvalidStorageError) as caught:
        bool(default_storage)
    assert "Install" not in str(caught.value)


def test_base_is_no_floor() -> None:
    """Each object store has its own way to pass its client's requests, and its own domains."""
    with pytest.raises(NotImplementedError):
        BucketFloor().patched()
    with pytest.raises(NotImplementedError):
        BucketFloor().service_url(default_storage, "https://cdn.example/a.txt")


def test_after_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function is called once, after the module was executed, and at once if it was before."""
    (tmp_path / "imported_late.py").write_text("value = __spec__.loader")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)
    seen = []

    def call() -> None:
        seen.append(sys.modules["imported_late"].value)

    with (
        after_import("imported_late", call),
        after_import("imported_late", call),
        after_import("imported_never", call),
    ):
        import imported_late

        assert seen == [imported_late.__loader__] * 2
        with pytest.raises(ModuleNotFoundError):
            import imported_never  # noqa: F401
    with after_import("imported_late", call):
        assert len(seen) == 3
    assert not any(type(finder).__module__.startswith("inmemory") for finder in sys.meta_path)


def test_import_that_does_not_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is imported after the block is no business of it."""
    (tmp_path / "imported_after.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[int] = []
    with after_import("imported_after", lambda: seen.append(1)):
        pass
    import imported_after  # noqa: F401

    assert seen == []


def test_import_that_several_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All functions that wait for one module are called, each once."""
    (tmp_path / "imported_by_several.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_by_several", raising=False)
    seen: list[int] = []
    with (
        after_import("imported_by_several", lambda: seen.append(1)),
        after_import("imported_by_several", lambda: seen.append(2)),
    ):
        import imported_by_several  # noqa: F401
    assert sorted(seen) == [1, 2]


@needs_s3
def test_storage_command(bucket: Any) -> None:
    """manage.py storage lists and reads the files of a bucket in memory."""
    save("d/a.txt")
    out = io.StringIO()
    call_command("storage", "tree", "default:", stdout=out)
    assert "a.txt" in out.getvalue()
    call_command("storage", "cp", "default:d/a.txt", "default:d/b.txt")
    assertStored("d/b.txt", b"content")
