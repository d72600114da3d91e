"""difference(): what a failed assertStored() shows."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inmemorystorage.testing.difference import difference

LINES = [f"line {number}" for number in range(100)]


def text(*lines: str) -> bytes:
    """Return a text of some lines."""
    return "".join(f"{line}\n" for line in lines).encode()


def check(shown: str, expected: str) -> None:
    """Compare what is shown, from its second line on."""
    assert shown.partition("\n")[2] == textwrap.dedent(expected).strip("\n")


def test_sizes() -> None:
    """The first line shows the sizes of both contents."""
    shown = difference(b"a\n" * 1000, b"b")
    assert shown.startswith("Expected 2,000 bytes (-), stored 1 bytes (+):\nline 1:\n+ b\n- a\n")


def test_a_line_differs() -> None:
    """Text is shown by the lines that differ, with two around them."""
    stored = [*LINES[:50], "lime 50", *LINES[51:]]
    check(
        difference(text(*LINES), text(*stored)),
        """
        line 49:
          line 48
          line 49
        - line 50
        ?   ^

        + lime 50
        ?   ^

          line 51
          line 52
        """.replace("^\n\n", "^\n"),
    )


def test_lines_are_missing_and_new() -> None:
    """Each place where text differs has the number of the stored line."""
    stored = [*LINES[:10], *LINES[11:50], "new", *LINES[50:]]
    check(
        difference(text(*LINES), text(*stored)),
        """
        line 9:
          line 8
          line 9
        - line 10
          line 11
          line 12
        line 48:
          line 48
          line 49
        + new
          line 50
          line 51
        """,
    )


def test_much_differs() -> None:
    """Only the first lines are shown of text with many differences."""
    shown = difference(text(*LINES), text(*map(str, range(100)))).splitlines()
    assert shown[1:3] == ["line 1:", "- line 0"]
    assert shown.count("…") == 1 and len(shown) <= 42
    every_tenth = [line.upper() if line.endswith("0") else line for line in LINES]
    shown = difference(text(*LINES), text(*every_tenth)).splitlines()
    assert shown[-1] == "…" and len(shown) == 42


def test_empty() -> None:
    """Empty content differs from the first line on."""
    check(difference(b"", b"one\ntwo"), "line 1:\n+ one\n+ two")
    check(difference(b"one", b""), "line 1:\n- one")


def test_bytes_differ() -> None:
    """Bytes are shown from 8 before the first that differs."""
    expected = bytes(range(256)) * 10
    stored = expected[:1000] + b"X" + expected[1001:]
    shown = difference(expected, stored)
    assert shown.startswith(
        "Expected 2,560 bytes (-), stored 2,560 bytes (+), different from offset"
    )
    assert "different from offset 1,000 (0x3e8) on:" in shown
    check(
        shown,
        """
        - e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef  ................
        + e0 e1 e2 e3 e4 e5 e6 e7 58 e9 ea eb ec ed ee ef  ........X.......
        ?                         ^^
        """,
    )


def test_bytes_are_missing() -> None:
    """A content that the other one begins with differs from its end on."""
    check(
        difference(b"\0abcdef", b"\0abc"),
        f"""
        - 00 61 62 63 64 65 66{" " * 29}.abcdef
        + 00 61 62 63{" " * 38}.abc
        ?             ^^
        """,
    )
    check(difference(b"\0", b""), f"- 00{' ' * 47}.\n+\n? ^^")


@pytest.mark.parametrize(
    ("expected", "stored", "offset"),
    [
        (b"one\ntwo\n", b"one\r\ntwo\r\n", 3),
        (b"one\n", b"one", 3),
        (b"text", b"\x89PNG", 0),
        (b"text", b"te\x00t", 2),
        (b"a" * 1000, b"a" * 999 + b"b", 999),
        (b"a\n" * 2**20, b"a\n" * 2**20 + b"b", 2**21),
    ],
    ids=["line ends", "last line end", "no UTF-8", "control character", "long line", "long text"],
)
def test_compared_by_bytes(expected: bytes, stored: bytes, offset: int) -> None:
    """Binary content, too long text, and text with other line ends are shown as bytes."""
    for one, other in [(expected, stored), (stored, expected)]:
        assert f" from offset {offset:,} (0x{offset:x}) on:\n- " in difference(one, other)


@given(st.binary(), st.binary(max_size=40), st.binary(max_size=40))
def test_offset(start: bytes, one: bytes, other: bytes) -> None:
    """The offset is that of the first byte that differs."""
    one, other = b"\0" + start + one, b"\0" + start + other
    pairs = enumerate(zip(one, other, strict=False))
    end = min(len(one), len(other))
    offset = next((at for at, (left, right) in pairs if left != right), end)
    assert f" from offset {offset:,} (0x{offset:x}) on:" in difference(one, other)
