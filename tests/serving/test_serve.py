"""serve(): the responses to requests for files."""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
import socket
import tracemalloc
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import datetime, timezone
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage
from django.http import Http404, HttpResponseForbidden
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory
from django.utils.http import http_date
from overrides import use_storage
from serving.asking import (
    CONTENT,
    STORAGES,
    ask,
    async_request,
    consume,
    content_of,
    get,
    make_storage,
)

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.serving import responses, serve
from inmemorystorage.serving.views import serve_from

LONG_AGO = http_date(1_000_000_000)


@pytest.fixture(params=STORAGES)
def storage(request: Any, tmp_path: Path) -> Any:
    """Return each kind of storage in turn, with the file ``d/a.bin``."""
    return make_storage(request.param, tmp_path)


def parts_of(response: Any) -> list[Message]:
    """Return the parts of a multipart response, parsed by the standard library."""
    head = f"Content-Type: {response['Content-Type']}\r\n".encode()
    message = BytesParser().parsebytes(head + content_of(response))
    parts: Any = message.get_payload()
    return parts


def not_found(storage: Any, name: str) -> bool:
    """Return whether a name gives 404."""
    with pytest.raises(Http404):
        ask(storage, name)
    return True


class TimelessStorage(Storage):
    """A storage that can open its one file, and nothing else."""

    def _open(self, name: str, mode: str = "rb") -> File:
        return ContentFile(CONTENT, name)


# The whole file.


def test_whole_file(storage: Any) -> None:
    """serve() returns a file with its content, its length and its validators."""
    response = ask(storage)
    modified = storage.get_modified_time("d/a.bin")
    assert (response.status_code, content_of(response)) == (200, CONTENT)
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["Last-Modified"] == http_date(modified.timestamp())
    assert re.fullmatch(r'"[0-9a-f]+-400"', response["ETag"])
    assert response["Accept-Ranges"] == "bytes"
    assert response["Cache-Control"] == "no-cache"


def test_head(storage: Any) -> None:
    """HEAD has the headers of GET and no content, and ignores Range (section 14.2)."""
    whole, head = ask(storage), ask(storage, method="head", Range="bytes=0-1")
    whole.close()
    assert dict(head.items()) == dict(whole.items())
    assert (head.status_code, content_of(head)) == (200, b"")


@pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
def test_other_methods(method: str) -> None:
    """Methods other than GET and HEAD give 405."""
    response = serve(getattr(RequestFactory(), method)("/"), "d/a.bin")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_empty_file(storage: Any) -> None:
    """An empty file gives 200, even if a range requests the whole of it."""
    storage.save("empty", ContentFile(b""))
    assert get(storage, "empty") == get(storage, "empty", Range="bytes=0-") == (200, b"")
    assert ask(storage, "empty", Range="bytes=1-").status_code == 416


def test_entity_tag_follows_changes() -> None:
    """Each change changes the entity tag, even in the same second and at the same size."""
    storage = InMemoryStorage()
    tags = set()
    for content in (b"one", b"two", b"six"):
        with storage.open("a", "wb") as file:
            file.write(content)
        tags.add(ask(storage, "a", "head")["ETag"])
    assert len(tags) == 3


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_of_both_kinds(settings: Any, use_tz: bool) -> None:
    """Last-Modified does not depend on USE_TZ."""
    storage = InMemoryStorage()
    storage.save("a", ContentFile(b"content"))
    expected = http_date(storage.get_modified_time("a").timestamp())
    settings.USE_TZ = use_tz
    assert ask(storage, "a", "head")["Last-Modified"] == expected


def test_storage_without_times() -> None:
    """Without a time there are no validators; ranges work, and If-Range never passes."""
    response = ask(TimelessStorage(), "a", Range="bytes=0-1")
    assert "ETag" not in response and "Last-Modified" not in response
    assert (response.status_code, content_of(response)) == (206, CONTENT[:2])
    for validator in ('"a"', LONG_AGO):
        assert get(TimelessStorage(), Range="bytes=0-1", If_Range=validator) == (200, CONTENT)


# Headers of the content.


