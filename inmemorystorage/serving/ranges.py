"""The Range header: which bytes of a file are asked for (RFC 9110, section 14)."""

from __future__ import annotations

import re

# ranges-specifier = range-unit "=" range-set; the unit's case does not count (14.1, 14.2).
_SPECIFIER = re.compile(r"bytes=(.*)", re.IGNORECASE).fullmatch
# int-range = first-pos "-" [ last-pos ], suffix-range = "-" suffix-length (14.1.1, 14.1.2).
_RANGE = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)").fullmatch
# Positions of more digits are past the end of every file; Python refuses to read very long ones.
_DIGITS = 18
# More are foolish, or meant to have more sent than the file has: each has headers of its own.
_MAX_RANGES = 100


def parse_range(header: str, size: int) -> list[range] | None:
    """
    Return the positions of the bytes that a Range header asks for, of a file with ``size`` bytes.

    ``None``: the header is to be ignored, since it is malformed, or of another unit, or asks for
    more bytes of the file than it has, or for more than 100 ranges; RFC 9110, section 14.2 allows
    that for any. An empty list:
    none of the ranges is in the file, which is answered with 416. Ranges that begin past the end
    are left out where others do not. They are given in the order in which they are asked for.
    """
    specifier = _SPECIFIER(header.strip(" \t"))
    ranges = None if specifier is None else _parse_set(specifier[1], size)
    if ranges is None or sum(map(len, ranges)) > size:
        return None
    if not size and any(each.start == 0 for each in ranges):
        return None  # all of nothing
    return [each for each in ranges if each]


def _parse_set(range_set: str, size: int) -> list[range] | None:
    # A list may have empty elements (5.6.1.2), but not only such.
    elements = [element for each in range_set.split(",") if (element := each.strip(" \t"))]
    ranges = [_parse(element, size) for element in elements]
    known = [each for each in ranges if each is not None]
    return known if known and len(known) == len(elements) <= _MAX_RANGES else None


def _parse(element: str, size: int) -> range | None:
    """Return the positions that one element asks for, ``None`` if it is malformed."""
    match = _RANGE(element)
    if match is None:
        return None
    first, last, suffix = (_position(digits) for digits in match.groups())
    if suffix is not None:
        return range(max(size - suffix, 0), size)
    assert first is not None
    if last is not None and last < first:
        return None
    return range(first, size if last is None else min(last + 1, size))


def _position(digits: str | None) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else int("9" * _DIGITS)
