"""The files of a site: the same names, contents and layout for every contestant."""

from __future__ import annotations

import random

from django.core.files.base import ContentFile

from .stores import KIB, Store

DIRECTORIES = 100
LISTED = "uploads/listed"
LARGE = "uploads/large/film.mp4"


def directory(number: int) -> str:
    """Name one of the hundred month directories, as `upload_to="uploads/%Y/%m"` makes them."""
    year, month = divmod(number % DIRECTORIES, 12)
    return f"uploads/{2018 + year}/{month + 1:02}"


class Site:
    """A storage filled with `files` files of 1 KiB, spread evenly over a hundred directories.

    Each name is built again for each call, as in a request, so that no contestant profits from a
    string that has cached its hash. All contestants choose names by the same seed.
    """

    def __init__(self, store: Store, files: int) -> None:
        self.store = store
        self.files = files
        self._random = random.Random(2026)
        self._unused = iter(range(10**6, 10**9))

    def fill(self, large: int) -> None:
        """Save every file, a directory of 100 entries, and one file of `large` bytes."""
        self.fill_photos()
        for number in range(100):
            self.store.save(f"{LISTED}/entry-{number:03}.jpg", ContentFile(b"listed"))
        self.store.save(LARGE, ContentFile(b"x" * large))

    def fill_photos(self) -> None:
        """Save every file, with different contents."""
        for name in map(photo, range(self.files)):
            self.store.save(name, ContentFile(content_of(name)))

    def existing(self, count: int) -> list[str]:
        """Choose existing names, each at most once."""
        return [photo(number) for number in self._random.sample(range(self.files), count)]

    def fresh(self, count: int) -> list[str]:
        """Create unused names, in existing directories."""
        return [photo(next(self._unused)) for _ in range(count)]

    def fresh_accented(self, count: int) -> list[str]:
        """Create unused names with an accent, in existing directories."""
        return [name.replace("photo", "fôto") for name in self.fresh(count)]

    def listed(self, count: int) -> list[str]:
        """Return the directory of 100 entries."""
        return [LISTED] * count

    def large(self, count: int) -> list[str]:
        """Return the name of the large file."""
        return [LARGE] * count


def photo(number: int) -> str:
    """Return a picture's name as a site would choose it."""
    return f"{directory(number)}/photo-{number:06}.jpg"


def content_of(name: str) -> bytes:
    """Return 1 KiB that only this name has."""
    return name.encode().ljust(KIB, b".")
