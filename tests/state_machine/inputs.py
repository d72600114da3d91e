"""The arguments of the state machine's operations: names, modes, data and numbers."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

# Replaced by the storage's location, which differs from run to run.
LOCATION = "<location>"


@dataclass(frozen=True)
class Known:
    """An existing file, by its number, modulo the number of files."""

    number: int


@dataclass(frozen=True)
class Long:
    """A name whose path has this many bytes; a system takes 4095."""

    size: int


FILES = ["a", "a.txt", "d/a", "d/b.tar.gz", "d/e/a", "é/a"]
DIRECTORIES = ["d", "d/e", "é", "d/a/b", "a/b", "a/b/c"]
HOSTILE = [
    *[
        "",
        ".",
        "..",
        "/",
        "//",
        "./",
        "../",
        "../a",
        "d/..",
        "d/../..",
        "d/../a",
        "a/../b",
        "x/../a",
    ],
    *[
        "//a",
        "./a",
        "d//a",
        "d/./a",
        "/a",
        "/d/a",
        "/etc/passwd",
        "a/",
        "d/",
        "a/.",
        "d/e/",
        "new/",
    ],
    *["a\\b", "d\\a", "..\\a", "\\", "\\a", "a\0", "\0", "a\0b/c", "new/a\0b/c", "d/\0"],
    *[
        "日本",
        "e\u0301",
        "\U0001f600",
        "\udc80",
        "d/\udc80",
        "\ud800",
        "new/\ud800/a",
        "a b",
        "a\n",
    ],
    *[
        "x" * 255,
        "x" * 256,
        "x" * 300,
        "new/" + "x" * 300 + "/a",
        "é" * 127,
        "é" * 128,
        "d/" + "x" * 254,
    ],
    *["/".join(["y" * 200] * 25), "~/a", "$HOME", "%2e%2e/a", "a:b", "C:\\a"],
    *[LOCATION, LOCATION + "/a", LOCATION + "/d", LOCATION + "/../a", LOCATION + "x/a"],
]
NOT_NAMES = [None, 3, b"a", Path("d/a"), Path("../a")]

_segments = st.sampled_from(["a", "d", "e", "new", "..", ".", "", "a\\d", "x" * 256, "é"])
_composed = st.lists(_segments, min_size=1, max_size=4).map("/".join)
known = st.builds(Known, st.integers(0, 5))
names = st.one_of(
    st.sampled_from(FILES),
    known,
    known,
    st.sampled_from(DIRECTORIES),
    st.sampled_from(HOSTILE),
    st.one_of(_composed, st.sampled_from(NOT_NAMES), st.builds(Long, st.integers(4092, 4097))),
)

VALID_MODES = [
    *["r", "w", "a", "x", "rb", "wb", "ab", "xb", "rt", "wt", "at", "xt"],
    *["r+", "w+", "a+", "x+", "rb+", "wb+", "ab+", "xb+", "r+b", "w+t", "+rb", "b+a"],
]
INVALID_MODES = [
    *["", "q", "rw", "rwb", "rbt", "rr", "r++", "b", "+", "t", "r b", "R", "r\0", "é", "rb" * 9],
    *[None, 3, b"r"],
]
modes = st.one_of(
    st.sampled_from(["rb", "rb+", "wb", "ab+", "r", "w+", "r+", "wb+"]),
    st.sampled_from(VALID_MODES),
    st.sampled_from(VALID_MODES),
    st.sampled_from(VALID_MODES + INVALID_MODES),
)

# Sizes near those at which the io stack behaves differently: its buffer, its chunk, Django's chunk.
_long = st.builds(
    lambda unit, size: (unit * size)[:size],
    st.sampled_from([b"x", b"0123456789\n", b"\xc3\xa9\r\n"]),
    st.sampled_from([4095, 4096, 4097, 6000, 8192, 8193, 9000, 65_537, 140_000]),
)
_short = st.sampled_from(
    [b"", b"1", b"one\ntwo\n", b"one\r\ntwo\rthree", b"\r", b"\xc3\xa9", b"\xff\xfe", b"\0\0"]
)
data = st.one_of(_short, st.binary(max_size=20), _long)
text = st.one_of(
    data.map(lambda raw: raw.decode("utf-8", "replace")), st.sampled_from(["\ud800", "é\r\n"])
)
either = st.one_of(data, text)
counts = st.sampled_from([None, -1, 0, 1, 2, 3, 7, 5000, -2])
offsets = st.sampled_from([0, 0, 1, 2, 3, 5, 4096, 9000, 70_000, -1, -3, 2**63, "1", None])
whences = st.sampled_from([0, 0, 0, 1, 2, 7, -1, None])
sizes = st.sampled_from([None, None, 0, 1, 3, 10, 5000, -1, 2**63, "1"])
max_lengths = st.sampled_from([None, None, None, None, 0, 1, 5, 9, 10, 12, 100, -1])
