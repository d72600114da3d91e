"""Writing text and bytes to a command's standard output, which may be a pipe that closes."""

from __future__ import annotations

import codecs
import contextlib
import os
from typing import TextIO, cast

from django.core.management.base import OutputWrapper


def underlying(stream: OutputWrapper) -> TextIO:
    """Return what Django wraps; its wrapper has an encoding and a descriptor of its own on 4.2."""
    return cast("TextIO", stream._out)


def encodable(text: str, stream: OutputWrapper) -> str:
    """Return a text with what a stream's encoding lacks escaped as Python escapes it."""
    encoding = underlying(stream).encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class Writer:
    """
    Writes lines as text, and bytes as they are.

    :param stream: bytes go to its ``buffer``; where it has none they are read as UTF-8.
    """

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(self, part: str | bytes) -> bool:
        """Write a line, or bytes; return whether somebody still reads."""
        try:
            self._write(part)
        except BrokenPipeError:
            self._write_nowhere()
            return False
        return True

    def end(self) -> None:
        """Write what is left in buffers, now that a closed pipe is still silent."""
        self.write(b"")

    def _write(self, part: str | bytes) -> None:
        if isinstance(part, str):
            self._stream.write(encodable(part, self._stream))
            return
        buffer = getattr(underlying(self._stream), "buffer", None)
        if buffer is None:
            self._stream.write(self._decode(part), ending="")
            return
        self._stream.flush()  # the text before the bytes
        buffer.write(part)
        buffer.flush()

    def _write_nowhere(self) -> None:
        """Have what is still in buffers go nowhere: Python flushes them once more as it exits."""
        with contextlib.suppress(OSError):  # the stream has no file descriptor
            descriptor = underlying(self._stream).fileno()
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), descriptor)
