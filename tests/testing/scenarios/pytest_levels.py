"""What a fixture did to files lasts as long as the fixture, and leaks nowhere."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages

ATTEMPTS = []


def save(name):
    for alias in ("default", "memory", "pathless"):
        assert storages[alias].save(name, ContentFile(b"content")) == name
    Path(settings.MEDIA_ROOT, f"by-hand-{name}").write_bytes(b"")


def files():
    found = sorted(os.listdir(settings.MEDIA_ROOT))
    names = [name for name in found if name not in ("kept.txt", "session-of-conftest")]
    by_hand = [name.removeprefix("by-hand-") for name in names if name.startswith("by-hand-")]
    assert sorted(storages["memory"].listdir("")[1]) == by_hand
    assert all(storages["pathless"].exists(name) for name in by_hand)
    assert [name for name in names if not name.startswith("by-hand-")] == by_hand
    return by_hand


def fixture(scope, *needs, **options):
    name = f"of_{scope}"

    @pytest.fixture(scope=scope, **options)
    def made(request):
        for need in needs:
            request.getfixturevalue(need)
        save(f"{scope}.txt")
        request.addfinalizer(  # noqa: PT021
            lambda: save(f"left-by-finalizer-of-{scope}.txt")
        )
        yield
        save(f"left-by-{scope}.txt")
        default_storage.delete(f"{scope}.txt")

    made.__name__ = name
    return made


of_package = fixture("package")
of_module = fixture("module")
of_class = fixture("class")
of_function = fixture("function")


@pytest.fixture(scope="session")
def of_session():
    save("session.txt")
    yield
    save("left-by-session.txt")


def setup_module():
    assert files() == []
    save("setup-module.txt")


def teardown_module():
    save("left-by-teardown-module.txt")


def setup_function():
    save("setup-function.txt")


def teardown_function():
    save("torn-down.txt")


ALWAYS = ["setup-function.txt", "setup-module.txt"]


def has(*names):
    return files() == sorted([*ALWAYS, *names])


def test_nothing():
    assert has()
    save("own.txt")


def test_function(of_function):
    assert has("function.txt")


def test_after_function():
    assert has()


def test_late(request):
    save("own.txt")
    request.getfixturevalue("of_module")
    request.getfixturevalue("of_session")
    assert has("own.txt", "module.txt", "session.txt")


def test_after_late():
    assert has("module.txt", "session.txt")
    default_storage.delete("module.txt")
    default_storage.save("module.txt", ContentFile(b"other"))


def test_contents(of_module, of_session):
    assert has("module.txt", "session.txt")
    with default_storage.open("module.txt") as file:
        assert file.read() == b"content"


class TestClass:
    @classmethod
    def setup_class(cls):
        save("setup-class.txt")

    @classmethod
    def teardown_class(cls):
        save("left-by-teardown-class.txt")

    def setup_method(self):
        assert files() == self.names()
        save("setup-method.txt")

    def teardown_method(self):
        save("left-by-method.txt")

    def names(self, *more):
        return sorted([*more, "module.txt", "session.txt", "setup-class.txt", "setup-module.txt"])

    def test_first(self):
        assert files() == self.names("setup-method.txt")

    def test_second(self):
        assert files() == self.names("setup-method.txt")


class TestLate:
    def test_class_fixture(self, request):
        save("own.txt")
        request.getfixturevalue("of_class")
        request.getfixturevalue("of_package")
        assert {"class.txt", "own.txt", "package.txt"} <= set(files())

    def test_class_fixture_lives(self):
        assert files() == [
            "class.txt",
            "module.txt",
            "package.txt",
            "session.txt",
            "setup-module.txt",
        ]


def test_after_class():
    assert has("module.txt", "package.txt", "session.txt")


@pytest.fixture(scope="module", params=["one", "two"])
def parametrized(request):
    save(f"{request.param}.txt")
    yield request.param
    save(f"left-by-{request.param}.txt")


@pytest.fixture(scope="session")
def late_session():
    save("late-session.txt")


@pytest.fixture(scope="module")
def late_module():
    save("late-module.txt")


class TestOrders:
    """A fixture of a wide scope begins late, while narrower ones last, and ends after them."""

    def test_begin(self, parametrized, request):
        wide = {"one": "late_session", "two": "late_module"}[parametrized]
        request.getfixturevalue(wide)
        assert f"{wide.replace('_', '-')}.txt" in files()
        assert f"{parametrized}.txt" in files()

    def test_end(self, parametrized):
        assert f"{parametrized}.txt" in files()
        assert "late-session.txt" in files()
        assert ("one.txt" in files()) == (parametrized == "one")
        assert not [name for name in files() if name.startswith("left")]


def test_orders_after():
    assert has(
        "late-module.txt", "late-session.txt", "module.txt", "package.txt", "session.txt", "two.txt"
    )


@pytest.mark.flaky(reruns=2)
def test_reruns(of_function):
    assert "function.txt" in files()
    save("rerun.txt")
    ATTEMPTS.append(1)
    assert len(ATTEMPTS) == 3


def test_after_reruns():
    assert "rerun.txt" not in files()


def test_subtests(subtests):
    for number in range(3):
        with subtests.test(number=number):
            save(f"{number}.txt")
    assert {"0.txt", "1.txt", "2.txt"} <= set(files())


def test_after_subtests():
    assert "0.txt" not in files()


@pytest.fixture
def broken(of_function):
    save("broken.txt")
    pytest.skip("in the middle of a fixture")


def test_broken(broken):
    raise AssertionError


def test_after_broken():
    assert "broken.txt" not in files() and "function.txt" not in files()
