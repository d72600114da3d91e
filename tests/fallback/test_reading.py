"""Reading through a FallbackStorage: which backend answers, and what comes of failures."""

from __future__ import annotations

import errno
import logging
import traceback
from typing import Any, ClassVar

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage
from fallback.layers import ARGUMENTS, Failing, Only, Recording, get, over, put, refuse, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage


def test_the_first_that_has_a_file_answers() -> None:
    """A file above is read in the place of one below; what only is below is read there."""
    storage, above, _ = over("both.txt", "below.txt")
    put(above, "both.txt", b"above")
    assert (get(storage, "both.txt"), get(storage, "below.txt")) == (b"above", b"below.txt")
    assert (storage.size("both.txt"), storage.size("below.txt")) == (5, 9)
    assert storage.which("both.txt") is above


def test_what_is_below_is_there() -> None:
    """exists() is true for what any backend has."""
    storage, above, _ = over("below.txt")
    put(above, "above.txt")
    assert [storage.exists(name) for name in ("above.txt", "below.txt", "x")] == [True, True, False]


def test_listing_is_the_union() -> None:
    """listdir() has each name once, those of the first backend first."""
    storage, above, _ = over("a.txt", "b.txt", "d/a.txt", "e/a.txt")
    for name in ("b.txt", "c.txt", "d/b.txt"):
        put(above, name)
    assert storage.listdir("") == (["d", "e"], ["b.txt", "c.txt", "a.txt"])
    assert storage.listdir("d") == ([], ["b.txt", "a.txt"])
    assert storage.listdir("e") == ([], ["a.txt"])


def test_which_is_as_the_project_names_it(settings: Any) -> None:
    """which() gives the entry of `backends` that has a file: an alias, a path, or what it is."""
    named = {"BACKEND": stocked("c.txt"), "skip": ["x"]}
    settings.STORAGES |= {"above": {"BACKEND": "inmemorystorage.InMemoryStorage"}}
    storage = FallbackStorage(["above", "inmemorystorage.InMemoryStorage", named])
    put(storage, "a.txt")
    assert (storage.which("a.txt"), storage.which("c.txt")) == ("above", named)
    assert storage.which("missing.txt") is None


@pytest.mark.parametrize("operation", ARGUMENTS)
def test_a_backend_that_fails_is_passed_over(operation: str, tmp_path: Any) -> None:
    """Each operation goes to the next backend, whatever error the one before raises."""
    below = FileSystemStorage(tmp_path) if operation == "path" else stocked("a.txt")
    put(below, "a.txt")
    storage = FallbackStorage([Failing(ZeroDivisionError("broken")), below])
    answer = getattr(storage, operation)(*ARGUMENTS[operation])
    if operation not in ("open", "get_alternative_name"):
        assert answer == getattr(below, operation)(*ARGUMENTS[operation])


@pytest.mark.parametrize("operation", ARGUMENTS)
def test_a_backend_without_the_method_is_passed_over(operation: str, tmp_path: Any) -> None:
    """What a backend cannot do at all, the next one does."""
    below = FileSystemStorage(tmp_path) if operation == "path" else stocked("a.txt")
    put(below, "a.txt")
    other = "exists" if operation != "exists" else "size"
    storage = FallbackStorage([Only(**{other: False, "exists_not": 1}), below], whiteouts=False)
    assert getattr(storage, operation)(*ARGUMENTS[operation]) is not None


@pytest.mark.parametrize("operation", sorted({*ARGUMENTS} - {"exists"}))
def test_a_method_that_no_backend_has(operation: str) -> None:
    """Where no backend has a method, that is an AttributeError that names them."""
    storage = FallbackStorage([Only(exists=False), Only(exists=False)], whiteouts=False)
    with pytest.raises(AttributeError, match=rf"No backend has the method '{operation}': Only"):
        getattr(storage, operation)(*ARGUMENTS[operation])


def test_missing_everywhere() -> None:
    """What no backend has is a FileNotFoundError with errno and name."""
    storage, *_ = over("a.txt")
    for operation in ("open", "size", "get_modified_time", "accessed_time"):
        with pytest.raises(FileNotFoundError) as caught:
            getattr(storage, operation)("missing.txt")
        assert caught.value.errno == errno.ENOENT
    with pytest.raises(FileNotFoundError):
        storage.listdir("missing")


class NotThere(Exception):
    """What boto3 raises for an object that there is not."""

    response: ClassVar[Any] = {"ResponseMetadata": {"HTTPStatusCode": 404}}


class Answered(Exception):
    """What other clients raise: it has a status, or a response with one."""

    def __init__(self, status: int) -> None:
        self.response = type("Response", (), {"status_code": status})()


@pytest.mark.parametrize("error", [NotThere(), Answered(404), FileNotFoundError("gone")])
def test_not_found_in_other_words(error: Exception) -> None:
    """What client libraries say of a missing object is a FileNotFoundError too, if all say so."""
    storage = FallbackStorage([Failing(error), Failing(NotThere())])
    with pytest.raises(FileNotFoundError):
        storage.size("a.txt")


