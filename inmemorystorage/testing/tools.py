"""The base of the kit's tools: a context manager, and a decorator of functions and classes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
import unittest
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from django.test.utils import TestContextDecorator

from ..forks import PerProcess

METHODS = (types.FunctionType, staticmethod, classmethod)
Class = TypeVar("Class", bound=type[Any])


class TestTool(TestContextDecorator):
    """
    A context manager, sync and async, and a decorator of functions, coroutines and classes.

    Blocks of one tool nest. In a decorated ``TestCase`` it is enabled from before ``setUpClass()``
    until after the class cleanups; in any other class each method whose name starts with ``test``
    is decorated.

    :cvar checks_each_test: whether the methods of a ``TestCase`` are decorated too.
    """

    __test__ = False  # its name would make pytest collect it
    checks_each_test: ClassVar[bool] = False
    # What ends the open blocks of all tools: callers of enable() may drop the tool.
    _open: ClassVar[set[contextlib.ExitStack]] = set()

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[contextlib.ExitStack] = []

    def begin(self, stack: contextlib.ExitStack) -> Any:
        """Begin a block, whose end exits ``stack``; return what ``with`` binds."""

    def check(self) -> None:
        """Raise ``AssertionError`` after a block that did what the tool forbids."""

    def enable(self) -> Any:
        """Begin a block; return what ``with`` binds."""
        stack = contextlib.ExitStack()
        try:
            bound = self.begin(stack)
        except BaseException:
            stack.close()
            raise
        self._ends.append(stack)
        self._open.add(stack)
        return bound

    def disable(self) -> None:
        """End the block that began last, and check it."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Any:
        return self.enable()

    def __exit__(self, kind: Any, *exception: Any) -> None:
        stack = self._ends.pop()
        self._open.remove(stack)
        stack.close()
        if kind is None:  # otherwise the test fails anyway
            self.check()

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, *exception: Any) -> None:
        self.__exit__(*exception)

    def _decorate_method(self, member: Any) -> Any:
        if isinstance(member, types.FunctionType):
            return self.decorate_callable(member)
        return type(member)(self.decorate_callable(member.__func__))

    def decorate_class(self, cls: Class) -> Class:
        """Enable the tool in a class of tests."""
        if issubclass(cls, unittest.TestCase) and not self.checks_each_test:
            enable_for_class(cls, self)
        else:
            for name, member in list(vars(cls).items()):
                if name.startswith("test") and isinstance(member, METHODS):
                    setattr(cls, name, self._decorate_method(member))
        return cls


def enable_for_class(cls: type[unittest.TestCase], tool: TestContextDecorator) -> None:
    """Enable ``tool`` before ``setUpClass()``, and disable it after all class cleanups."""
    set_up_class: Callable[..., None] = cls.setUpClass.__func__  # type: ignore[attr-defined]

    @functools.wraps(set_up_class)
    def wrapper(inner_cls: type[unittest.TestCase]) -> None:
        tool.enable()
        inner_cls.addClassCleanup(tool.disable)
        set_up_class(inner_cls)

    cls.setUpClass = classmethod(wrapper)  # type: ignore[assignment, method-assign]


class Overlapping:
    """
    Enter a context manager with the first of several blocks, and exit it with the last of them.

    The blocks may end in any order, and be in several threads.

    :param make: makes the context manager.
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._make = make
        self._depth = 0
        self._exits = contextlib.ExitStack()
        self._lock = PerProcess(threading.Lock)

    def __enter__(self) -> None:
        with self._lock.value:
            if not self._depth:
                self._exits.enter_context(self._make())
            self._depth += 1

    def __exit__(self, *exception: Any) -> None:
        with self._lock.value:
            self._depth -= 1
            if not self._depth:
                self._exits.close()


def remove_object(items: list[Any], item: object) -> None:
    """Remove an object from a list that may have equal ones; ignore one that is not there."""
    for index, each in enumerate(items):
        if each is item:
            del items[index]
            return


@contextlib.contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute of an object for a block."""
    before = {key: value for key, value in vars(owner).items() if key == name}
    vars(owner)[name] = value
    try:
        yield
    finally:
        vars(owner).pop(name, None)
        vars(owner).update(before)


_signature = functools.cache(inspect.signature)


@contextlib.contextmanager
def method(cls: Any, name: str, replacement: Any) -> Iterator[None]:
    """Call ``replacement`` with a method and its arguments, instead of the method, in a block."""
    original, is_inherited = getattr(cls, name), name not in vars(cls)
    wrapper: Any
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await replacement(original, *args, **kwargs)
    else:

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return replacement(original, *args, **kwargs)

    # Mocks of the method ask for its signature, and not all of them follow __wrapped__.
    wrapper.__signature__ = _signature(original)
    setattr(cls, name, wrapper)
    try:
        yield
    finally:
        if is_inherited:
            delattr(cls, name)
        else:
            setattr(cls, name, original)
