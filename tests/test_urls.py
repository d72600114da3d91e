"""Signed URLs."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.signing import BadSignature, SignatureExpired
from django.http import QueryDict
from freezegun import freeze_time
from overrides import use_storage
from uploads.models import Upload

from inmemorystorage import InMemoryStorage

START = 1_700_000_000


def private(**options: Any) -> InMemoryStorage:
    """Return a storage that signs its URLs."""
    return InMemoryStorage(base_url="/private/", querystring_auth=True, **options)


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
    url = private().url("a", expire=1.5)
    assert f"expires={START + 1}&" in url and is_accepted(private(), "a", url)
    clock.shift(1)
    assert not is_accepted(private(), "a", url)


def test_url_is_stable_under_a_frozen_clock() -> None:
    """url() returns the same URL while either library freezes the clock."""
    with freeze_time("2026-01-01"):
        assert private().url("a") == private().url("a")
    with time_machine.travel(START, tick=False):
        urls = {private().url("a") for _ in range(3)}
        time.sleep(0.01)
        assert urls == {private().url("a")}


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
    url = private().url("a")
    assert is_accepted(private(), "a", url) and not is_accepted(private(), "a", change(url))


def test_url_of_another_storage_is_refused() -> None:
    """A URL of another storage, with another base URL, is refused."""
    other = InMemoryStorage(base_url="/other/", querystring_auth=True)
    assert not is_accepted(other, "a", private().url("a"))


def test_fallback_keys_are_accepted(settings: Any) -> None:
    """A URL is accepted while its key is in SECRET_KEY_FALLBACKS."""
    url = private().url("a")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert is_accepted(private(), "a", url)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_accepted(private(), "a", url)


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
