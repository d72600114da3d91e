"""
Observe operations on storages.

While an observer is registered, the operations of all storage classes are wrapped. Without one
nothing is wrapped, and operations cost nothing extra.
"""

from __future__ import annotations

import contextlib
import functools
import os
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol
from unittest.mock import NonCallableMock

from django.core.files.storage import Storage

from ..fallback import FallbackStorage, ReadOnlyStorage
from ..kvstore import KeyValueStorage
from ..storage import InMemoryStorage
from .tools import remove_object

OPERATIONS = (
    *("open", "save", "delete", "exists", "listdir", "size", "url", "path"),
    *("get_accessed_time", "get_created_time", "get_modified_time"),
)
# The methods that are wrapped, each with its operation.
_METHODS = {**dict(zip(OPERATIONS, OPERATIONS, strict=True)), "_open": "open", "_save": "save"}


class Call(NamedTuple):
    """
    A call of an operation that is about to happen.

    :param op: the operation: ``"save"``.
    :param storage: the storage.
    :param args: the positional arguments; ``kwargs``: the keyword arguments.
    """

    op: str
    storage: Storage
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        """Return the name of the file, or of the directory."""
        name = self.args[0] if self.args else self.kwargs.get("name", self.kwargs.get("path", ""))
        return "" if name is None else str(name)

    @property
    def content(self) -> Any:
        """Return the content that a ``save()`` stores."""
        return self.args[1] if self.args[1:] else self.kwargs.get("content")

    def with_content(self, content: Any) -> Call:
        """Return the same ``save()`` with another content."""
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
        """Return whether the operation changes files."""
        is_writing = self.op == "open" and not set(self.mode).isdisjoint("wax+")
        return self.op in ("save", "delete") or is_writing


def check_operation(op: str) -> None:
    """Raise ``ValueError`` unless there is an operation of that name."""
    if op not in OPERATIONS:
        raise ValueError(f"{op!r} is not an operation. Operations are: {', '.join(OPERATIONS)}.")


class Observer(Protocol):
    """Something that handles each operation, usually by calling ``proceed(call)``."""

    def observe(self, call: Call, proceed: Callable[[Call], Any]) -> Any: ...


_observers: list[Observer] = []
# Those of them that see inner operations: which an operation of the same storage makes, or one of a
# `FallbackStorage` on its layer.
_inner_observers: list[Observer] = []
# Called with a storage before each of its operations; they may replace the storage in place.
_preparations: list[Callable[[Storage], None]] = []
# The wrappers in classes; the original of each is its __wrapped__.
_wrappers: weakref.WeakSet[Any] = weakref.WeakSet()
# The storages whose operations are running, the innermost last.
_active: ContextVar[tuple[Storage, ...]] = ContextVar("_active", default=())
# Whether operations are not observed now.
_is_quiet: ContextVar[bool] = ContextVar("_is_quiet", default=False)
_DELEGATING = (FallbackStorage, ReadOnlyStorage)
_OWN = os.path.dirname(__file__) + os.sep


@contextlib.contextmanager
def operations_observed_by(observer: Observer, *, sees_inner: bool = False) -> Iterator[None]:
    """
    Call an observer before the others in a block.

    :param sees_inner: whether to call it for inner operations too.
    """
    _wrap_classes()
    _observers.append(observer)
    if sees_inner:
        _inner_observers.append(observer)
    try:
        yield
    finally:
        remove_object(_observers, observer)
        remove_object(_inner_observers, observer)
        _restore_classes()


@contextlib.contextmanager
def prepared_by(prepare: Callable[[Storage], None]) -> Iterator[None]:
    """Call ``prepare`` with the storage before each operation in a block."""
    _wrap_classes()
    _preparations.append(prepare)
    try:
        yield
    finally:
        _preparations.remove(prepare)
        _restore_classes()


