"""A video made of still pictures: VP8 key frames in a WebM file, written without a video encoder.

A lossy WebP picture is one key frame of VP8 in a RIFF file, so Pillow is enough to
encode the frames; the elements of Matroska, of which WebM is a subset, surround them. Each frame
is whole, so a player can seek to any of them.

Sources: RFC 8794 (EBML: elements, sizes), RFC 9559 (Matroska: the elements and their meaning),
RFC 9649 (WebP: the chunk ``VP8``), RFC 6386 (VP8: its content).
"""

import io
import struct
from collections.abc import Iterable
from itertools import accumulate

from PIL import Image

MILLISECOND = 1_000_000  # nanoseconds, Matroska's unit


def key_frame(image: Image.Image, quality: int = 75) -> bytes:
    """Return the image as a key frame of VP8, cut from a WebP file that Pillow writes."""
    content = io.BytesIO()
    image.convert("RGB").save(content, "WEBP", quality=quality, method=2)
    name, size = struct.unpack_from("<4sI", content.getbuffer(), 12)
    if name != b"VP8 ":
        raise ValueError(f"Pillow wrote a {name!r} chunk where a plain lossy picture has b'VP8 '.")
    return content.getvalue()[20 : 20 + size]


def element(identifier: str, *parts: bytes) -> bytes:
    """Return an element: its identifier in hexadecimal, the length in eight octets, the content."""
    length = sum(map(len, parts))
    return b"".join([bytes.fromhex(identifier), struct.pack(">Q", length | 1 << 56), *parts])


def number(identifier: str, value: int) -> bytes:
    """Return an element that holds a number, always in eight octets."""
    return element(identifier, struct.pack(">Q", value))


def webm(frames: Iterable[bytes], size: tuple[int, int], rate: int) -> bytes:
    """
    Return a WebM file that shows key frames, ``rate`` of them a second, in which players can seek.

    The index precedes the frames, where a player that seeks looks for it.
    """
    frames = list(frames)
    seconds = [frames[start : start + rate] for start in range(0, len(frames), rate)]
    clusters = [cluster(second, index, rate) for index, second in enumerate(seconds)]
    before = [information(len(frames) / rate), tracks(size, rate)]
    # The length of an index does not depend on the positions.
    offset = len(b"".join([*before, cues([0] * len(clusters))]))
    positions = list(accumulate(map(len, clusters[:-1]), initial=offset))
    return header() + element("18538067", *before, cues(positions), *clusters)


def header() -> bytes:
    """Return the element that says which kind of file this is."""
    limits = number("4286", 1), number("42F7", 1), number("42F2", 4), number("42F3", 8)
    versions = number("4287", 4), number("4285", 2)
    return element("1A45DFA3", *limits, element("4282", b"webm"), *versions)


def information(seconds: float) -> bytes:
    """Return the unit of time, and the duration of the video."""
    made_by = element("4D80", b"gallery"), element("5741", b"gallery")
    duration = element("4489", struct.pack(">d", seconds * 1000))
    return element("1549A966", number("2AD7B1", MILLISECOND), duration, *made_by)


def tracks(size: tuple[int, int], rate: int) -> bytes:
    """Return the only track: VP8 of one size and rate."""
    video = element("E0", number("B0", size[0]), number("BA", size[1]))
    names = number("D7", 1), number("73C5", 1), number("83", 1), number("9C", 0)
    codec = element("86", b"V_VP8"), number("23E383", 1000 * MILLISECOND // rate)
    return element("1654AE6B", element("AE", *names, *codec, video))


def cues(positions: list[int]) -> bytes:
    """Return the index: the position of each second in the segment."""
    places = [element("B7", number("F7", 1), number("F1", position)) for position in positions]
    times = [number("B3", 1000 * second) for second in range(len(positions))]
    return element("1C53BB6B", *map(element, ["BB"] * len(times), times, places))


def cluster(frames: list[bytes], second: int, rate: int) -> bytes:
    """Return the frames of one second, each with its time in milliseconds."""
    blocks = [
        element("A3", struct.pack(">BhB", 0x81, 1000 * index // rate, 0x80), frame)
        for index, frame in enumerate(frames)
    ]
    return element("1F43B675", number("E7", 1000 * second), *blocks)
