"""The standard library's io stack, as ``open()`` builds it on a file."""

from __future__ import annotations

import io
from typing import IO, Any, cast


def stack(
    device: io.RawIOBase,
    mode: str,
    buffer_size: int,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,  # open() refuses any other value for a path
) -> IO[Any]:
    """
    Return the handle that ``open()`` puts on a raw device; text is UTF-8 by default.

    The caller must have checked that ``open()`` accepts the arguments.

    :param buffer_size: bytes of the buffer, unless ``buffering`` is a number of bytes.
    """
    is_text = "b" not in mode
    if buffering == 0:
        if is_text:
            raise ValueError("can't have unbuffered text I/O")
        return cast("IO[Any]", device)
    kind: Any = io.BufferedReader
    if "+" in mode:
        kind = io.BufferedRandom
    elif "w" in mode or "a" in mode or "x" in mode:
        kind = io.BufferedWriter
    buffered = kind(device, buffering if buffering > 1 else buffer_size)
    if not is_text:
        return cast("IO[Any]", buffered)
    text: Any = io.TextIOWrapper(buffered, encoding or "UTF-8", errors, newline, buffering == 1)
    text.mode = mode
    return cast("IO[Any]", text)
