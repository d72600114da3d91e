"""A progress bar, one line wide."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable

from django.core.management.base import OutputWrapper

from .display import human_size, printable
from .output import underlying

REDRAW_SECONDS = 0.1
BAR_COLUMNS = 20
DEFAULT_COLUMNS = 80


class Progress:
    """
    Shows how far a copy is: percent, bytes, rate, and the current name.

    :param write: called with what is to appear; the bar redraws itself on one line.
    :param total: bytes there are to copy; ``None`` where that is unknown.
    :param columns: called for the width of the terminal, which may change.
    :param clock: called for seconds.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        total: int | None,
        *,
        columns: Callable[[], int] = lambda: DEFAULT_COLUMNS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._total = total
        self._columns = columns
        self._clock = clock
        self._started = clock()
        self._drawn = -REDRAW_SECONDS + self._started
        self._name = ""
        self._done = 0
        self._position = 0

    def start(self, name: str) -> None:
        """Begin with the next file."""
        self._done += self._position
        self._position = 0
        self._name = name
        self.at(0)

    def at(self, position: int) -> None:
        """Say how many bytes of the current file are read."""
        self._position = position
        now = self._clock()
        if now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            self._draw(now)

    def end(self) -> None:
        """Draw the bar as it stands, and leave its line."""
        self._draw(self._clock())
        self._write("\n")

    def _draw(self, now: float) -> None:
        # One column stays free: a terminal wraps the line at its last one.
        columns = max(self._columns() - 1, 1)
        line = crop(f"{self._measures(now)}  {printable(self._name)}", columns)
        self._write(f"\r{line}{' ' * (columns - width(line))}")

    def _measures(self, now: float) -> str:
        done = self._done + self._position
        rate = f"{human_size(int(done / max(now - self._started, 0.001)))}/s"
        if self._total is None:
            return f"{human_size(done)}  {rate}"
        share = min(done / self._total, 1) if self._total else 1.0
        bar = ("=" * int(share * BAR_COLUMNS)).ljust(BAR_COLUMNS)
        return f"[{bar}] {share:4.0%}  {human_size(done)} of {human_size(self._total)}  {rate}"


def width(text: str) -> int:
    """Return how many columns a terminal takes for a text."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("F", "W") else 1


def crop(text: str, columns: int) -> str:
    """Return as much of a text as fits, with dots where it was cut."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 3:
        text = text[:-1]
    return (text + "...")[:columns]


def terminal_columns(stream: OutputWrapper) -> int:
    """Return the width of the terminal behind a stream; 80 where there is none."""
    try:
        return os.get_terminal_size(underlying(stream).fileno()).columns or DEFAULT_COLUMNS
    except (OSError, ValueError):  # it has no file descriptor, or that is no terminal
        return DEFAULT_COLUMNS
