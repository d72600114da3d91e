"""Reading: which layer answers, and what is raised if none does."""

from __future__ import annotations

import errno
import logging
import traceback
from typing import Any, ClassVar

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage
from django.core.signing import BadSignature
from django.http import QueryDict
from fallback.layers import ARGUMENTS, Failing, Only, Recording, get, over, put, refuse, stocked

from inmemorystorage import FallbackStorage, InMemoryStorage


def test_the_first_layer_with_a_file_answers() -> None:
    """A file is read from the first layer that has it."""
    storage, upper, _ = over("both.txt", "lower.txt")
    put(upper, "both.txt", b"upper")
    assert (get(storage, "both.txt"), get(storage, "lower.txt")) == (b"upper", b"lower.txt")
    assert (storage.size("both.txt"), storage.size("lower.txt")) == (5, 9)
    assert storage.which("both.txt") is upper


@pytest.mark.parametrize("mode", ["rb", "r+b", "wb"])
def test_open_passes_the_name_as_it_was_written(mode: str) -> None:
    """open() calls a file as its layer does for the caller's spelling of the name."""
    storage, upper, _ = over("lower.txt")
    put(upper, "d/a.txt")
    with storage.open("./d//a.txt", mode) as file, upper.open("./d//a.txt") as plain:
        assert file.name == plain.name


def test_exists() -> None:
    """exists() is true for a file of any layer."""
    storage, upper, _ = over("lower.txt")
    put(upper, "upper.txt")
    assert [storage.exists(name) for name in ("upper.txt", "lower.txt", "x")] == [True, True, False]


def test_listdir() -> None:
    """listdir() returns the names of all layers, each once, in the order of the layers."""
    storage, upper, _ = over("a.txt", "b.txt", "d/a.txt", "e/a.txt")
    for name in ("b.txt", "c.txt", "d/b.txt"):
        put(upper, name)
    assert storage.listdir("") == (["d", "e"], ["b.txt", "c.txt", "a.txt"])
    assert storage.listdir("d") == ([], ["b.txt", "a.txt"])
    assert storage.listdir("e") == ([], ["a.txt"])


def test_which(settings: Any) -> None:
    """which() returns the entry of `backends` that has a file."""
    named = {"BACKEND": stocked("c.txt"), "skip": ["x"]}
    settings.STORAGES |= {"upper": {"BACKEND": "inmemorystorage.InMemoryStorage"}}
    storage = FallbackStorage(["upper", "inmemorystorage.InMemoryStorage", named])
    put(storage, "a.txt")
    assert (storage.which("a.txt"), storage.which("c.txt")) == ("upper", named)
    assert storage.which("missing.txt") is None


@pytest.mark.parametrize("operation", ARGUMENTS)
def test_a_layer_that_fails_is_skipped(operation: str, tmp_path: Any) -> None:
    """Each operation skips a layer that raises, whatever the error."""
    lower = FileSystemStorage(tmp_path) if operation == "path" else stocked("a.txt")
    put(lower, "a.txt")
    storage = FallbackStorage([Failing(ZeroDivisionError("broken")), lower])
    answer = getattr(storage, operation)(*ARGUMENTS[operation])
    if operation not in ("open", "get_alternative_name"):
        assert answer == getattr(lower, operation)(*ARGUMENTS[operation])


@pytest.mark.parametrize("operation", ARGUMENTS)
def test_a_layer_without_the_method_is_skipped(operation: str, tmp_path: Any) -> None:
    """Each operation skips a layer that does not have the method."""
    lower = FileSystemStorage(tmp_path) if operation == "path" else stocked("a.txt")
    put(lower, "a.txt")
    other = "exists" if operation != "exists" else "size"
    storage = FallbackStorage([Only(**{other: False, "exists_not": 1}), lower], whiteouts=False)
    assert getattr(storage, operation)(*ARGUMENTS[operation]) is not None