def test_the_first_error_is_raised_with_the_others() -> None:
    """Where all fail, the first one's own error has the others' in notes and context."""
    errors = [PermissionError("one"), ValueError("two"), Answered(500)]
    storage = FallbackStorage([Failing(error) for error in errors])
    with pytest.raises(PermissionError, match="one") as caught:
        storage.size("a.txt")
    assert caught.value is errors[0]
    assert caught.value.__notes__ == ["Failing: ValueError: two", "Failing: Answered: 500"]
    assert caught.value.__context__ is errors[1]
    assert errors[1].__context__ is errors[2]
    assert "two" in "".join(traceback.format_exception(caught.value))


def test_a_shape_says_more_than_missing() -> None:
    """A name that leads through a file of any backend is a NotADirectoryError."""
    storage, *_ = over("a.txt")
    with pytest.raises(NotADirectoryError):
        storage.size("a.txt/b")


def test_exists_where_all_fail() -> None:
    """exists() is false if a backend says so, and raises where none can tell."""
    broken = Failing(PermissionError("closed"))
    assert FallbackStorage([broken, InMemoryStorage()]).exists("a.txt") is False
    with pytest.raises(PermissionError, match="closed"):
        FallbackStorage([broken, broken]).exists("a.txt")


def test_names_that_lead_outside() -> None:
    """A name that is refused is not asked of the next backend."""
    storage, _, below = over("a.txt")
    for operation in ("open", "size", "listdir", "exists", "delete"):
        with below.asked_nothing(), pytest.raises(SuspiciousFileOperation):
            getattr(storage, operation)("../a.txt")


def test_url_of_the_first_that_has_a_file() -> None:
    """url() is that of the backend that has the file, and of the last one where none has."""
    above, below = InMemoryStorage(base_url="/above/"), InMemoryStorage(base_url="/below/")
    put(above, "above.txt")
    put(below, "both.txt")
    storage = FallbackStorage([above, below])
    names = ("above.txt", "both.txt", "missing.txt", None)
    urls = ["/above/above.txt", "/below/both.txt", "/below/missing.txt", "/below/"]
    assert [storage.url(name) for name in names] == urls


def test_url_goes_on_where_there_is_none(settings: Any) -> None:
    """A backend that has the file and no URLs is passed over."""
    settings.MEDIA_URL = None
    above, below = InMemoryStorage(), InMemoryStorage(base_url="/below/")
    put(above, "a.txt")
    put(below, "a.txt")
    assert FallbackStorage([above, below]).url("a.txt") == "/below/a.txt"
    with pytest.raises(ValueError, match="not accessible via a URL"):
        FallbackStorage([above, InMemoryStorage()]).url("a.txt")


def test_url_takes_what_the_backend_takes() -> None:
    """Options of url() reach the backend, as S3Storage's parameters."""
    storage = FallbackStorage([stocked("a.txt"), InMemoryStorage(querystring_auth=True)])
    assert "expires=" in storage.url("b.txt", expire=10)


def test_path_of_a_file_below_on_a_disk(tmp_path: Any) -> None:
    """Where the first backend has no paths, the path is that of the file itself."""
    disk = FileSystemStorage(tmp_path)
    put(disk, "a.txt", b"disk")
    storage = FallbackStorage([InMemoryStorage(), disk])
    assert storage.path("a.txt") == str(tmp_path / "a.txt")
    put(storage, "b.txt")
    with pytest.raises(NotImplementedError):
        storage.path("b.txt")


def test_what_a_backend_is_beyond_the_api() -> None:
    """Other attributes are the first backend's, and no method that could write below is had."""
    storage = FallbackStorage([InMemoryStorage(base_url="/m/", location="/l"), InMemoryStorage()])
    assert (storage.base_url, storage.location) == ("/m/", "/l")
    with pytest.raises(AttributeError, match="_lend_path"):
        storage._lend_path  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        storage.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="load"):
        storage.backends[1].load  # noqa: B018


def test_the_log_says_who_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    """Each backend that is passed over is in the log, with its error."""
    storage, *_ = over("a.txt")
    with caplog.at_level(logging.DEBUG, "inmemorystorage.fallback"):
        get(storage, "a.txt")
    assert "open('a.txt') on InMemoryStorage" in caplog.text
    assert "No such file" in caplog.text


def test_url_while_nobody_answers() -> None:
    """A page with pictures has their addresses, also where the backend below does not answer."""
    below = stocked("a.txt", kind=Recording)
    storage = FallbackStorage([InMemoryStorage(base_url="/above/"), below])
    below.exists = refuse
    with pytest.raises(ConnectionRefusedError):
        FallbackStorage([below], writable=[]).exists("a.txt")
    storage.exists("a.txt")
    assert storage.url("a.txt") == below.url("a.txt")
