"""A file as HTTP sees it: the selected representation, and what is said of it."""

from __future__ import annotations

import errno
import mimetypes
import os
import posixpath
import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files import File
from django.core.files.storage import Storage
from django.http import Http404
from django.utils.http import content_disposition_header, http_date

# The content codings of RFC 9110, section 8.4.1, and br. What is packed in another way is a type.
_CODINGS = {"br", "compress", "gzip"}
_PACKED = {"bzip2": "application/x-bzip2", "xz": "application/x-xz"}

# What no header may have.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

# What a browser runs scripts of, when a user uploads it and another one opens it.
_SANDBOX = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"

# What storages raise for a name at which there is no file to read; the first two without a number:
# buckets do, and Django's InMemoryStorage for a name below a file.
_MISSING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_MISSING_NUMBERS = {errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP}


@dataclass(frozen=True)
class Representation:
    """
    An open file, its name, its number of bytes, and its time of modification: seconds since the
    epoch, or ``None`` where the storage knows none.
    """

    file: File[bytes]
    name: str
    size: int
    modified: float | None

    @property
    def etag(self) -> str | None:
        """
        Return a strong entity tag (RFC 9110, section 8.8.3): another one for each change that the
        storage's clock tells from the one before.
        """
        if self.modified is None:
            return None
        return f'"{int(self.modified * 1_000_000):x}-{self.size:x}"'

    @property
    def last_modified(self) -> int | None:
        """Return the whole second since the epoch in which the file was modified last."""
        return None if self.modified is None else int(self.modified)

    def validators(self) -> dict[str, str]:
        """Return the headers that tell one state of the file from another (RFC 9110, 8.8)."""
        if self.modified is None:
            return {}
        return {"ETag": str(self.etag), "Last-Modified": http_date(self.modified)}


def open_representation(storage: Storage, name: str) -> Representation:
    """Open a file of any storage; raise ``Http404`` where there is none."""
    try:
        if not _is_normal(name):
            raise ValueError(f"{name!r} is not the normal form of a name.")
        # Asked before: a file that is replaced between the two goes out with an older tag, which
        # nothing later has.
        modified = _modified(storage, name)
        file = storage.open(name)
        try:
            return Representation(file, name, file.size, modified)
        except BaseException:
            file.close()
            raise
    except (OSError, ValueError, SuspiciousOperation) as error:
        if isinstance(error, OSError) and not _says_missing(error):
            raise
        raise Http404(f"There is no file {name!r}.") from error


def _is_normal(name: str) -> bool:
    """Return whether a name is the only one for its file: who may have it is asked by name."""
    first = name.partition("/")[0]
    return posixpath.normpath(name) == name and first not in ("", "..") and "\\" not in name


def _says_missing(error: OSError) -> bool:
    return isinstance(error, _MISSING) or error.errno in _MISSING_NUMBERS


def _modified(storage: Storage, name: str) -> float | None:
    try:
        return storage.get_modified_time(name).timestamp()
    except NotImplementedError:
        return None
    except Exception:
        # A bucket has errors of its own for what is not there.
        if storage.exists(name):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None


def content_headers(
    name: str, *, as_attachment: bool = False, sandbox: bool = True
) -> dict[str, str]:
    """
    Return the headers that follow from the name of a file.

    :param as_attachment: whether a browser is to save it, not to show it.
    :param sandbox: whether HTML, SVG and other XML are kept from running scripts and from reaching
        anything of the site.
    """
    base_name = posixpath.basename(name)
    # With a slash, or a name could be taken for a URL that says its own type.
    guessed, coding = mimetypes.guess_type(f"./{base_name}")
    content_type = _PACKED.get(coding or "", guessed or "application/octet-stream")
    file_name = _CONTROLS.sub("_", base_name)
    headers: dict[str, Any] = {
        "Content-Type": content_type,
        "Content-Encoding": coding if coding in _CODINGS else None,
        "Content-Disposition": content_disposition_header(as_attachment, file_name),
        "Content-Security-Policy": _SANDBOX if sandbox and _is_active(content_type) else None,
        "X-Content-Type-Options": "nosniff",
    }
    return {header: value for header, value in headers.items() if value}


def _is_active(content_type: str) -> bool:
    return content_type.lower().endswith(("html", "xml", "xsl"))
