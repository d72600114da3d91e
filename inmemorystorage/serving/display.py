"""Names, sizes and times as people read them, in a terminal and on a page."""

from __future__ import annotations

import re
from datetime import datetime

from django.utils import timezone

UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"]

# What would move a terminal's cursor, break a line, turn the text that follows around, or cannot
# be encoded: the control characters, the line separators, the bidirectional controls, and halves
# of surrogate pairs (bytes of a file's name that were no UTF-8).
is_unprintable = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return ``text`` with what would harm a terminal or a page escaped as Python escapes it."""
    return is_unprintable.sub(lambda found: ascii(found[0])[1:-1], text)


def human_size(size: int) -> str:
    """Return a number of bytes in the unit that keeps it short: ``"1.5 KiB"``."""
    if size < 1024:
        return f"{size} B"
    number, power = size / 1024, 0
    while number >= 999.95 and power + 1 < len(UNITS):
        number, power = number / 1024, power + 1
    return f"{number:.1f} {UNITS[power]}"


def local_time(moment: datetime) -> str:
    """Return the minute, in the current time zone if ``moment`` is aware."""
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return local.isoformat(" ", "minutes")[:16]


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``"1 file"``, ``"1,200 files"``."""
    plural = {"directory": "directories"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"
