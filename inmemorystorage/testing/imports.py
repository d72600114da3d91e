"""Call functions after modules are imported, and after Django is set up."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import django


@contextlib.contextmanager
def after_import(name: str, function: Callable[[], None]) -> Iterator[None]:
    """
    Call a function once in a block, when a module has been imported, or at once if it is.

    A module that the project never imports is never imported.
    """
    if sys.modules.get(name) is not None:
        function()
        yield
        return
    finder = _Finder(name, function)
    finders = sys.meta_path  # at the end of the interpreter it is None
    finders.insert(0, finder)
    try:
        yield
    finally:
        finders.remove(finder)


@contextlib.contextmanager
def after_setup(function: Callable[[], None]) -> Iterator[None]:
    """Call a function whenever ``django.setup()`` returns in a block."""
    set_up = django.setup

    def setup(*args: Any, **kwargs: Any) -> None:
        set_up(*args, **kwargs)
        function()

    django.setup = setup
    try:
        yield
    finally:
        django.setup = set_up


class _Finder:
    """Find one module as the other finders do, and call a function after it is executed."""

    def __init__(self, name: str, function: Callable[[], None]) -> None:
        self._name = name
        self._function = function

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the module, whose loader calls the function."""
        if name != self._name:
            return None
        # The finders after this one: another of this class, before it, would ask this one again.
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _Loader(spec.loader, self._function)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Execute a module as another loader does, and then call a function."""

    def __init__(self, loader: Any, function: Callable[[], None]) -> None:
        self._loader = loader
        self._function = function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._function()