@pytest.mark.parametrize("operation", sorted({*ARGUMENTS} - {"exists"}))
def test_a_method_that_no_layer_has(operation: str) -> None:
    """A method that no layer has raises AttributeError with the labels of all."""
    storage = FallbackStorage([Only(exists=False), Only(exists=False)], whiteouts=False)
    with pytest.raises(AttributeError, match=rf"No backend has the method '{operation}': Only"):
        getattr(storage, operation)(*ARGUMENTS[operation])


def test_a_missing_file() -> None:
    """A file that no layer has raises FileNotFoundError with its errno."""
    storage, *_ = over("a.txt")
    for operation in ("open", "size", "get_modified_time", "accessed_time"):
        with pytest.raises(FileNotFoundError) as caught:
            getattr(storage, operation)("missing.txt")
        assert caught.value.errno == errno.ENOENT
    with pytest.raises(FileNotFoundError):
        storage.listdir("missing")


class MissingObject(Exception):
    """boto3's error for a missing object."""

    response: ClassVar[Any] = {"ResponseMetadata": {"HTTPStatusCode": 404}}


class HttpError(Exception):
    """Other clients' error, with a response that has a status."""

    def __init__(self, status: int) -> None:
        self.response = type("Response", (), {"status_code": status})()


@pytest.mark.parametrize("error", [MissingObject(), HttpError(404), FileNotFoundError("gone")])
def test_clients_errors_for_a_missing_file(error: Exception) -> None:
    """Client libraries' errors for a missing object become FileNotFoundError."""
    storage = FallbackStorage([Failing(error), Failing(MissingObject())])
    with pytest.raises(FileNotFoundError):
        storage.size("a.txt")


def test_the_first_error_is_raised_with_the_others() -> None:
    """The first layer's error is raised, with the others in its notes and context."""
    errors = [PermissionError("one"), ValueError("two"), HttpError(500)]
    storage = FallbackStorage([Failing(error) for error in errors])
    with pytest.raises(PermissionError, match="one") as caught:
        storage.size("a.txt")
    assert caught.value is errors[0]
    assert caught.value.__notes__ == ["Failing: ValueError: two", "Failing: HttpError: 500"]
    assert caught.value.__context__ is errors[1]
    assert errors[1].__context__ is errors[2]
    assert "two" in "".join(traceback.format_exception(caught.value))


def test_a_name_that_leads_through_a_file() -> None:
    """A name that leads through a file of any layer raises NotADirectoryError."""
    storage, *_ = over("a.txt")
    with pytest.raises(NotADirectoryError):
        storage.size("a.txt/b")


def test_exists_if_layers_fail() -> None:
    """exists() is false if a layer says so, and raises if no layer can tell."""
    broken = Failing(PermissionError("closed"))
    assert FallbackStorage([broken, InMemoryStorage()]).exists("a.txt") is False
    with pytest.raises(PermissionError, match="closed"):
        FallbackStorage([broken, broken]).exists("a.txt")


def test_names_that_lead_outside() -> None:
    """A name that one layer refuses is not asked of the next."""
    storage, _, lower = over("a.txt")
    for operation in ("open", "size", "listdir", "exists", "delete"):
        with lower.assert_no_calls(), pytest.raises(SuspiciousFileOperation):
            getattr(storage, operation)("../a.txt")


def test_url() -> None:
    """url() is that of the layer with the file, and the last layer's for a missing file."""
    upper, lower = InMemoryStorage(base_url="/upper/"), InMemoryStorage(base_url="/lower/")
    put(upper, "upper.txt")
    put(lower, "both.txt")
    storage = FallbackStorage([upper, lower])
    names = ("upper.txt", "both.txt", "missing.txt", None)
    urls = ["/upper/upper.txt", "/lower/both.txt", "/lower/missing.txt", "/lower/"]
    assert [storage.url(name) for name in names] == urls


