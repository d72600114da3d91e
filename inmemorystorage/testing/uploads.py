"""
Make uploads for tests: valid files with the same bytes in every run.

Each function returns what a view finds in ``request.FILES``: a ``SimpleUploadedFile``, or a
``TemporaryUploadedFile`` above ``FILE_UPLOAD_MAX_MEMORY_SIZE``. Its content type follows from its
name, unless ``content_type`` gives another one.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import mimetypes
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from csv import DictWriter, writer
from typing import Any, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import six
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.core.files.uploadedfile import (
    SimpleUploadedFile,
    TemporaryUploadedFile,
    UploadedFile,
)

Content: TypeAlias = "bytes | str | File[Any]"

# The bytes that file() repeats. Their number is prime, so that blocks of a file differ.
_PATTERN = bytes(range(251))
_CHUNK = _PATTERN * 256

# A page is an A4 sheet in points, with its text at the top in 12 point Helvetica.
_PDF_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_PDF_PAGE = (
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
    "/Resources << /Font << /F1 3 0 R >> >> /Contents 4 0 R >>"
)
_PDF_TEXT = "BT /F1 12 Tf 14 TL 72 770 Td ({}) Tj ET"


def image(
    name: str = "image.png",
    width: int = 64,
    height: int = 64,
    *,
    color: Any = "steelblue",
    mode: str = "RGB",
    content_type: str | None = None,
    **options: Any,
) -> UploadedFile[Any]:
    """
    Return an image of one color, in the format of its name's extension.

    :param width: pixels; ``height``: too.
    :param color: any color that Pillow accepts for the ``mode`` of the image.
    :param options: options of Pillow's ``save()`` for the format: ``quality``, ``exif``, …

    Raises ``ImproperlyConfigured`` if Pillow is not installed, and ``ValueError`` if it cannot
    write images with that extension, or if the image would be empty.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImproperlyConfigured(
            f"uploads.image() needs Pillow, which is not installed ({error}). "
            "Install it with: pip install dj-inmemorystorage[images]"
        ) from error
    if width < 1 or height < 1:
        raise ValueError(f"{name!r} must have at least one pixel, not {width} x {height}.")
    # Pillow also writes documents that contain dates: PDF, PostScript.
    formats = {
        ending: kind
        for ending, kind in sorted(Image.registered_extensions().items())
        if kind in Image.SAVE and Image.MIME.get(kind, "").startswith("image/")
    }
    kind = formats.get(os.path.splitext(name)[1].lower())
    if kind is None:
        raise ValueError(
            f"Pillow writes no image named {name!r}. Its images end with {', '.join(formats)}."
        )
    stream = io.BytesIO()
    Image.new(mode, (width, height), color).save(stream, kind, **options)
    return _upload(name, stream.getvalue(), content_type or Image.MIME[kind])


def pdf(
    name: str = "document.pdf",
    *,
    text: str = "",
    pages: int = 1,
    content_type: str | None = None,
) -> UploadedFile[Any]:
    """
    Return a PDF document of A4 pages, each with the same text.

    :param text: lines of characters of the code page 1252, the one of PDF's standard fonts.

    Raises ``ValueError`` for other characters, and for a document without pages.
    """
    if pages < 1:
        raise ValueError(f"{name!r} must have at least one page, not {pages}.")
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    drawn = _PDF_TEXT.format(") Tj T* (".join(escaped.splitlines())).encode("cp1252")
    numbers = range(5, 5 + pages)  # the objects after those of the document
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        _PDF_FONT.encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        *[_PDF_PAGE.encode()] * pages,
    ]
    # Bytes above 127 in the comment tell programs that transfer the file that it is binary.
    document = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    table = b"0000000000 65535 f \n"
    for number, each in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(document)
        document += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    size, start = len(objects) + 1, len(document)
    document += b"xref\n0 %d\n%btrailer\n<< /Size %d /Root 1 0 R >>\n" % (size, table, size)
    document += b"startxref\n%d\n%%%%EOF\n" % start
    return _upload(name, bytes(document), content_type)