@pytest.mark.parametrize(
    ("name", "content_type", "coding"),
    [
        ("a.txt", "text/plain", None),
        ("a.PNG", "image/png", None),
        ("a.mp4", "video/mp4", None),
        ("a", "application/octet-stream", None),
        ("a.nonsense", "application/octet-stream", None),
        ("a.svgz", "image/svg+xml", "gzip"),
        ("a.tar.gz", "application/x-tar", "gzip"),
        ("a.txt.br", "text/plain", "br"),
        ("a.tar.bz2", "application/x-bzip2", None),
        ("a.txt.xz", "application/x-xz", None),
    ],
)
def test_type_and_coding(name: str, content_type: str, coding: str | None) -> None:
    """The type and the content coding follow from the name, and browsers do not sniff."""
    storage = InMemoryStorage()
    storage.save(name, ContentFile(b"x"))
    response = ask(storage, name, "head")
    assert (response["Content-Type"], response.get("Content-Encoding")) == (content_type, coding)
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("d/a b.txt", 'inline; filename="a b.txt"'),
        ("d/naïve 猫.txt", "inline; filename*=utf-8''na%C3%AFve%20%E7%8C%AB.txt"),
        ("d/new\r\nline.txt", 'inline; filename="new__line.txt"'),
        ('d/qu"ote.txt', r'inline; filename="qu\"ote.txt"'),
    ],
)
def test_disposition(name: str, disposition: str) -> None:
    """A browser saves a file under its own name, in any script."""
    storage = InMemoryStorage()
    with storage.open(name, "w") as file:
        file.write("x")
    assert ask(storage, name, "head")["Content-Disposition"] == disposition


def test_attachment() -> None:
    """as_attachment makes a browser save the file."""
    storage = InMemoryStorage()
    storage.save("a.txt", ContentFile(b"x"))
    response = serve_from(storage, RequestFactory().head("/"), "a.txt", as_attachment=True)
    assert response["Content-Disposition"] == 'attachment; filename="a.txt"'


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.txt.br", "application/x-brotli"),
        ("a.txt.Z", "application/x-compress"),
        ("a.txt.xz", "application/x-xz"),
        ("a.txt", "text/plain"),
    ],
)
def test_compressed_attachment(name: str, content_type: str) -> None:
    """A compressed file has no content coding as an attachment, or a browser decompresses it."""
    storage = InMemoryStorage()
    storage.save(name, ContentFile(b"x"))
    response = serve_from(storage, RequestFactory().head("/"), name, as_attachment=True)
    assert response["Content-Type"] == content_type
    assert "Content-Encoding" not in response


@pytest.mark.parametrize(
    ("name", "is_sandboxed"),
    [
        *(
            (f"a.{ending}", True)
            for ending in ("html", "htm", "xhtml", "svg", "svgz", "xml", "xsl")
        ),
        *((f"a.{ending}", False) for ending in ("png", "pdf", "mp4", "txt", "css", "js", "json")),
    ],
)
def test_sandbox(name: str, is_sandboxed: bool) -> None:
    """serve() sandboxes types with scripts, unless sandbox is false."""
    storage = InMemoryStorage()
    storage.save(name, ContentFile(b"x"))
    policy = ask(storage, name, "head").get("Content-Security-Policy", "")
    assert ("sandbox" in policy and "default-src 'none'" in policy) is is_sandboxed
    response = serve_from(storage, RequestFactory().head("/"), name, sandbox=False)
    assert "Content-Security-Policy" not in response


@pytest.mark.parametrize("name", ["data:text/HTML,x.png", "data:text/html ,x.png", "http://x.svg"])
def test_names_like_urls(name: str) -> None:
    """The type of a name that looks like a URL follows from its extension alone."""
    storage = InMemoryStorage()
    with storage.open(name, "w") as file:
        file.write("x")
    name = name if "//" not in name else "http:/x.svg"
    content_type = ask(storage, name, "head")["Content-Type"]
    assert content_type == ("image/svg+xml" if "svg" in name else "image/png")


# Parts.


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-", 5, 1023),
        ("bytes=-5", 1019, 1023),
        ("bytes=9-9999", 9, 1023),
    ],
)
def test_one_range(storage: Any, header: str, first: int, last: int) -> None:
    """One range gives its bytes and their position."""
    response = ask(storage, Range=header)
    assert (response.status_code, content_of(response)) == (206, CONTENT[first : last + 1])
    assert response["Content-Range"] == f"bytes {first}-{last}/1024"
    assert response["Content-Length"] == str(last + 1 - first)
    assert response["Content-Type"] == "application/octet-stream"
    assert "ETag" in response and "Last-Modified" in response


