"""The formats that the gallery shows, recognized by content, whatever the file's name."""

import re
from pathlib import PurePath
from typing import NamedTuple

from django.core.files.uploadedfile import UploadedFile
from PIL import Image, UnidentifiedImageError


class Format(NamedTuple):
    """A format of pictures or videos, with its suffixes, the preferred one first."""

    kind: str
    suffixes: tuple[str, ...]


FORMATS = {
    "JPEG": Format("picture", (".jpg", ".jpeg")),
    "MPO": Format("picture", (".jpg", ".jpeg")),  # a JPEG with more pictures behind the first
    "PNG": Format("picture", (".png",)),
    "GIF": Format("picture", (".gif",)),
    "WEBP": Format("picture", (".webp",)),
    "WebM": Format("video", (".webm",)),
    "MP4": Format("video", (".mp4",)),
}
SUFFIXES = tuple(dict.fromkeys(each for format in FORMATS.values() for each in format.suffixes))
VIDEO_SUFFIXES = tuple(
    suffix for format in FORMATS.values() if format.kind == "video" for suffix in format.suffixes
)

# The starts of videos: EBML's header with the document type `webm` (RFC 8794, section 11.2), and
# the box `ftyp` with a brand of MP4 (ISO/IEC 14496-12, section 4.3), not one of HEIC or AVIF.
BEGINNINGS = {
    "WebM": re.compile(rb"\x1a\x45\xdf\xa3.{1,128}?\x42\x82.{1,8}?webm", re.DOTALL),
    "MP4": re.compile(rb".{4}ftyp(?:iso|mp4|avc|M4V|dash|MSNV)", re.DOTALL),
}


def recognize(upload: UploadedFile) -> Format | None:
    """Return the format that a file's start shows, or ``None`` for any other."""
    upload.seek(0)
    beginning = upload.read(256)
    upload.seek(0)
    for name, pattern in BEGINNINGS.items():
        if pattern.match(beginning):
            return FORMATS[name]
    return picture_format(upload)


def picture_format(upload: UploadedFile) -> Format | None:
    """Return the format of a picture, as Pillow recognizes it."""
    try:
        with Image.open(upload.file) as image:
            return FORMATS.get(image.format)
    except UnidentifiedImageError:
        return None
    finally:
        upload.seek(0)


def with_suffix(name: str, format: Format) -> str:
    """Return the name with a suffix of the format, from which browsers learn the type."""
    path = PurePath(name)
    if path.suffix.lower() in format.suffixes:
        return name
    return path.stem + format.suffixes[0]


def is_video(name: str) -> bool:
    """Return whether a stored file is a video; its suffix agrees with its content."""
    return name.lower().endswith(VIDEO_SUFFIXES)
