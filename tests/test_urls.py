"""Signed URLs."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.signing import BadSignature, SignatureExpired
from django.http import QueryDict
from freezegun import freeze_time
from hypothesis import example, given, strategies
from overrides import use_storage
from uploads.models import Upload

from inmemorystorage import InMemoryDir, InMemoryStorage

START = 1_700_000_000


SHARED = {"behaves_like": "filesystem"}


class TenantStorage(InMemoryStorage):
    """A storage of a project with a location for each tenant."""

    tenant = "/first"

    @property
    def location(self) -> str:
        """Return the location of the current tenant."""
        return self.tenant


def private(filesystem: InMemoryDir | None = None, **options: Any) -> InMemoryStorage:
    """Return a storage that signs its URLs."""
    return InMemoryStorage(filesystem, "/private/", querystring_auth=True, **options)


def query_of(url: str) -> QueryDict:
    """Return the query of a URL."""
    return QueryDict(url.partition("?")[2])


def is_accepted(storage: InMemoryStorage, name: str, url: str) -> bool:
    """Return whether a storage accepts the query of a URL for a name."""
    try:
        return storage.check_url(name, query_of(url))
    except BadSignature:
        return False


@pytest.fixture
def clock() -> Any:
    """Freeze the clock, and return it, to be moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def test_url_is_signed(clock: Any) -> None:
    """url() returns a URL with its expiry time, which is accepted for its own name only."""
    storage = private()
    url = storage.url("d/a b.txt")
    assert url.startswith(f"/private/d/a%20b.txt?expires={START + 3600}&signature=")
    assert storage.check_url("d/a b.txt", query_of(url))
    assert not is_accepted(storage, "d/a", url)


def test_url_is_plain_by_default() -> None:
    """url() returns a plain URL by default, and check_url() ignores the query."""
    storage = InMemoryStorage(base_url="/media/")
    assert storage.url("a") == "/media/a"
    assert storage.check_url("a", QueryDict("expires=1")) is False


def test_url_expires(clock: Any) -> None:
    """A URL is accepted until it expires, through the last second."""
    storage = private(querystring_expire=60)
    url, short = storage.url("a"), storage.url("a", expire=10)
    clock.shift(9.5)
    assert is_accepted(storage, "a", url) and is_accepted(storage, "a", short)
    clock.shift(0.5)
    assert is_accepted(storage, "a", url) and not is_accepted(storage, "a", short)
    clock.shift(50)
    with pytest.raises(SignatureExpired):
        storage.check_url("a", query_of(url))


def test_expiry_may_be_a_fraction(clock: Any) -> None:
    """url(expire=1.5) returns a URL that expires after a whole second."""
    storage = private()
    url = storage.url("a", expire=1.5)
    assert f"expires={START + 1}&" in url and is_accepted(storage, "a", url)
    clock.shift(1)
    assert not is_accepted(storage, "a", url)


def test_url_is_stable_under_a_frozen_clock() -> None:
    """url() returns the same URL while either library freezes the clock."""
    storage = private()
    with freeze_time("2026-01-01"):
        assert storage.url("a") == storage.url("a")
    with time_machine.travel(START, tick=False):
        urls = {storage.url("a") for _ in range(3)}
        time.sleep(0.01)
        assert urls == {storage.url("a")}


@pytest.mark.parametrize(
    "query",
    [
        *("", "expires=", "signature=", "expires=x&signature=y", "expires=&signature="),
        *(f"expires={START + 9}&signature=x", f"expires={START + 9}"),
    ],
)
def test_query_that_was_not_signed_raises(clock: Any, query: str) -> None:
    """check_url() raises BadSignature for a query that was not signed."""
    with pytest.raises(BadSignature):
        private().check_url("a", QueryDict(query))


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace(f"expires={START + 3600}", f"expires={START + 9999}"),
        lambda url: url[:-1] + ("x" if url[-1] != "x" else "y"),
        lambda url: url + "x",
        lambda url: url.replace("expires=", "expires=0"),
        lambda url: url.replace("signature=", "signature=é"),
        lambda url: url + "&signature=x",
    ],
)
def test_altered_url_is_refused(clock: Any, change: Any) -> None:
    """A URL that was altered is refused."""
    storage = private()
    url = storage.url("a")
    assert is_accepted(storage, "a", url) and not is_accepted(storage, "a", change(url))