def csv(
    rows: Iterable[Sequence[Any] | Mapping[str, Any]],
    name: str = "rows.csv",
    *,
    encoding: str = "utf-8",
    content_type: str | None = None,
    **options: Any,
) -> UploadedFile[Any]:
    """
    Return rows as comma-separated values.

    :param rows: sequences; or mappings, whose keys become the first row.
    :param options: options of ``csv.writer()``: ``delimiter``, ``dialect``, ``quoting``, …

    Raises ``TypeError`` for a row that is text, and ``ValueError`` for mappings whose keys are not
    those of the first.
    """
    lines = list(rows)
    for each in lines:
        if isinstance(each, (str, bytes)):
            raise TypeError(
                f"A row must be a sequence or a mapping, not {each!r}. For content that is "
                "written already call uploads.text('rows.csv', content)."
            )
    stream = io.StringIO(newline="")
    if lines and isinstance(lines[0], Mapping):
        dictionaries: Any = DictWriter(stream, list(lines[0]), **options)
        dictionaries.writeheader()
        dictionaries.writerows(lines)
    else:
        writer(stream, **options).writerows(lines)
    return _upload(name, stream.getvalue().encode(encoding), content_type or "text/csv")


def text(
    name: str = "text.txt",
    content: str = "Some text.\n",
    *,
    encoding: str = "utf-8",
    content_type: str | None = None,
) -> UploadedFile[Any]:
    """Return a text file."""
    content_type = content_type or _guess(name, "text/plain")
    return _upload(name, content.encode(encoding), content_type)


def zip(
    members: Mapping[str, Content],
    name: str = "archive.zip",
    *,
    compression: int = ZIP_STORED,
    content_type: str | None = None,
) -> UploadedFile[Any]:
    """
    Return a ZIP archive, whose members are dated 1980-01-01.

    :param members: contents by name: bytes, text (written as UTF-8) or files, such as other
        uploads. Names are kept as they are.
    :param compression: one of the constants of ``zipfile``. Compressed bytes depend on the release
        of the compression library.
    """
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for each, content in members.items():
            member = ZipInfo(each)  # its date is 1980-01-01, the first that the format has
            member.compress_type = compression
            member.create_system, member.external_attr = 3, 0o644 << 16  # alike on all systems
            archive.writestr(member, _read(content))
    return _upload(name, stream.getvalue(), content_type)


def file(
    name: str = "file.bin",
    *,
    size: int | None = None,
    content: Content | None = None,
    content_type: str | None = None,
) -> UploadedFile[Any]:
    """
    Return a file of any kind, by its size or by its content.

    :param size: bytes, 1,024 by default, which repeat a pattern. A large file is written to its
        temporary file in parts.
    :param content: bytes, text (written as UTF-8) or another file.

    Raises ``ValueError`` for a negative size, and for both a size and a content.
    """
    if content is not None:
        if size is not None:
            raise ValueError(f"{name!r} has the size of its content. Leave out size.")
        return _upload(name, _read(content), content_type)
    size = 1024 if size is None else size
    if size < 0:
        raise ValueError(f"{name!r} cannot have a size of {size} bytes.")
    return _upload_chunks(name, _pattern(size), size, content_type or _guess(name))


def _pattern(size: int) -> Iterator[bytes]:
    full, rest = divmod(size, len(_CHUNK))
    yield from itertools.repeat(_CHUNK, full)
    yield _CHUNK[:rest]


def _read(content: Content) -> bytes:
    if not isinstance(content, File):
        return six.ensure_binary(content)
    whole = b"".join(six.ensure_binary(chunk) for chunk in content.chunks())
    content.seek(0)
    return whole


def _upload(name: str, content: bytes, content_type: str | None) -> UploadedFile[Any]:
    return _upload_chunks(name, [content], len(content), content_type or _guess(name))


def _guess(name: str, default: str = "application/octet-stream") -> str:
    return mimetypes.guess_type(name, strict=False)[0] or default


def _upload_chunks(
    name: str, chunks: Iterable[bytes], size: int, content_type: str
) -> UploadedFile[Any]:
    if size <= settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
        return SimpleUploadedFile(name, b"".join(chunks), content_type)
    upload = TemporaryUploadedFile(name, content_type, size, None)
    temporary: Any = upload.file
    temporary.writelines(chunks)
    upload.seek(0)
    # Django closes a request's files at its end; these are closed when the test drops them.
    weakref.finalize(upload, _close, temporary)
    return upload


def _close(temporary: Any) -> None:
    with contextlib.suppress(FileNotFoundError):  # a storage may have moved it to its location
        temporary.close()
