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


def is_good(storage: InMemoryStorage, name: str, url: str) -> bool:
    """Return whether a storage lets a name be had by the query of a URL."""
    try:
        return storage.check_url(name, query_of(url))
    except BadSignature:
        return False


@pytest.fixture
def clock() -> Any:
    """Stop the clock; it can be moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def test_url_is_signed(clock: Any) -> None:
    """A URL says until when it is good, and is good for its own name alone."""
    storage = private()
    url = storage.url("d/a b.txt")
    assert url.startswith(f"/private/d/a%20b.txt?expires={START + 3600}&signature=")
    assert storage.check_url("d/a b.txt", query_of(url))
    assert not is_good(storage, "d/a", url)


def test_others_sign_nothing() -> None:
    """By default URLs are plain, and whatever query they have is nothing to the storage."""
    storage = InMemoryStorage(base_url="/media/")
    assert storage.url("a") == "/media/a"
    assert storage.check_url("a", QueryDict("expires=1")) is False


def test_url_expires(clock: Any) -> None:
    """A URL is good until its time is over, for the last second too, and not longer."""
    storage = private(querystring_expire=60)
    url, short = storage.url("a"), storage.url("a", expire=10)
    clock.shift(9.5)
    assert is_good(storage, "a", url) and is_good(storage, "a", short)
    clock.shift(0.5)
    assert is_good(storage, "a", url) and not is_good(storage, "a", short)
    clock.shift(50)
    with pytest.raises(SignatureExpired):
        storage.check_url("a", query_of(url))


def test_fractions_of_a_second(clock: Any) -> None:
    """A lifetime for one URL may be any number of seconds; it ends with a whole one."""
    url = private().url("a", expire=1.5)
    assert f"expires={START + 1}&" in url and is_good(private(), "a", url)
    clock.shift(1)
    assert not is_good(private(), "a", url)


def test_url_is_stable_under_a_frozen_clock() -> None:
    """While time stands still, a URL is the same each time; with either library that stops it."""
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
def test_not_signed(clock: Any, query: str) -> None:
    """What was not signed is not good."""
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
def test_altered(clock: Any, change: Any) -> None:
    """What was altered is not good."""
    url = private().url("a")
    assert is_good(private(), "a", url) and not is_good(private(), "a", change(url))


def test_storages_do_not_sign_for_each_other() -> None:
    """The same name in another storage, at another URL, is another one."""
    other = InMemoryStorage(base_url="/other/", querystring_auth=True)
    assert not is_good(other, "a", private().url("a"))


def test_keys_change(settings: Any) -> None:
    """A URL is good while its key is one of those of the project."""
    url = private().url("a")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert is_good(private(), "a", url)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_good(private(), "a", url)


@pytest.mark.parametrize("mistaken", [0, -1, "60", 1.5, True, None])
def test_lifetime(mistaken: Any) -> None:
    """A lifetime is a whole number of seconds, at least one."""
    with pytest.raises(ImproperlyConfigured, match="it must be a whole number of seconds"):
        InMemoryStorage(querystring_expire=mistaken)


@pytest.mark.django_db
def test_through_settings_and_fields(settings: Any) -> None:
    """STORAGES has the options too, and a field's file has a signed URL."""
    use_storage(settings, "default", "inmemorystorage.InMemoryStorage", querystring_auth=True)
    upload = Upload.objects.create(file=ContentFile(b"content", "a.txt"))
    assert "signature=" in upload.file.url
    assert is_good(storages["default"], upload.file.name, upload.file.url)