def test_url_of_another_base_url_is_refused() -> None:
    """A URL is refused by the same tree at another base URL."""
    storage = private()
    other = InMemoryStorage(storage.filesystem, "/other/", querystring_auth=True)
    assert not is_accepted(other, "a", storage.url("a"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, SHARED),
        ({"filesystem": InMemoryDir()}, {"filesystem": InMemoryDir()}),
        ({"location": "/a", **SHARED}, {"location": "/b", **SHARED}),
    ],
)
def test_url_of_another_storage_is_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    """A URL is refused by a storage with other files at the same base URL."""
    pair = private(**first), private(**second)
    for storage, other in (pair, pair[::-1]):
        assert is_accepted(storage, "a", storage.url("a"))
        assert not is_accepted(other, "a", storage.url("a"))


def test_url_of_another_alias_is_refused(settings: Any) -> None:
    """A URL is refused by another alias with the same options, and accepted after a restart."""
    options = {"base_url": "/private/", "querystring_auth": True}
    for alias in ("first", "second"):
        use_storage(settings, alias, "inmemorystorage.InMemoryStorage", **options)
    url = storages["first"].url("a")
    assert not is_accepted(storages["second"], "a", url)
    for alias in ("first", "second"):
        del vars(storages)["_storages"][alias]
    assert is_accepted(storages["first"], "a", url)
    assert not is_accepted(storages["second"], "a", url)


def test_url_of_another_tenant_is_refused() -> None:
    """A URL is refused at another location of a storage whose location changes."""
    storage = TenantStorage(base_url="/private/", querystring_auth=True)
    url = storage.url("a")
    assert is_accepted(storage, "a", url)
    storage.tenant = "/second"
    assert not is_accepted(storage, "a", url)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("options", [{}, SHARED])
def test_url_of_a_storage_of_the_same_files(duplicate: Any, options: dict[str, Any]) -> None:
    """A URL is accepted by a copy, and by another storage of the same tree or location."""
    storage = private(**options)
    url = storage.url("a")
    others = [duplicate(storage), private(**options) if options else private(storage.filesystem)]
    assert [is_accepted(other, "a", url) for other in others] == [True, True]


@pytest.mark.parametrize(
    "name",
    [
        *("../private/contract.pdf", "..", "a/../../private/contract.pdf", "a/../b", "a/.."),
        *("..\\private\\contract.pdf", "a\\..\\..\\private\\a", "/../private/a"),
        Path("../private/contract.pdf"),
    ],
)
def test_name_that_leads_out_is_not_signed(name: Any) -> None:
    """url() raises SuspiciousFileOperation for a name with "..", and signs nothing."""
    with pytest.raises(SuspiciousFileOperation, match="it is not signed"):
        private().url(name)
    assert "signature" not in InMemoryStorage(base_url="/mine/").url(str(name))


@given(strategies.text(alphabet="./\\a%:?#@ \n\t"))
@example("//other.example/a")
def test_signed_url_is_below_the_base_url(name: str) -> None:
    """A signed URL stays on the site and below the base URL, whatever the name is."""
    try:
        url = private().url(name)
    except SuspiciousFileOperation:
        return
    parts = urlsplit(urljoin("http://site.example/page", url))
    assert parts.netloc == "site.example" and parts.path.startswith("/private/")
    assert ".." not in unquote(parts.path).split("/")


def test_fallback_keys_are_accepted(settings: Any) -> None:
    """A URL is accepted while its key is in SECRET_KEY_FALLBACKS."""
    storage = private()
    url = storage.url("a")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert is_accepted(storage, "a", url)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_accepted(storage, "a", url)


@pytest.mark.parametrize("mistaken", [0, -1, "60", 1.5, True, None])
def test_querystring_expire(mistaken: Any) -> None:
    """The constructor refuses a querystring_expire that is not a positive whole number."""
    with pytest.raises(ImproperlyConfigured, match="it must be a whole number of seconds"):
        InMemoryStorage(querystring_expire=mistaken)


@pytest.mark.django_db
def test_through_settings_and_fields(settings: Any) -> None:
    """A field's file has a signed URL if STORAGES says so."""
    use_storage(settings, "default", "inmemorystorage.InMemoryStorage", querystring_auth=True)
    upload = Upload.objects.create(file=ContentFile(b"content", "a.txt"))
    assert "signature=" in upload.file.url
    assert is_accepted(storages["default"], upload.file.name, upload.file.url)
