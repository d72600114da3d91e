"""The backends of a `FallbackStorage`: found by what names them, and asked."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..exceptions import PathDoesNotExist
from .asking import Memory, within
from .failures import is_answer, is_missing, is_unreachable
from .finding import MadeStorage, find_storage
from .readonly import ReadOnlyStorage
from .routes import Route

logger = logging.getLogger("inmemorystorage.fallback")

KEYS = ("BACKEND", "OPTIONS", "only", "skip", "timeout", "missing_for", "down_for")
# The seconds of a memory, of backends with a timeout (those that are far) and of others.
_MISSING_FOR = {True: 5.0, False: 0.0}
_DOWN_FOR = 30.0

# What is asked about one name, so that "not there" can be remembered.
_OF_A_NAME = {
    *("open", "exists", "size", "accessed_time", "created_time", "modified_time"),
    *("get_accessed_time", "get_created_time", "get_modified_time"),
}


def normal(name: Any) -> str:
    """Return a name in its normal form, that of the top is empty."""
    form = posixpath.normpath(str(name))
    return "" if form == "." else form


@dataclass(eq=False)
class Backend:
    """
    One of the storages that a `FallbackStorage` asks.

    :param entry: what names it, as the project has written it.
    :param label: what it is called in errors and in the log.
    :param find: returns the storage.
    :param is_writable: whether it may be written; another one is only read.
    """

    entry: Any
    label: str
    find: Callable[[], Any]
    route: Route
    timeout: float | None
    memory: Memory
    is_writable: bool = False
    storage: Any = field(init=False)

    def __post_init__(self) -> None:
        self.storage = ReadOnlyStorage(self.find, self.label)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name != "storage"}
        if isinstance(self.find, MadeStorage) and not self.is_writable:
            state["find"] = self.find.unmade()  # not all clients can be pickled
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    def allow_writing(self) -> None:
        """Have the storage itself asked, which can be written."""
        self.is_writable = True

    def has(self, operation: str) -> bool:
        """Return whether the storage has a method."""
        return callable(getattr(self.find(), operation, None))

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the storage answers, or has answered a short while ago."""
        if operation == "url" and not self.is_writable:  # for which no client asks its engine
            return self.storage.url(*args, **kwargs)
        if self.is_writable:
            return getattr(self.find(), operation)(*args, **kwargs)
        name = normal(args[0]) if args else ""
        remembers = operation in _OF_A_NAME
        if remembers and self.memory.is_missing(name):
            return self._answer_missing(operation, name)
        self.memory.check(self.label)
        try:
            answer = within(self.timeout, getattr(self.storage, operation), *args, **kwargs)
        except Exception as error:
            self._note(error, name, remembers)
            raise
        if operation == "exists" and not answer:
            self.memory.note_missing(name)
        return answer

    def store(self, name: str, content: Any) -> None:
        """
        Store a file under just this name, whatever names the storage would choose.

        Where somebody stores one there meanwhile, that one counts. Raises ``OSError`` where the
        storage keeps its files under other names.
        """
        saved = self.ask("_save" if self.has("_save") else "save", name, content)
        if normal(saved) == name:
            return
        self.ask("delete", saved)
        if not self.ask("exists", name):
            raise OSError(
                f"{self.label} stores {name!r} as {saved!r}. What a FallbackStorage writes to must "
                "keep names as they are."
            )

    def _answer_missing(self, operation: str, name: str) -> bool:
        if operation != "exists":
            raise PathDoesNotExist(name)
        return False

    def _note(self, error: Exception, name: str, remembers: bool) -> None:
        if is_missing(error):
            if remembers:
                self.memory.note_missing(name)
        elif is_unreachable(error):
            self.memory.note_down(error)
            logger.warning(
                "%s does not answer (%s: %s); it is not asked for %g seconds",
                *(self.label, type(error).__name__, error, self.memory.down_for),
            )
        elif not is_answer(error) and self.memory.is_news(error):
            logger.warning("%s fails (%s: %s)", self.label, type(error).__name__, error)


def make_backends(entries: Any, writable: Any) -> list[Backend]:
    """
    Return the backends that a project names.

    Raises ``ImproperlyConfigured`` for what names none, or leads back to what asks for it.
    """
    if isinstance(entries, (str, dict)) or not isinstance(entries, Sequence):
        raise ImproperlyConfigured(
            f"The backends of a FallbackStorage are a list of storages, not {entries!r}."
        )
    if not entries:
        raise ImproperlyConfigured(
            "A FallbackStorage needs backends: FallbackStorage([…]), OPTIONS={'backends': […]}, or "
            "the setting FALLBACK_STORAGES, which has the aliases, dotted paths, classes or "
            "instances of storages."
        )
    if writable is not None and (isinstance(writable, str) or not isinstance(writable, Sequence)):
        raise ImproperlyConfigured(f"writable is a list of backends, not {writable!r}.")
    backends = [_make_backend(entry) for entry in entries]
    chosen = backends[:1] if writable is None else _choose(backends, writable)
    for backend in chosen:
        backend.allow_writing()
    return backends


def _choose(backends: list[Backend], writable: Any) -> Iterator[Backend]:
    """Yield the backends that ``writable`` names: as ``backends`` does, or by their positions."""
    for wanted in writable:
        same = [each for each in backends if each.entry is wanted]
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            same = backends[wanted : wanted + 1] if wanted >= 0 else []
        found = same or [each for each in backends if wanted in _names(each)]
        if len(found) != 1:  # labels, since entries may have secrets
            labels = [each.label for each in backends]
            raise ImproperlyConfigured(
                f"writable names {_label(wanted)}, which is {len(found)} of the backends. Name one "
                f"as backends does, or by its position from 0: {', '.join(labels)}."
            )
        yield found[0]


def _label(entry: Any) -> str:
    return f"a dict with {', '.join(map(str, entry))}" if isinstance(entry, dict) else repr(entry)


def _names(backend: Backend) -> list[Any]:
    entry = backend.entry
    return [entry, entry["BACKEND"]] if isinstance(entry, dict) else [entry]


def _make_backend(entry: Any) -> Backend:
    given = entry if isinstance(entry, dict) else {"BACKEND": entry}
    unknown = [key for key in given if key not in KEYS]
    if unknown or "BACKEND" not in given:
        raise ImproperlyConfigured(
            f"A backend is an alias, a dotted path, a class, an instance, or a dict with BACKEND "
            f"and other keys of {', '.join(KEYS)}; not {_label(entry)}."
        )
    for key in ("timeout", "missing_for", "down_for"):
        if not isinstance(given.get(key, 0), (int, float, type(None))):
            raise ImproperlyConfigured(f"{key} is a number of seconds, not {given[key]!r}.")
    label, find = find_storage(given["BACKEND"], given.get("OPTIONS"))
    timeout = given.get("timeout")
    return Backend(
        entry=entry,
        label=label,
        find=find,
        route=Route(_patterns(given, "only"), _patterns(given, "skip")),
        timeout=timeout,
        memory=Memory(
            missing_for=given.get("missing_for", _MISSING_FOR[timeout is not None]),
            down_for=given.get("down_for", _DOWN_FOR),
        ),
    )


def _patterns(given: dict[str, Any], key: str) -> tuple[str, ...]:
    patterns = given.get(key, ())
    if isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns):
        raise ImproperlyConfigured(f"{key} is a list of patterns, not {patterns!r}.")
    return tuple(patterns)
