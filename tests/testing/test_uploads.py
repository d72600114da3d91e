"""uploads: the files are valid, of the given size, and the same in every run."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pypdf
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import (
    SimpleUploadedFile,
    TemporaryUploadedFile,
    UploadedFile,
)
from django.forms import FileField, ImageField
from PIL import Image

from inmemorystorage.testing import uploads

MAKERS: dict[str, Callable[..., UploadedFile]] = {
    "image": lambda **options: uploads.image("a.png", 640, 480, **options),
    "pdf": lambda **options: uploads.pdf("a.pdf", text="Some text", **options),
    "csv": lambda **options: uploads.csv([["name", "size"], ["a", 1]], **options),
    "text": lambda **options: uploads.text("a.txt", "Some text", **options),
    "zip": lambda **options: uploads.zip({"a.txt": "Some text"}, **options),
    "file": lambda **options: uploads.file("a.bin", size=10_000, **options),
    "content": lambda **options: uploads.file("a.bin", content=b"Some bytes", **options),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_small_and_large(make: Callable[..., UploadedFile], settings: Any) -> None:
    """An upload above the threshold is a temporary file with the same bytes."""
    small = make()
    content = small.read()
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = len(content)
    assert type(make()) is type(small) is SimpleUploadedFile
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = len(content) - 1
    large = make()
    assert type(large) is TemporaryUploadedFile
    assert Path(large.temporary_file_path()).read_bytes() == large.read() == content
    assert large.size == small.size == len(content)
    assert (large.name, large.content_type) == (small.name, small.content_type)


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_content_type_can_be_wrong(make: Callable[..., UploadedFile]) -> None:
    """An upload has the content type that the test passes."""
    assert make(content_type="image/x-lie").content_type == "image/x-lie"


@pytest.mark.parametrize(
    ("name", "kind", "content_type"),
    [
        ("a.png", "PNG", "image/png"),
        ("a.jpg", "JPEG", "image/jpeg"),
        ("a.JPEG", "JPEG", "image/jpeg"),
        ("a.gif", "GIF", "image/gif"),
        ("a.webp", "WEBP", "image/webp"),
        ("a.bmp", "BMP", "image/bmp"),
        ("a.tiff", "TIFF", "image/tiff"),
    ],
)
def test_image(name: str, kind: str, content_type: str) -> None:
    """image() writes the format of its name, which Pillow and ImageField read."""
    upload = uploads.image(name, 640, 480)
    assert (upload.name, upload.content_type) == (name, content_type)
    with Image.open(upload) as image:
        image.load()
        assert (image.format, image.size) == (kind, (640, 480))
    assert ImageField().clean(uploads.image(name, 640, 480)).image.size == (640, 480)


def test_image_options() -> None:
    """image() accepts a color, a mode, and options of Pillow's save()."""
    exif = Image.Exif()
    exif[274] = 6  # the orientation: a quarter turn to the right
    with Image.open(uploads.image("a.jpg", color="#000", exif=exif)) as image:
        assert image.size == (64, 64) and image.getpixel((0, 0)) == (0, 0, 0)
        assert image.getexif()[274] == 6
    with Image.open(uploads.image(mode="RGBA", color=(1, 2, 3, 4))) as image:
        assert (image.mode, image.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 4))


def test_image_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """image() names the extra when Pillow is not installed."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install dj-inmemorystorage\[images\]"):
        uploads.image()


@pytest.mark.parametrize("text", ["", "One line", "Two lines\nof (Größe) \\ {}"])
@pytest.mark.parametrize("pages", [1, 3])
def test_pdf(text: str, pages: int) -> None:
    """pdf() writes a document that pypdf reads without a warning."""
    upload = uploads.pdf(text=text, pages=pages)
    assert (upload.name, upload.content_type) == ("document.pdf", "application/pdf")
    document = pypdf.PdfReader(upload, strict=True)
    assert [page.extract_text() for page in document.pages] == [text] * pages


def test_csv_of_sequences() -> None:
    """csv() writes sequences as rows, as the csv module reads them."""
    upload = uploads.csv([["name", "note"], ["Ada", 'a "b", c\nd'], [1, None]])
    assert (upload.name, upload.content_type) == ("rows.csv", "text/csv")
    read = csv.reader(io.StringIO(upload.read().decode(), newline=""))
    assert list(read) == [["name", "note"], ["Ada", 'a "b", c\nd'], ["1", ""]]


def test_csv_of_mappings() -> None:
    """csv() writes the keys of mappings as the first row."""
    rows = ({"name": name, "size": size} for name, size in [("Größe", 1), ("b", 2)])
    upload = uploads.csv(rows, "a.tsv", encoding="latin-1", delimiter="\t", lineterminator="\n")
    assert upload.read() == "name\tsize\nGröße\t1\nb\t2\n".encode("latin-1")
    assert upload.name == "a.tsv"


def test_csv_of_nothing() -> None:
    """csv() without rows is an empty file."""
    assert uploads.csv([]).read() == b""


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("text.txt", "text/plain"), ("a.html", "text/html"), ("README", "text/plain")],
)
def test_text(name: str, content_type: str) -> None:
    """text() writes text, whatever its name."""
    upload = uploads.text(name, "Größe", encoding="utf-16-le")
    assert upload.read().decode("utf-16-le") == "Größe"
    assert (upload.name, upload.content_type) == (name, content_type)
    assert uploads.text().read() == b"Some text.\n"


def test_zip(settings: Any) -> None:
    """zip() writes members of each kind, which zipfile reads."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 20_000
    image, large = uploads.image("a.png"), uploads.file("b.bin", size=100_000)
    members = {"a.png": image, "b.bin": large, "c/d.txt": "Größe", "../e": b"\0", "f/": b""}
    upload = uploads.zip(members | {"g.txt": ContentFile("text")})
    assert (upload.name, upload.content_type) == ("archive.zip", "application/zip")
    with zipfile.ZipFile(upload) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*members, "g.txt"]
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("a.png") == image.read()  # which was read from its start before
        assert archive.read("b.bin") == large.read()
        assert archive.read("c/d.txt") == "Größe".encode()
        assert archive.read("g.txt") == b"text"


