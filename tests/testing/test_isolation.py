"""isolate_storages() as a context manager and as a decorator."""

from __future__ import annotations

import asyncio
import sys
import types
import unittest
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import SimpleTestCase as HypothesisTestCase

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import InMemoryStorageTestMixin, isolate_storages
from inmemorystorage.testing.levels import Level
from inmemorystorage.testing.runner import IsolatingTestSuite
from inmemorystorage.testing.tools import method

storage = InMemoryStorage()


@pytest.fixture(autouse=True)
def before() -> None:
    """Save one file."""
    storage.save("before.txt", ContentFile(b"before"))


def change() -> list[str]:
    """Change what is there; return the names of the files then."""
    storage.save("new.txt", ContentFile(b"new"))
    with storage.open("before.txt", "wb") as file:
        file.write(b"changed")
    return storage.listdir("")[1]


def is_as_before() -> bool:
    """Return whether the files are as before."""
    with storage.open("before.txt") as file:
        return storage.listdir("") == ([], ["before.txt"]) and file.read() == b"before"


def test_as_a_context_manager() -> None:
    """The end of the block undoes what happened in it."""
    with isolate_storages():
        assert change() == ["before.txt", "new.txt"]
    assert is_as_before()


def test_on_errors() -> None:
    """An error ends the block too, and propagates."""
    with suppress(KeyError), isolate_storages():
        change()
        raise KeyError
    assert is_as_before()


def test_nested() -> None:
    """An inner block undoes its changes, and the outer one the rest."""
    with isolate_storages():
        change()
        with isolate_storages():
            storage.delete("before.txt")
        assert storage.listdir("")[1] == ["before.txt", "new.txt"]
    assert is_as_before()


def test_as_an_async_context_manager() -> None:
    """async with does the same."""

    async def block() -> None:
        async with isolate_storages():
            assert change() == ["before.txt", "new.txt"]

    asyncio.run(block())
    assert is_as_before()


def test_as_a_decorator_of_a_function() -> None:
    """Each call of a decorated function is undone, also if it calls itself."""

    @isolate_storages()
    def decorated(depth: int = 2) -> list[str]:
        """Change something."""
        return decorated(depth - 1) if depth else change()

    assert decorated() == decorated() == ["before.txt", "new.txt"]
    assert decorated.__doc__ == "Change something."
    assert is_as_before()


def test_as_a_decorator_of_a_coroutine() -> None:
    """A decorated coroutine is undone when it ends, not when it is created."""

    @isolate_storages()
    async def decorated() -> list[str]:
        await asyncio.sleep(0)
        return change()

    assert asyncio.run(decorated()) == ["before.txt", "new.txt"]
    assert is_as_before()


