"""Addresses of files on a key-value store that are signed, and expire."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import BadSignature
from django.http import QueryDict

from inmemorystorage.kvstore import KeyValueStorage

URI = "locmem://signed-addresses"


def query_of(url):
    """Return the query of a URL as a request has it."""
    return QueryDict(url.partition("?")[2])


def test_an_address_signed_by_one_storage_is_good_at_another():
    """As two processes have one SECRET_KEY, each knows what the other has signed."""
    first, second = (KeyValueStorage(URI, querystring_auth=True) for _ in range(2))
    assert second.check_url("diary.txt", query_of(first.url("diary.txt"))) is True


def test_an_address_of_another_file_is_refused():
    """The signature is of one name."""
    storage = KeyValueStorage(URI, querystring_auth=True)
    with pytest.raises(BadSignature):
        storage.check_url("diary.txt", query_of(storage.url("notes.txt")))


def test_an_address_expires(time_machine):
    """It is good for as long as the storage was told."""
    storage = KeyValueStorage(URI, querystring_auth=True, querystring_expire=60)
    time_machine.move_to(1_000_000_000, tick=False)
    query = query_of(storage.url("diary.txt"))
    time_machine.shift(59)
    assert storage.check_url("diary.txt", query)
    time_machine.shift(2)
    with pytest.raises(BadSignature, match="expired"):
        storage.check_url("diary.txt", query)


def test_addresses_are_not_signed_unless_asked_for():
    """Then anybody may have the file."""
    storage = KeyValueStorage(URI, base_url="/files/")
    assert storage.url("diary.txt") == "/files/diary.txt"
    assert storage.check_url("diary.txt", QueryDict()) is False


def test_storages_that_sign_otherwise_are_not_equal():
    """What signs is another storage, and so is what signs for another time."""
    kinds = [{}, {"querystring_auth": True}, {"querystring_auth": True, "querystring_expire": 60}]
    assert len({KeyValueStorage(URI, **kind) for kind in kinds}) == 3


@pytest.mark.parametrize("lifetime", [0, -1, 1.5, "60", None])
def test_a_lifetime_that_cannot_be_is_refused(lifetime):
    """The error names the option and what it can be."""
    with pytest.raises(ImproperlyConfigured, match=r"querystring_expire=.*at least 1\."):
        KeyValueStorage(URI, querystring_auth=True, querystring_expire=lifetime)
