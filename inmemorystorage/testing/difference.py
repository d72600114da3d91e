"""Show how a content differs from the expected one: text by lines, others by bytes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from difflib import SequenceMatcher, ndiff

# How many lines are shown: altogether, and of each content in one place.
_SHOWN, _IN_ONE_PLACE = 40, 10
# Text with more bytes, or more characters in a line, is not compared by lines.
_TEXT, _LINE = 2**20, 500
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def difference(expected: bytes, stored: bytes) -> str:
    """
    Return lines that show where two contents differ, and their sizes.

    As in ``unittest``, ``-`` marks what a test expects, and ``+`` what is stored. Text is shown
    with two equal lines around those that differ, other contents with 16 bytes around the first
    byte that differs.
    """
    sizes = f"Expected {len(expected):,} bytes (-), stored {len(stored):,} bytes (+)"
    lines = list(_compare_lines(_text_lines(expected), _text_lines(stored)))
    if lines:
        return "\n".join([f"{sizes}:", *lines])
    offset = _first_difference(expected, stored)
    start = max(0, offset - 8)
    rows = [_row("-", expected, start), _row("+", stored, start)]
    mark = f"? {'   ' * (offset - start)}^^"
    return "\n".join([f"{sizes}, different from offset {offset:,} (0x{offset:x}) on:", *rows, mark])


def _text_lines(content: bytes) -> list[str] | None:
    """Return the lines of a text, or ``None`` for other contents and for text that is too long."""
    if len(content) > _TEXT or _CONTROL_CHARACTER.search(content):
        return None
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return None
    return lines if max(map(len, lines), default=0) <= _LINE else None


def _compare_lines(expected: list[str] | None, stored: list[str] | None) -> Iterator[str]:
    """Yield the differences of two texts; nothing if only their line ends differ."""
    if expected is None or stored is None:
        return
    lines = _differing_lines(expected, stored)
    yield from itertools.islice(lines, _SHOWN)
    if next(lines, None) is not None:
        yield "…"


def _differing_lines(expected: list[str], stored: list[str]) -> Iterator[str]:
    for group in SequenceMatcher(None, expected, stored).get_grouped_opcodes(2):
        yield f"line {group[0][3] + 1}:"
        for _, start, end, stored_start, stored_end in group:
            before = expected[start : min(end, start + _IN_ONE_PLACE)]
            after = stored[stored_start : min(stored_end, stored_start + _IN_ONE_PLACE)]
            yield from (line.removesuffix("\n") for line in ndiff(before, after))
            if max(end - start, stored_end - stored_start) > _IN_ONE_PLACE:
                yield "…"


def _first_difference(one: bytes, other: bytes) -> int:
    """Return the offset of the first differing byte, or the size of the shorter content."""
    equal, limit = 0, min(len(one), len(other))
    while equal < limit:
        middle = (equal + limit + 1) // 2
        if one[equal:middle] == other[equal:middle]:
            equal = middle
        else:
            limit = middle - 1
    return equal


def _row(sign: str, content: bytes, start: int) -> str:
    part = content[start : start + 16]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{sign} {part.hex(' '):<47}  {text}".rstrip()
