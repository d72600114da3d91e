"""
Operations on storages, seen from outside: what counts, fails and forbids them stands on this.

While somebody observes, the public operations of all classes of storages are wrapped; otherwise
nothing is, and an operation costs what it costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from django.core.files.storage import Storage

from ..kvstore import KeyValueStorage
from ..storage import InMemoryStorage

OPERATIONS = (
    *("open", "save", "delete", "exists", "listdir", "size", "url", "path"),
    *("get_accessed_time", "get_created_time", "get_modified_time"),
)


class Call(NamedTuple):
    """
    An operation that is about to happen.

    :param op: what it is called: ``"save"``.
    :param storage: on which storage.
    :param args: what it was called with, positionally; ``kwargs``: and by name.
    :param is_inner: whether another operation of some storage does it.
    """

    op: str
    storage: Storage
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_inner: bool

    @property
    def name(self) -> str:
        """Return the name of the file, or of the directory."""
        name = self.args[0] if self.args else self.kwargs.get("name", self.kwargs.get("path", ""))
        return "" if name is None else str(name)

    @property
    def content(self) -> Any:
        """Return what a ``save()`` is to store."""
        return self.args[1] if self.args[1:] else self.kwargs.get("content")

    def with_content(self, content: Any) -> Call:
        """Return the same ``save()`` of something else."""
        args = (*self.args[:1], content, *self.args[2:])
        if self.args[1:]:
            return self._replace(args=args)
        return self._replace(kwargs=self.kwargs | {"content": content})

    @property
    def mode(self) -> str:
        """Return the mode of an ``open()``."""
        mode = self.args[1] if self.args[1:] else self.kwargs.get("mode", "rb")
        return str(mode)

    @property
    def writes(self) -> bool:
        """Return whether it is one that changes files."""
        is_writing = self.op == "open" and not set(self.mode).isdisjoint("wax+")
        return self.op in ("save", "delete") or is_writing


def check_operation(op: str) -> None:
    """Raise ``ValueError`` for what no operation is called."""
    if op not in OPERATIONS:
        raise ValueError(f"{op!r} is no operation. There are: {', '.join(OPERATIONS)}.")


class Observer(Protocol):
    """What is asked to do each operation: by ``proceed(call)``, or in another way."""

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any: ...


_observers: list[Observer] = []
_originals: dict[type[Any], dict[str, Any]] = {}
_is_inside: ContextVar[bool] = ContextVar("_is_inside", default=False)


def add_observer(observer: Observer) -> None:
    """Have an observer asked before those that are there, until `remove_observer`."""
    if not _observers:
        Storage.__init_subclass__ = classmethod(_wrap_derived)  # type: ignore[arg-type, assignment]
        _wrap(Storage)
        _know_hooks()
    _observers.append(observer)


def remove_observer(observer: Observer) -> None:
    """Have an observer asked no more."""
    _observers.remove(observer)
    if not _observers:
        del Storage.__init_subclass__
        _unwrap()
        _know_hooks()


def _know_hooks() -> None:
    """Have storages that know a short way take what is wrapped for their own."""
    InMemoryStorage.know_hooks()
    KeyValueStorage.know_hooks()


def _wrap(cls: type[Storage]) -> None:
    """Wrap the operations of a class and of all that derive from it, mixins included."""
    for owner in cls.__mro__[:-1]:
        if owner not in _originals:
            _originals[owner] = {op: vars(owner)[op] for op in OPERATIONS if op in vars(owner)}
            for op, function in _originals[owner].items():
                setattr(owner, op, _watched(op, function))
    for derived in cls.__subclasses__():
        _wrap(derived)


def _wrap_derived(cls: type[Storage], **kwargs: Any) -> None:
    super(Storage, cls).__init_subclass__(**kwargs)
    _wrap(cls)


def _unwrap() -> None:
    while _originals:
        owner, functions = _originals.popitem()
        for op, function in functions.items():
            setattr(owner, op, function)


def _watched(op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(storage: Storage, *args: Any, **kwargs: Any) -> Any:
        call = Call(op, storage, args, kwargs, is_inner=_is_inside.get())
        token = _is_inside.set(True)
        try:
            return _proceed(_observers[:], function, call)
        finally:
            _is_inside.reset(token)

    return wrapper


def _proceed(observers: list[Observer], function: Callable[..., Any], call: Call) -> Any:
    if not observers:
        return function(call.storage, *call.args, **call.kwargs)
    *others, last = observers
    return last.observe(call, functools.partial(_proceed, others, function))