def test_as_a_decorator_of_a_test_case() -> None:
    """A TestCase has a level for its class, and one for each of its tests."""
    seen = []

    @isolate_storages()
    class Tests(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            storage.delete("before.txt")

        def test_a(self) -> None:
            seen.append(storage.listdir("")[1])
            storage.save("new.txt", ContentFile(b""))

        test_b = test_a

    assert unittest.defaultTestLoader.loadTestsFromTestCase(Tests)(unittest.TestResult())
    assert seen == [[], []]
    assert is_as_before()


def test_as_a_decorator_of_any_other_class() -> None:
    """Each test method of another class is undone, and other attributes stay."""

    @isolate_storages()
    class Tests:
        tested = "no function"

        def test_a(self) -> list[str]:
            return change()

        @staticmethod
        def test_static() -> list[str]:
            return change()

        @classmethod
        def test_of_class(cls) -> list[str]:
            return change()

        def helper(self) -> list[str]:
            return change()

    for test in (Tests().test_a, Tests().test_static, Tests().test_of_class):
        assert test() == ["before.txt", "new.txt"]
    assert is_as_before()
    assert Tests.tested == "no function"
    assert Tests().helper() == ["before.txt", "new.txt"]


def test_nothing_else_is_decorated() -> None:
    """Decorating anything but a function or a class raises TypeError."""
    with pytest.raises(TypeError, match="Cannot decorate"):
        isolate_storages()("name")


def test_the_suite_of_the_runner() -> None:
    """A suite isolates the classes of its tests once, however often it runs."""
    seen = []

    class Tests(unittest.TestCase):
        def test_a(self) -> None:
            seen.append(change())

    for _ in range(2):
        nested = unittest.defaultTestLoader.loadTestsFromTestCase(Tests)
        assert IsolatingTestSuite([nested]).run(unittest.TestResult()).wasSuccessful()
        run = vars(Tests)["__call__"]
        assert is_as_before()
    assert seen == [["before.txt", "new.txt"]] * 2
    assert run is vars(Tests)["__call__"]


@pytest.mark.parametrize("names", [["tearDownModule"], ["setUpModule", "tearDownModule"]])
def test_the_module_of_a_test_case(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What setUpModule() and tearDownModule() do is undone when the module ends."""
    module: Any = types.ModuleType("module_of_tests")
    monkeypatch.setitem(sys.modules, "module_of_tests", module)
    for name in names:
        setattr(module, name, change)

    class Tests(unittest.TestCase):
        def test_a(self) -> None:
            seen.append(is_as_before())

    seen: list[bool] = []
    Tests.__module__ = "module_of_tests"
    for _ in range(2):
        nested = unittest.defaultTestLoader.loadTestsFromTestCase(Tests)
        assert IsolatingTestSuite([nested]).run(unittest.TestResult()).wasSuccessful()
        assert is_as_before()
    assert seen == ["setUpModule" not in names] * 2


def test_a_derived_test_case() -> None:
    """A test case derived from one with the mixin is isolated and watched once."""
    seen = []

    class Tests(InMemoryStorageTestMixin, unittest.TestCase):
        def test_a(self) -> None:
            seen.append(change())

    class Derived(Tests):
        pass

    assert unittest.defaultTestLoader.loadTestsFromTestCase(Derived)(unittest.TestResult())
    assert seen == [["before.txt", "new.txt"]]
    assert is_as_before()


def test_the_mixin_of_a_mixin() -> None:
    """A project's mixin can extend the mixin."""

    class Mixin(InMemoryStorageTestMixin):
        pass

    assert "__call__" not in vars(Mixin)


def test_examples() -> None:
    """Files roll back with each example, as rows do."""
    seen = []

    @isolate_storages()
    class Tests(HypothesisTestCase):
        @given(st.integers())
        def test_a(self, number: int) -> None:
            seen.append(change())

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests)(result)
    assert result.wasSuccessful(), result.errors
    assert len(seen) > 1
    assert all(files == ["before.txt", "new.txt"] for files in seen)


def test_a_level_ends_once() -> None:
    """Changes after the end of a level stay if it is ended again."""
    level = Level()
    level.end()
    change()
    level.end()
    assert storage.exists("new.txt")


def test_an_example_that_cannot_begin() -> None:
    """The level of an example ends if the example cannot be set up."""

    @isolate_storages()
    class Tests(unittest.TestCase):
        def setup_example(self) -> None:
            raise KeyError

        def teardown_example(self, example: Any) -> None:
            raise AssertionError("not reached")

    before = Level.open.copy()
    with pytest.raises(KeyError):
        Tests("setup_example").setup_example()
    assert Level.open == before


def test_an_inherited_method_that_is_replaced() -> None:
    """method() replaces an inherited method in one class, and lets it inherit again."""

    class Base:
        def name(self) -> str:
            return "base"

    class Derived(Base):
        pass

    with method(Derived, "name", lambda name, each: f"not {name(each)}"):
        assert (Derived().name(), Base().name()) == ("not base", "base")
    assert "name" not in vars(Derived)
