"""The page that lists a directory of a storage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponse
from django.template import Context, Engine, Template
from django.template.defaultfilters import pluralize

from ..walk import NO_DIRECTORY, DirEntry, find, printable, scan, walk

# A user waits for the page, and a bucket needs a request for each size. Past these limits the total
# is "at least" what was counted, and sizes and times are left out.
MAX_ROWS = 1_000
MAX_NAMES = 10_000
MAX_SECONDS = 2.0

# The types that <img> shows; an SVG in <img> runs no script.
PICTURES = (".apng", ".avif", ".bmp", ".gif", ".ico", ".jpeg", ".jpg", ".png", ".svg", ".webp")
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"]


@dataclass(frozen=True)
class Row:
    """A row of the page; ``href`` is empty for a file that is served only at a signed URL."""

    name: str
    href: str
    is_directory: bool
    is_picture: bool
    size: str
    bytes: str
    modified: datetime | None


def list_directory(request: HttpRequest, storage: Storage, name: str) -> HttpResponse:
    """
    Return the page of a directory: its folders and files, and the total of everything below.

    :param storage: any storage that has ``listdir()``.
    :param name: ``""`` for the root, otherwise a name that ends in a slash.

    Links are relative to the page. A file that is served only at a signed URL has none: the page
    would give that URL to everyone. The page has no script, and its ``Content-Security-Policy``
    allows none: https://www.w3.org/TR/CSP3/

    Raises ``Http404`` if the name is not a directory, and if the storage cannot list.
    """
    entries = _entries(storage, name)
    deadline = time.monotonic() + MAX_SECONDS
    rows = [_row(entry, deadline) for entry in entries[:MAX_ROWS]]
    context = {
        "crumbs": list(_crumbs(_root(request, name), name)),
        "rows": rows,
        "left_out": f"{len(entries) - len(rows):,}" if entries[MAX_ROWS:] else "",
        "total": _total(entries, deadline),
        "is_root": not name,
    }
    response = HttpResponse(_template().render(Context(context)))
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


@cache
def _template() -> Template:
    # Its own engine: the page neither needs nor uses the template settings of the project.
    page = Path(__file__).with_name("listing.html").read_text(encoding="utf-8")
    return Engine().from_string(page)


def _entries(storage: Storage, name: str) -> list[DirEntry]:
    directory = name.removesuffix("/")
    if name and {"", ".", ".."} & {*directory.split("/")}:
        raise Http404(f"{printable(name)!r} is not a directory.")
    try:
        found = scan(storage, directory)
        # A bucket also returns an empty listing for a file and for a missing name.
        if found or _is_directory(storage, directory):
            return found
    except NotImplementedError as error:
        raise Http404(str(error)) from error
    except (*NO_DIRECTORY, SuspiciousOperation, ValueError):
        if not name:  # the root of a disk may not exist before its first file
            return []
    raise Http404(f"The directory {printable(name)!r} does not exist.")


def _is_directory(storage: Storage, name: str) -> bool:
    found = find(storage, name)
    return found is not None and found.is_directory


def _root(request: HttpRequest, name: str) -> str:
    return request.path.removesuffix(name).strip("/") or "/"


def _crumbs(root: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the label and the relative URL of each directory from the root to this one."""
    labels = [root, *name.split("/")[:-1]]
    for up, label in zip(range(len(labels) - 1, -1, -1), labels, strict=True):
        yield printable(label), "../" * up or "./"


def _row(entry: DirEntry, deadline: float) -> Row:
    is_measured = time.monotonic() < deadline
    size = entry.size if is_measured else None
    return Row(
        name=printable(entry.basename),
        href=_url(entry),
        is_directory=entry.is_directory,
        is_picture=not entry.is_directory and entry.name.lower().endswith(PICTURES),
        size="" if size is None else human_size(size),
        bytes="" if size is None else f"{size:,}",
        modified=entry.modified if is_measured else None,
    )


def human_size(size: int) -> str:
    """Return a number of bytes in a unit that keeps it short: ``"1.5 KiB"``."""
    if size < 1024:
        return f"{size} B"
    number, power = size / 1024, 0
    while number >= 999.95 and power + 1 < len(UNITS):
        number, power = number / 1024, power + 1
    return f"{number:.1f} {UNITS[power]}"


def _url(entry: DirEntry) -> str:
    """Return the URL of an entry: relative, so that no name is taken for a scheme or a host."""
    relative = "./" + quote(entry.basename, safe="", errors="surrogateescape")
    if entry.is_directory:
        return f"{relative}/"
    return "" if _is_private(entry.storage, entry.name) else relative


def _is_private(storage: Any, name: str) -> bool:
    """Return whether the storage refuses the file's URL without a signature."""
    if not getattr(storage, "querystring_auth", False) or not hasattr(storage, "check_url"):
        return False
    try:
        storage.check_url(name, {})
    except BadSignature:
        return True
    return False


def _total(entries: list[DirEntry], deadline: float) -> str:
    """Return the numbers and the size of everything below a directory, in words."""
    failures: list[OSError] = []
    files = directories = size = 0
    is_whole = True
    for visited, entry in enumerate(walk(entries, failures.append), 1):
        if visited > MAX_NAMES or time.monotonic() >= deadline:
            is_whole = False
            break
        directories += entry.is_directory
        files += not entry.is_directory
        size += entry.size or 0
        is_whole = is_whole and (entry.is_directory or entry.size is not None)
    folders = f"{directories:,} folder{pluralize(directories)}, " if directories else ""
    words = f"{files:,} file{pluralize(files)}, {folders}{human_size(size)}"
    return words if is_whole and not failures else f"at least {words}"
