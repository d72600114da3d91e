"""Measure the serving of files over HTTP beside Django's `static.serve`.

Run `python benchmarks/serving.py`. Figures are medians of rounds in which all contestants take
turns; a quotient is the median of the rounds' quotients.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils.http import http_date
from harness.contestants import TMPFS
from harness.faces import FACES, Download, Face
from harness.report import table, three_digits
from harness.stores import MIB

# By the first part of the URL.
CONTESTANTS = {
    "memory": "serve, InMemoryStorage",
    "tmpfs": f"serve, FileSystemStorage on {TMPFS}",
    "static": f"static.serve on {TMPFS}",
}
QUOTIENTS = {"memory": "static ÷ InMemoryStorage", "tmpfs": "static ÷ FileSystemStorage"}
PART = 64 * 1024

Found = dict[str, list[float]]  # by contestant, round by round


def first_byte(downloads: Sequence[Download]) -> float:
    """Return the microseconds until the first byte."""
    return median(download.first for download in downloads) / 1000


def whole(downloads: Sequence[Download]) -> float:
    """Return the microseconds of a whole response."""
    return median(download.last for download in downloads) / 1000


def seconds_per_gib(downloads: Sequence[Download]) -> float:
    """Return the seconds for 1 GiB."""
    received = sum(download.received for download in downloads)
    return sum(download.last for download in downloads) / received * 1024 * MIB / 1e9


def sent(downloads: Sequence[Download]) -> float:
    """Return the KiB of one response."""
    return sum(download.received for download in downloads) / len(downloads) / 1024


@dataclass(frozen=True)
class Asked:
    """Hold a request, and the figures to make of one contestant's downloads."""

    names: Sequence[str]
    headers: Mapping[str, str]
    figures: Mapping[str, Callable[[Sequence[Download]], float]]


def asked(options: argparse.Namespace) -> dict[str, Asked]:
    """Return the requests by label."""
    middle = options.mib * MIB // 2
    part = {"Range": f"bytes={middle}-{middle + PART - 1}"}
    known = {"If-Modified-Since": http_date()}
    small = [f"small/{number}.bin" for number in range(options.files)]
    whole_file = {"µs to the first byte": first_byte, "s per GiB": seconds_per_gib}
    return {
        f"{options.mib} MiB": Asked(["large.bin"], {}, whole_file),
        "64 KiB of its middle": Asked(["large.bin"], part, {"µs": whole, "KiB sent": sent}),
        "1 KiB": Asked(small, {}, {"µs": whole}),
        "1 KiB, not modified": Asked(small, known, {"µs": whole, "KiB sent": sent}),
    }


def times(options: argparse.Namespace) -> str:
    """Measure every request through every face."""
    rows = [
        [f"{name}: {label}, {figure}", *cells(found)]
        for name, face in opened_faces()
        for label, what in asked(options).items()
        for figure, found in measure(face, what, options.rounds).items()
    ]
    return table(["a request", *CONTESTANTS.values(), *QUOTIENTS.values()], rows)


def opened_faces() -> Iterator[tuple[str, Face]]:
    """Yield one face after the other."""
    for name, make in FACES.items():
        with contextlib.closing(make()) as face:
            yield name, face


def measure(face: Face, what: Asked, rounds: int) -> dict[str, Found]:
    """Return each figure of each contestant, with all taking turns."""
    found: dict[str, Found] = {label: {key: [] for key in CONTESTANTS} for label in what.figures}
    keys = list(CONTESTANTS)
    for _ in range(rounds):
        keys.append(keys.pop(0))
        for key in keys:
            gc.collect()
            downloads = [face.get(f"/{key}/{name}", what.headers) for name in what.names]
            for label, figure in what.figures.items():
                found[label][key].append(figure(downloads))
    return found


def cells(found: Found) -> list[str]:
    """Write the medians, and how much longer static.serve takes."""
    quotients = [
        median(theirs / ours for theirs, ours in zip(found["static"], found[key], strict=True))
        if all(found[key])
        else None
        for key in QUOTIENTS
    ]
    return [three_digits(figure) for figure in [*map(median, found.values()), *quotients]]


def memory(mib: int) -> str:
    """Measure Python's peak memory while a file is sent."""
    rows = []
    for name in ("WSGI", "ASGI"):
        with contextlib.closing(FACES[name]()) as face:
            peaks = [peak(face, f"/{key}/huge.bin") for key in CONTESTANTS]
            rows.append([f"{name}: {mib} MiB", *[three_digits(each / 1024) for each in peaks]])
    return table(["KiB at most", *CONTESTANTS.values()], rows)


def peak(face: Face, url: str) -> int:
    """Return the peak of Python's allocations while a file is sent, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        face.get(url, {})
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def fill(directory: Path, options: argparse.Namespace) -> None:
    """Store the same files in memory and on tmpfs, where the huge one has no blocks."""
    for storage in (storages["memory"], storages["tmpfs"]):
        storage.save("large.bin", ContentFile(b"x" * options.mib * MIB))
        for number in range(options.files):
            storage.save(f"small/{number}.bin", ContentFile(b"x" * 1024))
    storages["memory"].save("huge.bin", ContentFile(bytes(options.huge * MIB)))
    with (directory / "huge.bin").open("wb") as file:
        file.truncate(options.huge * MIB)


def configure(directory: Path) -> None:
    """Set Django up: two storages, and no middleware."""
    filesystem = "django.core.files.storage.FileSystemStorage"
    settings.configure(
        ROOT_URLCONF="harness.urls",
        MEDIA_ROOT=str(directory),
        STORAGES={
            "memory": {"BACKEND": "inmemorystorage.InMemoryStorage"},
            "tmpfs": {"BACKEND": filesystem, "OPTIONS": {"location": str(directory)}},
        },
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
    )
    django.setup()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mib", type=int, default=100, help="size of the large file")
    parser.add_argument("--huge", type=int, default=1024, help="MiB to send to measure memory")
    parser.add_argument("--files", type=int, default=1000, help="number of small files")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=TMPFS) as directory:
        configure(Path(directory))
        fill(Path(directory), options)
        print(f"{times(options)}\n\n{memory(options.huge)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