def test_several_ranges(storage: Any) -> None:
    """Several ranges are the parts of one response, in the requested order."""
    response = ask(storage, Range="bytes=-2,10-19,0-0")
    length = int(response["Content-Length"])
    assert response.status_code == 206 and "Content-Range" not in response
    parts = parts_of(response)
    assert [part.get_payload(decode=True) for part in parts] == [
        *(CONTENT[1022:], CONTENT[10:20], CONTENT[:1])
    ]
    assert [part["Content-Range"] for part in parts] == [
        *("bytes 1022-1023/1024", "bytes 10-19/1024", "bytes 0-0/1024")
    ]
    assert {part["Content-Type"] for part in parts} == {"application/octet-stream"}
    assert length == len(content_of(ask(storage, Range="bytes=-2,10-19,0-0")))


def test_large_ranges_come_in_chunks(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """serve() reads and sends a range in chunks."""
    monkeypatch.setattr(responses, "CHUNK_SIZE", 100)
    response = ask(storage, Range="bytes=1-300")
    chunks = list(response)
    response.close()
    assert [len(chunk) for chunk in chunks] == [100, 100, 100] and b"".join(chunks) == CONTENT[
        1:301
    ]


def test_unsatisfiable(storage: Any) -> None:
    """Ranges outside the file give 416 with the size of the file."""
    response = ask(storage, Range="bytes=1024-,-0")
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */1024")
    assert content_of(response) == b""
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("header", ["bytes=5-4", "lines=0-1", "nonsense", "bytes=0-,0-"])
def test_ignored_ranges(storage: Any, header: str) -> None:
    """A Range header that is malformed, or requests too much, gives the whole file."""
    assert get(storage, Range=header) == (200, CONTENT)


def test_file_that_cannot_seek(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Range header for an unseekable file gives the whole file, which accepts no ranges."""
    monkeypatch.setattr(ContentFile, "seekable", lambda self: False)
    monkeypatch.setattr(ContentFile, "seek", None)
    assert ask(TimelessStorage(), "a")["Accept-Ranges"] == "none"
    assert get(TimelessStorage(), "a", Range="bytes=5-6") == (200, CONTENT)


def test_parts_are_not_compressed() -> None:
    """GZipMiddleware does not compress a part, whose position is that of plain bytes."""
    storage = InMemoryStorage()
    storage.save("a.txt", ContentFile(b"a" * 10_000))
    request = RequestFactory().get("/", HTTP_ACCEPT_ENCODING="gzip", HTTP_RANGE="bytes=0-5000")
    partial = GZipMiddleware(lambda request: serve_from(storage, request, "a.txt"))(request)
    assert content_of(partial) == b"a" * 5001
    request = RequestFactory().get("/", HTTP_ACCEPT_ENCODING="gzip")
    whole = GZipMiddleware(lambda request: serve_from(storage, request, "a.txt"))(request)
    assert gzip.decompress(content_of(whole)) == b"a" * 10_000


# Preconditions.


def test_not_modified(storage: Any) -> None:
    """A validator that matches gives 304."""
    first = ask(storage, method="head")
    for headers in (
        {"If_None_Match": first["ETag"]},
        {"If_None_Match": f'"other", W/{first["ETag"]}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": first["Last-Modified"]},
        # An entity tag takes precedence.
        {"If_None_Match": first["ETag"], "If_Modified_Since": LONG_AGO},
        {"If_None_Match": first["ETag"], "Range": "bytes=0-1"},
    ):
        for method in ("get", "head"):
            response = ask(storage, method=method, **headers)
            assert (response.status_code, content_of(response)) == (304, b"")
            assert response["ETag"] == first["ETag"]
            assert response["Cache-Control"] == "no-cache"


def test_modified(storage: Any) -> None:
    """A validator that does not match gives the file."""
    last_modified = ask(storage, method="head")["Last-Modified"]
    for headers in (
        {"If_None_Match": '"other"'},
        {"If_Modified_Since": LONG_AGO},
        {"If_Modified_Since": "nonsense"},
        {"If_None_Match": '"other"', "If_Modified_Since": last_modified},
    ):
        assert get(storage, **headers) == (200, CONTENT)


def test_preconditions_that_fail(storage: Any) -> None:
    """If-Match and If-Unmodified-Since give 412 if the file has changed."""
    for headers in ({"If_Match": '"other"'}, {"If_Unmodified_Since": LONG_AGO}):
        response = ask(storage, Range="bytes=0-1", **headers)
        assert (response.status_code, content_of(response)) == (412, b"")
        assert response["X-Content-Type-Options"] == "nosniff"


def test_preconditions_that_hold(storage: Any) -> None:
    """If-Match and If-Unmodified-Since give the file if it has not changed."""
    first = ask(storage, method="head")
    for headers in (
        {"If_Match": first["ETag"]},
        {"If_Match": "*"},
        {"If_Unmodified_Since": first["Last-Modified"]},
    ):
        assert get(storage, Range="bytes=0-1", **headers) == (206, CONTENT[:2])
    assert get(storage, If_Match=f"W/{first['ETag']}")[0] == 412


def test_if_range(storage: Any) -> None:
    """If-Range gives the part if the file has not changed, and otherwise the whole file."""
    first = ask(storage, method="head")
    for same in (first["ETag"], first["Last-Modified"]):
        assert get(storage, Range="bytes=0-1", If_Range=same) == (206, CONTENT[:2])
    later = http_date(datetime.now(tz=timezone.utc).timestamp() + 60)
    for other in ('"other"', f"W/{first['ETag']}", LONG_AGO, later, "nonsense"):
        assert get(storage, Range="bytes=0-1", If_Range=other) == (200, CONTENT)
    assert get(storage, If_Range=first["ETag"]) == (200, CONTENT)


# Names.


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "d/nothing", "d/a.bin/below", "d", ".", "..", "../secret", "d/../../secret"),
        *("/etc/passwd", "//etc/passwd", "..\\secret", "d\\..\\..\\secret", "a\0b", "d/a.bin\0"),
        *("x" * 5000, "\ud800", "~root/x", "C:\\x"),
        # One file has one name, because access is decided by name.
        *("./d/a.bin", "d/./a.bin", "d//a.bin", "d/../d/a.bin", "/d/a.bin"),
    ],
)
def test_other_names_are_not_found(storage: Any, tmp_path: Path, name: str) -> None:
    """A name that is not the one normalized name of a file gives 404."""
    (tmp_path.parent / "secret").write_bytes(b"secret")
    assert not_found(storage, name)


@pytest.mark.parametrize("name", ["", "d/"])
def test_directories_are_not_listed(storage: Any, name: str) -> None:
    """A directory gives 404 without DEBUG."""
    assert not_found(storage, name)


def test_missing_in_a_bucket() -> None:
    """A FileNotFoundError without an errno gives 404."""

    class Bucket(Storage):
        def _open(self, name: str, mode: str = "rb") -> File:
            raise FileNotFoundError(f"File does not exist: {name}")

    assert not_found(Bucket(), "a")


def test_bucket_that_opens_late() -> None:
    """A storage may raise FileNotFoundError when the size is read."""

    class Late(File):
        @property
        def size(self) -> int:
            raise FileNotFoundError(self.name)

    class Bucket(Storage):
        def _open(self, name: str, mode: str = "rb") -> File:
            return Late(io.BytesIO(), name)

    assert not_found(Bucket(), "a")


def test_bucket_with_its_own_errors() -> None:
    """A get_modified_time() error is raised, unless the file does not exist."""

    class Bucket(TimelessStorage):
        def get_modified_time(self, name: str) -> Any:
            raise RuntimeError("the bucket's")

        def exists(self, name: str) -> bool:
            return name == "there"

    assert not_found(Bucket(), "missing")
    with pytest.raises(RuntimeError, match="the bucket's"):
        ask(Bucket(), "there")


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, None])
def test_other_errors_are_raised(number: int | None) -> None:
    """Errors of a broken storage are raised."""

    class Broken(Storage):
        def _open(self, name: str, mode: str = "rb") -> File:
            raise OSError(number, "broken")

    with pytest.raises(OSError, match="broken"):
        ask(Broken(), "a")


def test_file_that_is_deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is deleted before open() gives 404."""
    storage = make_storage("disk", tmp_path)
    modified_time = storage.get_modified_time

    def delete_after(name: str) -> Any:
        modified = modified_time(name)
        storage.delete(name)
        return modified

    monkeypatch.setattr(storage, "get_modified_time", delete_after)
    assert not_found(storage, "d/a.bin")


def test_file_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content never gets the entity tag of a later one."""
    storage = make_storage("memory", Path())
    open_file = storage.open

    def open_and_replace(name: str) -> Any:
        file = open_file(name)
        storage.delete(name)
        storage.save(name, ContentFile(CONTENT[::-1]))
        return file

    with monkeypatch.context() as patch:
        patch.setattr(storage, "open", open_and_replace)
        response = ask(storage)
    assert content_of(response) == CONTENT
    assert get(storage, If_None_Match=response["ETag"]) == (200, CONTENT[::-1])


def test_file_on_a_disk_that_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is replaced after open() is sent whole."""
    storage = make_storage("disk", tmp_path)
    open_at_once = responses._open_at_once

    def open_and_replace(path: str, flags: int) -> int:
        descriptor = open_at_once(path, flags)
        (tmp_path / "new").write_bytes(b"shorter")
        os.replace(tmp_path / "new", path)
        return descriptor

    monkeypatch.setattr(responses, "_open_at_once", open_and_replace)
    assert get(storage) == (200, CONTENT)


# Special files, and projects.


class OwnOpening(FileSystemStorage):
    """A storage of a project that opens files in its own way."""

    def _open(self, name: str, mode: str = "rb") -> File:
        return File(io.BytesIO(Path(self.path(name)).read_bytes()), name)


ON_DISK = {
    "disk": FileSystemStorage,
    "subclass": OwnOpening,
    "layer": lambda location: FallbackStorage([InMemoryStorage(), FileSystemStorage(location)]),
}
on_disk = pytest.mark.parametrize("kind", ON_DISK)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
@on_disk
def test_special_files_are_not_found(tmp_path: Path, kind: str) -> None:
    """serve() opens no pipe and no socket, of a layer either."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    storage: Any = ON_DISK[kind](tmp_path)
    for name in ("pipe", "device", "socket"):
        assert not_found(storage, name)


@on_disk
def test_regular_files_are_found(tmp_path: Path, kind: str) -> None:
    """serve() opens a regular file on a disk, also behind a symbolic link."""
    storage: Any = ON_DISK[kind](tmp_path)
    storage.save("a", ContentFile(CONTENT))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(CONTENT)
    assert get(storage, "a") == get(storage, "link") == (200, CONTENT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_file_that_becomes_a_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """serve() checks the file that it opened, and not the one that had the name before."""
    storage = make_storage("disk", tmp_path)
    before = os.stat(tmp_path / "d/a.bin")
    (tmp_path / "d/a.bin").unlink()
    os.mkfifo(tmp_path / "d/a.bin")
    stat = os.stat

    def stat_before(file: Any, **options: Any) -> os.stat_result:
        return before if file == str(tmp_path / "d/a.bin") else stat(file, **options)

    descriptor = os.open(tmp_path / "d/a.bin", os.O_RDWR)
    os.write(descriptor, CONTENT)  # so that no reader waits
    monkeypatch.setattr(os, "stat", stat_before)
    assert not_found(storage, "d/a.bin")
    os.close(descriptor)


def test_file_over_a_directory_of_a_layer(tmp_path: Path) -> None:
    """serve() serves a file of a layer, even if a lower layer has a directory of its name."""
    (tmp_path / "a").mkdir()
    upper = InMemoryStorage()
    upper.save("a", ContentFile(CONTENT))
    assert get(FallbackStorage([upper, FileSystemStorage(tmp_path)]), "a") == (200, CONTENT)


def test_files_of_the_project_are_refused(settings: Any) -> None:
    """serve() refuses a storage whose location is the working directory."""
    use_storage(settings, "default", "django.core.files.storage.FileSystemStorage", location=".")
    with pytest.raises(ImproperlyConfigured, match="the project's own files"):
        serve(RequestFactory().get("/"), "conftest.py")


# Access.


def ask_public(public: Any) -> Any:
    """Serve a file if ``public`` lets it."""
    storage = make_storage("memory", Path())
    return serve_from(storage, RequestFactory().get("/"), "d/a.bin", public)


def test_public() -> None:
    """serve() calls public before any lookup; False gives 403."""
    storage = make_storage("memory", Path())
    request = RequestFactory().get("/")
    calls: list[Any] = []

    def public(request: Any, name: str) -> bool:
        calls.append((request, name))
        return name.startswith("d/")

    response: Any = serve_from(storage, request, "d/a.bin", public)
    assert content_of(response) == CONTENT
    assert response["Cache-Control"] == "private, no-cache"
    for name in ("secret", "d", "x/../d/a.bin"):
        with pytest.raises(PermissionDenied):
            serve_from(storage, request, name, public)
    assert calls == [(request, name) for name in ("d/a.bin", "secret", "d", "x/../d/a.bin")]


@pytest.mark.parametrize("answer", [True, False])
def test_public_may_be_async(answer: bool) -> None:
    """serve() awaits the result of an async public."""

    async def public(request: Any, name: str) -> bool:
        return answer

    with nullcontext() if answer else pytest.raises(PermissionDenied):
        ask_public(public)


def test_public_may_return_a_response() -> None:
    """serve() returns a response of public as it is, such as that of login_required."""
    response = HttpResponseForbidden()
    assert ask_public(lambda request, name: response) is response


@pytest.mark.parametrize("answer", [None, 1, "yes", Future()])
def test_public_must_return_a_truth_value(answer: Any) -> None:
    """serve() raises for any other result of public, and serves nothing."""
    with pytest.raises(TypeError, match="public must return True, False or a response"):
        ask_public(lambda request, name: answer)


def test_public_may_raise_404() -> None:
    """public may raise Http404."""

    def public(request: Any, name: str) -> bool:
        raise Http404

    with pytest.raises(Http404):
        serve_from(make_storage("memory", Path()), RequestFactory().get("/"), "d/a.bin", public)


# Handles.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-1"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=5000-"},
        {"If_None_Match": "*"},
        {"If_Match": '"x"'},
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_file_is_closed(monkeypatch: Any, tmp_path: Path, method: str, headers: Any) -> None:
    """The file is closed with the response, or earlier if nothing is streamed."""
    monkeypatch.setattr(responses, "CHUNK_SIZE", 1)
    storage = make_storage("disk", tmp_path)
    opened: list[Any] = []
    open_file = storage.open
    monkeypatch.setattr(storage, "open", lambda name: opened.append(open_file(name)) or opened[-1])
    response = ask(storage, method=method, **headers)
    assert opened[0].closed is not response.streaming
    response.close()
    assert opened[0].closed


def test_file_is_closed_after_an_error(monkeypatch: Any, tmp_path: Path) -> None:
    """The file is closed if the response cannot be made."""
    storage = make_storage("disk", tmp_path)
    file = storage.open("d/a.bin")
    monkeypatch.setattr(storage, "open", lambda name: file)
    monkeypatch.setattr(File, "seekable", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(storage, Range="bytes=0-1")
    assert file.closed


@pytest.mark.parametrize("is_async", [False, True])
def test_small_files_are_read_at_once(is_async: bool) -> None:
    """A file that fits into a chunk is closed before the response, which still streams."""
    storage = make_storage("memory", Path())
    file = storage.open("d/a.bin")
    storage.open = lambda name: file
    request = async_request() if is_async else RequestFactory().get("/")
    response: Any = serve_from(storage, request, "d/a.bin")
    assert response.streaming and file.closed
    assert (consume if is_async else content_of)(response) == CONTENT


def test_file_that_becomes_shorter(monkeypatch: Any, tmp_path: Path) -> None:
    """A file that becomes shorter while it is sent raises EOFError."""
    monkeypatch.setattr(responses, "CHUNK_SIZE", 100)
    storage = make_storage("disk", tmp_path)
    response = ask(storage, Range="bytes=1-")
    Path(storage.path("d/a.bin")).write_bytes(b"short")
    with pytest.raises(EOFError, match=r"a\.bin became shorter"):
        content_of(response)
    response.close()


def large_file(storage: Any, size: int) -> Any:
    """Return a storage with a sparse file of zeros."""
    if isinstance(storage, FileSystemStorage):
        with open(storage.path("large"), "wb") as file:
            file.truncate(size)
    else:
        storage.save("large", ContentFile(bytes(size)))
    return storage


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_constant_memory(tmp_path: Path, kind: str) -> None:
    """serve() sends a file of 1 GiB with the memory of a few chunks."""
    storage = large_file(make_storage(kind, tmp_path), 1 << 30)
    tracemalloc.start()
    try:
        response = ask(storage, "large", Range="bytes=100-")
        assert sum(map(len, response)) == (1 << 30) - 100
        response.close()
        assert tracemalloc.get_traced_memory()[1] < 4 * responses.CHUNK_SIZE
    finally:
        tracemalloc.stop()