@contextlib.contextmanager
def unobserved() -> Iterator[None]:
    """Ask no observer about the operations of a block."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def _wrap_classes() -> None:
    if not (_observers or _preparations):
        Storage.__init_subclass__ = classmethod(_wrap_derived)  # type: ignore[arg-type, assignment]
        _follow_hooks({original: wrapper for wrapper, original in _wrap(Storage)})


def _restore_classes() -> None:
    if not (_observers or _preparations):
        del Storage.__init_subclass__
        _unwrap(Storage)
        _follow_hooks({wrapper: wrapper.__wrapped__ for wrapper in _wrappers})


def _follow_hooks(replaced: Mapping[Any, Any]) -> None:
    """Replace hooks in the storages whose ``save()`` has a fast path for known hooks."""
    InMemoryStorage.replace_hooks(replaced)
    KeyValueStorage.replace_hooks(replaced)


def _methods(cls: type[Storage]) -> Iterator[tuple[type, str, Any]]:
    """Yield the operations that a class, its bases and its subclasses define."""
    for owner in cls.__mro__[:-1]:
        for name in _METHODS.keys() & vars(owner).keys():
            yield owner, name, vars(owner)[name]
    for derived in cls.__subclasses__():
        yield from _methods(derived)


def _wrap(cls: type[Storage]) -> list[tuple[Any, Any]]:
    """Wrap operations that are not wrapped yet; return the wrappers with the originals."""
    wrapped = []
    for owner, name, original in _methods(cls):
        wrapper = None if _is_wrapper(original) else _wrapper(_METHODS[name], original)
        if wrapper is not None:
            _wrappers.add(wrapper)
            setattr(owner, name, wrapper)
            wrapped.append((wrapper, original))
    return wrapped


def _wrap_derived(cls: type[Storage], **kwargs: Any) -> None:
    super(Storage, cls).__init_subclass__(**kwargs)
    _wrap(cls)


def _unwrap(cls: type[Storage]) -> None:
    """Restore the originals; keep what a test patched over them."""
    for owner, name, wrapper in _methods(cls):
        if _is_wrapper(wrapper):
            setattr(owner, name, wrapper.__wrapped__)


def _is_wrapper(value: Any) -> bool:
    return isinstance(value, (types.FunctionType, WatchedAttribute)) and value in _wrappers


def _wrapper(op: str, original: Any) -> Any:
    """Return a wrapper for an attribute of a class, or ``None`` for one that stays."""
    if isinstance(original, types.FunctionType):
        return _watched(op, original)
    is_data = hasattr(type(original), "__set__")  # a property, say
    binds = hasattr(type(original), "__get__") or callable(original)
    if is_data or not binds or isinstance(original, (type, NonCallableMock)):
        return None
    return WatchedAttribute(op, original)


def _is_watched(storage: Any) -> bool:
    """Return whether an observer may see an operation of a storage, or has to prepare for it."""
    active = _active.get()
    if active and active[-1] is storage:  # most operations: those that the storage itself makes
        return bool(_inner_observers)
    return bool(_observers or _preparations) and isinstance(storage, Storage)


def _watched(op: str, function: Any) -> Callable[..., Any]:
    """Return a function that observes calls of another one, and binds as it does."""

    @functools.wraps(function)
    def wrapper(storage: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            if not _is_watched(storage):
                return function(storage, *args, **kwargs)
            call = Call(op, storage, args, kwargs)
            return _observe(call, functools.partial(function, storage))
        except BaseException as error:
            _hide_frames(error)
            raise

    return wrapper


def _hide_frames(error: BaseException) -> None:
    """
    Drop the kit's frames from the head of a traceback, which then reads as without the kit.

    A bare ``raise`` adds none. Python 3.10 restores the traceback that it caught.
    """
    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_code.co_filename.startswith(_OWN):
        entry = entry.tb_next
    if entry is not None:  # else an observer raised it
        error.__traceback__ = entry


class WatchedAttribute:
    """
    Wrap an operation that is not a plain function, but a static, partial or cached method, say.

    It binds as the attribute itself does.
    """

    def __init__(self, op: str, original: Any) -> None:
        self._op = op
        self.__wrapped__ = original

    def __get__(self, storage: Any, owner: Any = None) -> Any:
        bind = getattr(type(self.__wrapped__), "__get__", None)
        bound = bind(self.__wrapped__, storage, owner) if bind else self.__wrapped__
        if isinstance(storage, Storage) and callable(bound):
            return WatchedMethod(self._op, storage, bound)
        return bound

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class WatchedMethod:
    """A `WatchedAttribute` that is bound to a storage; it has the attributes of its target."""

    def __init__(self, op: str, storage: Storage, target: Callable[..., Any]) -> None:
        self._op = op
        self._storage = storage
        self.__wrapped__ = target

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return _observe(Call(self._op, self._storage, args, kwargs), self.__wrapped__)
        except BaseException as error:
            _hide_frames(error)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


def _observe(call: Call, target: Callable[..., Any]) -> Any:
    """Let the observers call ``target``, or the method of a storage that was just replaced."""
    if _is_quiet.get():
        return target(*call.args, **call.kwargs)
    storage, active = call.storage, _active.get()
    is_own = bool(active) and any(each is storage for each in active)
    if not is_own:
        cls = type(storage)
        for prepare in _preparations:
            prepare(storage)
        if type(storage) is not cls:
            return getattr(storage, call.op)(*call.args, **call.kwargs)
    is_inner = is_own or (bool(active) and isinstance(active[-1], _DELEGATING))
    observers = tuple(_inner_observers if is_inner else _observers)
    token = _active.set((*active, storage))
    try:
        return _proceed(observers, target, call)
    finally:
        _active.reset(token)


def _proceed(observers: tuple[Observer, ...], target: Callable[..., Any], call: Call) -> Any:
    if not observers:
        return target(*call.args, **call.kwargs)
    *others, last = observers
    return last.observe(call, functools.partial(_proceed, tuple(others), target))