def test_zip_compresses() -> None:
    """zip() compresses with the given method."""
    members = {"zeros": bytes(1_000_000)}
    upload = uploads.zip(members, compression=zipfile.ZIP_DEFLATED)
    assert upload.size < 10_000
    with zipfile.ZipFile(upload) as archive:
        assert archive.read("zeros") == members["zeros"]


@pytest.mark.parametrize("size", [0, 1, 250, 251, 64_256, 64_257, 2_621_440, 2_621_441, 10_000_000])
def test_file_has_its_size(size: int) -> None:
    """file() returns a file of exactly the given size."""
    upload = uploads.file("big.bin", size=size)
    assert upload.size == len(upload.read()) == size
    assert isinstance(upload, TemporaryUploadedFile) is (size > 2_621_440)
    assert upload.content_type == "application/octet-stream"


def test_file_of_content() -> None:
    """file() has the given content, and 1 KiB otherwise."""
    assert uploads.file("a.png", content="no image").read() == b"no image"
    assert uploads.file("a.png", content="no image").content_type == "image/png"
    assert uploads.file("a", content=uploads.text()).read() == b"Some text.\n"
    assert uploads.file().size == 1024


def test_a_temporary_file_ends_with_its_upload(settings: Any, tmp_path: Path) -> None:
    """A temporary file is removed with its upload, unless a storage moved it to its location."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    upload = uploads.text()
    assert list(map(str, tmp_path.iterdir())) == [upload.temporary_file_path()]
    del upload
    assert not list(tmp_path.iterdir())
    upload = uploads.text()
    FileSystemStorage(location=tmp_path / "media").save("a.txt", upload)
    del upload
    assert os.listdir(tmp_path) == ["media"]
    assert (tmp_path / "media" / "a.txt").read_bytes() == b"Some text.\n"


def test_forms_accept_uploads() -> None:
    """A FileField accepts an upload, and rejects an empty one."""
    upload = uploads.pdf()
    assert FileField().clean(upload) is upload
    assert FileField(allow_empty_file=True).clean(uploads.file(size=0)).size == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: uploads.image("a.xyz"), ValueError, r"'a.xyz'. Its images end with .*\.gif, .*"),
        (lambda: uploads.image("a.pdf"), ValueError, "writes no image named 'a.pdf'"),
        (lambda: uploads.image("a.png", 0), ValueError, "at least one pixel, not 0 x 64"),
        (lambda: uploads.image("a.png", 1, -1), ValueError, "at least one pixel, not 1 x -1"),
        (lambda: uploads.pdf(pages=0), ValueError, "at least one page, not 0"),
        (lambda: uploads.pdf(text="日本"), ValueError, "can't encode"),
        (lambda: uploads.csv(["a,b"]), TypeError, "a mapping, not 'a,b'"),
        (lambda: uploads.csv([{"a": 1}, {"b": 1}]), ValueError, "fields not in fieldnames"),
        (lambda: uploads.file(size=-1), ValueError, "cannot have a size of -1 bytes"),
        (lambda: uploads.file(size=1, content=b""), ValueError, "Leave out size"),
    ],
)
def test_mistakes(make: Any, error: type[Exception], message: str) -> None:
    """Mistaken arguments raise errors that name the cure."""
    with pytest.raises(error, match=message):
        make()


@pytest.fixture(scope="module")
def logo(uploads: ModuleType) -> UploadedFile:
    """Return an upload that all tests of the module share."""
    upload: UploadedFile = uploads.image("logo.png")
    return upload


def test_the_fixture(uploads: ModuleType, logo: UploadedFile) -> None:
    """The fixture is the module, for fixtures of every scope."""
    assert uploads.image("logo.png").read() == logo.read()