def test_url_skips_a_layer_without_urls(settings: Any) -> None:
    """url() skips a layer that has the file and no URLs."""
    settings.MEDIA_URL = None
    upper, lower = InMemoryStorage(), InMemoryStorage(base_url="/lower/")
    put(upper, "a.txt")
    put(lower, "a.txt")
    assert FallbackStorage([upper, lower]).url("a.txt") == "/lower/a.txt"
    with pytest.raises(ValueError, match="not accessible via a URL"):
        FallbackStorage([upper, InMemoryStorage()]).url("a.txt")


def test_url_options() -> None:
    """url() passes its options to the layer, such as S3Storage's parameters."""
    storage = FallbackStorage([stocked("a.txt"), InMemoryStorage(querystring_auth=True)])
    assert "expires=" in storage.url("b.txt", expire=10)


def test_path(tmp_path: Any) -> None:
    """path() is that of a lower layer's file, if the upper layer has no paths."""
    disk = FileSystemStorage(tmp_path)
    put(disk, "a.txt", b"disk")
    storage = FallbackStorage([InMemoryStorage(), disk])
    assert storage.path("a.txt") == str(tmp_path / "a.txt")
    put(storage, "b.txt")
    with pytest.raises(NotImplementedError):
        storage.path("b.txt")


def test_other_attributes() -> None:
    """Other attributes are the first layer's; lower layers offer none that may write."""
    storage = FallbackStorage([InMemoryStorage(base_url="/m/", location="/l"), InMemoryStorage()])
    assert (storage.base_url, storage.location) == ("/m/", "/l")
    with pytest.raises(AttributeError, match="_lend_path"):
        storage._lend_path  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        storage.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="load"):
        storage.backends[1].load  # noqa: B018


def test_the_log_names_skipped_layers(caplog: pytest.LogCaptureFixture) -> None:
    """The log names each layer that was skipped, with its error."""
    storage, *_ = over("a.txt")
    with caplog.at_level(logging.DEBUG, "inmemorystorage.fallback"):
        get(storage, "a.txt")
    assert "open('a.txt') on InMemoryStorage" in caplog.text
    assert "No such file" in caplog.text


def test_url_during_an_outage() -> None:
    """url() of a lower layer's file works while that layer does not answer."""
    lower = stocked("a.txt", kind=Recording)
    storage = FallbackStorage([InMemoryStorage(base_url="/upper/"), lower])
    lower.exists = refuse
    with pytest.raises(ConnectionRefusedError):
        FallbackStorage([lower], writable=[]).exists("a.txt")
    storage.exists("a.txt")
    assert storage.url("a.txt") == lower.url("a.txt")


@pytest.mark.parametrize("name", ["upper.txt", "lower.txt", "missing.txt"])
def test_check_url_asks_the_layer_with_the_file(name: str) -> None:
    """check_url() checks the signature of the layer that has the file, by default of the first."""
    lower = InMemoryStorage(querystring_auth=True, base_url="/private/")
    storage = FallbackStorage([InMemoryStorage(base_url="/media/"), lower])
    put(storage, "upper.txt")
    put(lower, "lower.txt")
    if name == "lower.txt":
        with pytest.raises(BadSignature):
            storage.check_url(name, {})
        query = QueryDict(storage.url(name).partition("?")[2])
        assert storage.check_url(name, query) is True
    else:
        assert storage.check_url(name, {}) is False


@pytest.mark.parametrize("signs", [True, False])
def test_check_url_of_a_layer_that_cannot_check(signs: bool, tmp_path: Any) -> None:
    """check_url() refuses every URL of a layer that signs and cannot check, as a bucket's."""
    lower: Any = FileSystemStorage(tmp_path)
    put(lower, "a.txt")
    lower.querystring_auth = signs
    storage = FallbackStorage([InMemoryStorage(), lower])
    if signs:
        with pytest.raises(BadSignature, match="its own service signs"):
            storage.check_url("a.txt", {})
    else:
        assert storage.check_url("a.txt", {}) is False
