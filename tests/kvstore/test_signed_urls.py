"""Signed URLs of files on a key-value store."""

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.signing import BadSignature
from django.http import QueryDict

from inmemorystorage import InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage

URI = "locmem://signed-urls"


def query_of(url):
    """Return the query of a URL as a QueryDict."""
    return QueryDict(url.partition("?")[2])


@pytest.mark.parametrize("options", [{}, {"ttl": 60}, {"querystring_expire": 60}])
def test_storages_of_the_same_files_accept_each_others_signatures(options):
    """check_url() accepts a URL that another storage of the same files signed."""
    first = KeyValueStorage(URI, querystring_auth=True)
    second = KeyValueStorage(URI, querystring_auth=True, **options)
    assert second.check_url("diary.txt", query_of(first.url("diary.txt"))) is True


@pytest.mark.parametrize(
    "second",
    [
        KeyValueStorage(f"{URI}?namespace=other", querystring_auth=True),
        KeyValueStorage(URI, location="other", querystring_auth=True),
        InMemoryStorage(querystring_auth=True),
    ],
)
def test_storages_of_other_files_refuse_each_others_signatures(second):
    """check_url() refuses a URL of a storage with other files at the same base URL."""
    first = KeyValueStorage(URI, querystring_auth=True)
    for signing, checking in ((first, second), (second, first)):
        with pytest.raises(BadSignature):
            checking.check_url("diary.txt", query_of(signing.url("diary.txt")))


@pytest.mark.parametrize("name", ["../private/diary.txt", "..\\private\\diary.txt"])
def test_names_that_lead_out_are_not_signed(name):
    """url() raises SuspiciousFileOperation for a name with ".."."""
    with pytest.raises(SuspiciousFileOperation, match="it is not signed"):
        KeyValueStorage(URI, querystring_auth=True).url(name)


def test_a_signature_is_for_one_name():
    """check_url() refuses the signature of another name."""
    storage = KeyValueStorage(URI, querystring_auth=True)
    with pytest.raises(BadSignature):
        storage.check_url("diary.txt", query_of(storage.url("notes.txt")))


def test_a_signed_url_expires(time_machine):
    """check_url() refuses a URL after querystring_expire seconds."""
    storage = KeyValueStorage(URI, querystring_auth=True, querystring_expire=60)
    time_machine.move_to(1_000_000_000, tick=False)
    query = query_of(storage.url("diary.txt"))
    time_machine.shift(59)
    assert storage.check_url("diary.txt", query)
    time_machine.shift(2)
    with pytest.raises(BadSignature, match="expired"):
        storage.check_url("diary.txt", query)


def test_urls_are_unsigned_by_default():
    """url() is unsigned without querystring_auth, and check_url() returns False."""
    storage = KeyValueStorage(URI, base_url="/files/")
    assert storage.url("diary.txt") == "/files/diary.txt"
    assert storage.check_url("diary.txt", QueryDict()) is False


def test_signing_options_count_for_equality():
    """Storages with different signing options are not equal."""
    kinds = [{}, {"querystring_auth": True}, {"querystring_auth": True, "querystring_expire": 60}]
    assert len({KeyValueStorage(URI, **kind) for kind in kinds}) == 3


@pytest.mark.parametrize("lifetime", [0, -1, 1.5, "60", None])
def test_mistaken_querystring_expire(lifetime):
    """A mistaken querystring_expire raises an error that names the valid values."""
    with pytest.raises(ImproperlyConfigured, match=r"querystring_expire=.*at least 1\."):
        KeyValueStorage(URI, querystring_auth=True, querystring_expire=lifetime)
