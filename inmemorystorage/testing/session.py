"""The session of a test run: its storages are moved or replaced, and its tests watched."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .bucket_floor import CopiedBuckets, load_buckets
from .floor import Floor
from .live import serve_live_media
from .override import override_storages
from .repeated import TESTS, forbid_repeated_operations
from .watch import Watch

# Strict mode is off, or fails operations that write, or all; each with the values of settings.
_STRICT = {
    "": ("", "0", "false", "no", "off"),
    "writes": ("1", "true", "yes", "on", "writes"),
    "reads": ("reads",),
}


@dataclass(frozen=True)
class Options:
    """
    The options of a session, which a project sets.

    :param overrides: whether all storages are moved or replaced.
    :param strict: ``""``, ``"writes"`` or ``"reads"``: the operations on real storages that fail.
    :param load: the project's files with which private directories begin; see `Loader`.
    :param left: directories that are not moved.
    :param repeated: how many operations from one line fail a test; 0: none do.
    :param allowed: patterns of what may repeat; see `forbid_repeated_operations`.
    :param orphans: whether tests that leave orphans fail.
    :param parent: the private directory of the parent process, in a worker process.
    :param buckets: the objects of the parent process, in a worker process.
    """

    overrides: bool = False
    strict: str = ""
    load: str = ""
    left: tuple[str, ...] = ()
    repeated: int = 0
    allowed: tuple[str, ...] = TESTS
    orphans: bool = False
    parent: str = ""
    buckets: CopiedBuckets = field(default_factory=CopiedBuckets)

    @classmethod
    def read(
        cls,
        overrides: Any,
        strict: Any,
        load: str = "",
        left: tuple[str, ...] = (),
        *,
        repeated: Any = 0,
        allowed: str | Sequence[str] = (),
        orphans: Any = "",
    ) -> Options:
        """Return the options; raise ``ValueError`` for a mistaken ``strict`` or ``repeated``."""
        written, number = str(strict).lower(), str(repeated or 0)
        patterns = tuple(allowed.split() if isinstance(allowed, str) else allowed)
        if not number.isdecimal() or int(number) == 1:
            raise ValueError(f"inmemorystorage_repeated must be 2 or more, not {repeated!r}.")
        if str(orphans).lower() not in ("error", *_STRICT[""]):
            raise ValueError(f"inmemorystorage_orphans must be error or nothing, not {orphans!r}.")
        fails = str(orphans).lower() == "error"
        for known, ways in _STRICT.items():
            if written in ways:
                allow = (*patterns, *TESTS)
                return cls(bool(overrides), known, load, left, int(number), allow, fails)
        raise ValueError(f"inmemorystorage_strict must be true, false or reads, not {strict!r}.")


class Session:
    """
    Move and replace all storages during a run of tests, serve their files, and watch the tests.

    ``current`` is the session of the process; a forked process inherits it.
    """

    current: ClassVar[Session | None] = None

    def __init__(self, options: Options) -> None:
        repeated = None
        if options.repeated:
            repeated = forbid_repeated_operations(options.repeated, allow=options.allowed)
        self.watch = Watch(options.strict, repeated, orphans=options.orphans)
        self._exits = contextlib.ExitStack()

    @classmethod
    def begin(cls, options: Options) -> Session:
        """Move and replace the storages, before modules of tests are imported."""
        session = cls.current = cls(options)
        with contextlib.ExitStack() as exits:
            exits.callback(setattr, cls, "current", None)
            if options.overrides:
                exits.enter_context(
                    override_storages(load=options.load, left=options.left, parent=options.parent)
                )
                load_buckets(options.buckets.contents)
            exits.enter_context(serve_live_media())
            session._exits = exits.pop_all()
        return session

    def relocate(self) -> None:
        """Give a forked worker its own private directory."""
        if Floor.current is not None:
            Floor.current.relocate()

    @property
    def notes(self) -> list[str]:
        """Return sentences about directories that did not move, or whose files were not loaded."""
        return [] if Floor.current is None else Floor.current.loader.notes

    def begin_watch(self) -> None:
        """Begin to watch the tests."""
        self._exits.enter_context(self.watch)

    def end(self) -> None:
        """Restore the storages, and stop watching."""
        self._exits.close()
