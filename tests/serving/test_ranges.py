"""The Range header, by RFC 9110's grammar and examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inmemorystorage.serving.responses import parse_range

SIZE = 10_000


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        # The examples of sections 14.1.2 and 14.2, of a representation with 10,000 bytes.
        ("bytes=0-499", [(0, 499)]),
        ("bytes=500-999", [(500, 999)]),
        ("bytes=-500", [(9500, 9999)]),
        ("bytes=9500-", [(9500, 9999)]),
        ("bytes=0-0,-1", [(0, 0), (9999, 9999)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 999), (4500, 5499), (9000, 9999)]),
        ("bytes=500-600,601-999", [(500, 600), (601, 999)]),
        ("bytes=500-700,601-999", [(500, 700), (601, 999)]),
        # The unit is case-insensitive, and a list may have empty elements.
        ("Bytes=0-1", [(0, 1)]),
        ("bytes=,0-1, ,\t5-6,", [(0, 1), (5, 6)]),
        # A range ends at the end of the file; the order is the client's.
        ("bytes=9990-20000", [(9990, 9999)]),
        ("bytes=-20000", [(0, 9999)]),
        ("bytes=0-", [(0, 9999)]),
        ("bytes=5-6,0-1", [(5, 6), (0, 1)]),
        # Ranges past the end are left out if another one is in the file.
        ("bytes=0-1,10000-", [(0, 1)]),
        ("bytes=0-1,-0", [(0, 1)]),
        ("bytes=00000000000000000000001-2", [(1, 2)]),
        (f"bytes=1-{'9' * 5000}", [(1, 9999)]),
        # No range is in the file.
        ("bytes=10000-", []),
        ("bytes=10000-10001,20000-", []),
        ("bytes=-0", []),
        (f"bytes={'9' * 5000}-", []),
    ],
)
def test_ranges(header: str, ranges: list[tuple[int, int]]) -> None:
    """A valid header gives the ranges that it names, cut at the end of the file."""
    expected = [range(first, last + 1) for first, last in ranges]
    assert parse_range(header, SIZE) == expected


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=,", "bytes= ,\t,", "bytes=-", "bytes=a-b", "bytes=1"),
        *("bytes=5-4", "bytes=0-1,5-4", "bytes=0-1;5-6", "bytes=0-1,x", "bytes=0 - 1", "bytes:0-1"),
        *("lines=0-1", "bytes=0-1-2", "bytes=--1", "bytes=+1-2", "bytes=0x1-2", "bytes=1.0-2"),
        *("bytes=\u0660-\u0661", "bytes =0-1", "none", "bytes=0-1\n", "bytes=\u00a00-1"),
    ],
)
def test_malformed(header: str) -> None:
    """A header that is malformed, or has another unit, is ignored."""
    assert parse_range(header, SIZE) is None


def test_more_than_the_file() -> None:
    """A header is ignored if its ranges have more bytes than the file."""
    assert parse_range("bytes=0-,0-", SIZE) is None
    assert parse_range("bytes=" + ",".join(["0-"] * 1000), SIZE) is None
    assert parse_range("bytes=0-4999,5000-", SIZE) == [range(5000), range(5000, 10_000)]


def test_very_many() -> None:
    """A header of more than a hundred ranges is ignored."""
    ranges = [f"{number}-{number}" for number in range(101)]
    assert parse_range(f"bytes={','.join(ranges[:100])}", SIZE) == [
        range(number, number + 1) for number in range(100)
    ]
    assert parse_range(f"bytes={','.join(ranges)}", SIZE) is None


@pytest.mark.parametrize(("header", "ranges"), [("bytes=0-", None), ("bytes=-5", None)])
def test_empty_file(header: str, ranges: None) -> None:
    """A header that requests the whole of an empty file is ignored."""
    assert parse_range(header, 0) is ranges


def test_past_the_end_of_an_empty_file() -> None:
    """A range past the end of an empty file is unsatisfiable."""
    assert parse_range("bytes=5-", 0) == []


@given(st.text(alphabet="bytes=0123456789-, ", max_size=40), st.integers(0, 50))
def test_ranges_are_in_the_file(text: str, size: int) -> None:
    """No header gives ranges outside the file, or more bytes than it has."""
    for header in (text, f"bytes={text}"):
        ranges = parse_range(header, size)
        if ranges is not None:
            assert sum(map(len, ranges)) <= size
            assert all(each and 0 <= each.start < each.stop <= size for each in ranges)
