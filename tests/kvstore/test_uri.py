"""URIs: their parts, their mistakes, and how they hide passwords."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from kvstores import failing, new_uri

from inmemorystorage.kvstore import get_kvstore, kvstore
from inmemorystorage.kvstore.uri import parse, seconds, yes_or_no
from inmemorystorage.options import hint

READERS = {"timeout": seconds, "cluster": yes_or_no}


def test_parts():
    """parse() returns the scheme, the store and the decoded parameters."""
    uri = parse("redis://user:p%40ss@host:1/0?a=1&b=%20x&c=&d")
    assert (uri.scheme, uri.place) == ("redis", "host:1/0")
    assert uri.parameters == {"a": "1", "b": " x", "c": "", "d": ""}


@pytest.mark.parametrize(
    ("text", "scheme"), [("REDIS://a", "redis"), ("LocMem://", "locmem"), ("a.B://", "a.B")]
)
def test_case_of_a_scheme(text, scheme):
    """A scheme ignores case, a dotted path does not."""
    assert parse(text).scheme == scheme


@pytest.mark.parametrize(
    ("store", "credentials"),
    [
        ("host", (None, None)),
        ("user@host", ("user", None)),
        ("user:@host", ("user", "")),
        (":word@host", (None, "word")),
        ("us%3Aer:p%40s%2Fs%3F@host", ("us:er", "p@s/s?")),
        ("user:p@ss@host", ("user", "p@ss")),
    ],
)
def test_credentials(store, credentials):
    """User and password stand before the last @, and are decoded."""
    uri = parse(f"redis://{store}")
    assert uri.credentials == credentials and uri.place == "host"


@pytest.mark.parametrize(
    ("store", "hosts"),
    [
        ("host", [("host", 11211)]),
        ("host:1", [("host", 1)]),
        ("a:1;b;", [("a", 1), ("b", 11211)]),
        ("user:word@host:65535/0", [("host", 65535)]),
        ("[::1]:7;[fe80::1]", [("::1", 7), ("fe80::1", 11211)]),
    ],
)
def test_hosts(store, hosts):
    """hosts() splits at semicolons, and adds the default port."""
    assert parse(f"memcached://{store}").hosts(11211) == hosts


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("", "names no host: write memcached://host:port"),
        ("/0", "names no host"),
        (":11211", "has a port with no host before it"),
        ("host:0", r"memcached://host:0: the port of 'host' must be a number from 1 to 65535"),
        ("host:65536", "the port of 'host' must be a number"),
        ("a:1;host:x1", "the port of 'host' must be a number"),
        ("host:٣", "the port of 'host' must be a number"),
        ("host:-1", "the port of 'host' must be a number"),
    ],
)
def test_mistaken_hosts(store, message):
    """A missing host or an invalid port raises ImproperlyConfigured with the host."""
    with pytest.raises(ImproperlyConfigured, match=message):
        parse(f"memcached://{store}").hosts(11211)


@pytest.mark.parametrize(
    "uri", ["", "locmem", "://x", "1a://", "a b://x", None, 7, b"locmem://", {}]
)
def test_invalid_uris(uri):
    """parse() raises ImproperlyConfigured for text without a scheme."""
    with pytest.raises(ImproperlyConfigured, match=r"written scheme://store\?parameters"):
        parse(uri)


def test_options():
    """options() converts parameters by their readers."""
    assert parse("x://?timeout=1.5&cluster=No").options(READERS) == {
        "timeout": 1.5,
        "cluster": False,
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "timeuot=1",
            r"x://h has no parameter 'timeuot'. Did you mean 'timeout'\? It has cluster,",
        ),
        ("zzz", r"no parameter 'zzz'. It has cluster, namespace, serializer, timeout\."),
        (
            "timeout=soon",
            "parameter timeout='soon': it must be a number of seconds great",
        ),
        ("timeout=0", "greater than 0"),
        ("timeout=inf", "greater than 0"),
        ("timeout=nan", "greater than 0"),
        ("cluster=maybe", "parameter cluster='maybe': it must be 1 or 0"),
        ("cluster=", "it must be 1 or 0"),
    ],
)
def test_mistaken_options(query, message):
    """options() raises ImproperlyConfigured for unknown parameters and invalid values."""
    with pytest.raises(ImproperlyConfigured, match=message):
        parse(f"x://h?{query}").options(READERS)


def test_a_backend_may_have_no_options():
    """The error of a backend without options lists the common parameters."""
    message = r"has no parameter 'x'. It has namespace, serializer\."
    with pytest.raises(ImproperlyConfigured, match=message):
        get_kvstore("locmem://?x=1")


@pytest.mark.parametrize("text", ["1", "true", "YES"])
def test_yes(text):
    """yes_or_no() accepts several words for yes."""
    assert yes_or_no(text) is True


def test_hint():
    """hint() names a valid option that is close, if any."""
    assert hint("redsi", ["redis", "db"]) == " Did you mean 'redis'?"
    assert hint("zzz", ["redis", "db"]) == ""


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("user:secret@host:1/0", "host:1/0"),
        (":secret@host", "host"),
        ("user:sec/secret@host", "host"),
        ("user:secret@[::1]:1", "[::1]:1"),
        ("user:secret", "user:***"),  # its @host was forgotten
        ("user:12secret/0", "user:***/0"),
        ("a:1;b:secret;c:3", "a:1;b:***;c:3"),
        ("/run/redis.sock", "/run/redis.sock"),
    ],
)
def test_a_uri_is_shown_without_its_credentials(store, shown):
    """str() and repr() hide anything that may be a password."""
    uri = parse(f"redis://{store}?a=secret")
    assert (str(uri), repr(uri)) == (f"redis://{shown}", f"<Uri: redis://{shown}>")


@pytest.mark.parametrize(
    "uri",
    [
        "secret",
        "nothing://user:secret@host",
        "locmem://user:secret@host?a=1",
        "locmem://user:secret@host?serializer=yaml",
        "locmem://user:secret@host?namespace=a:b",
        "locmem://user:what?secret@host",
        "kvstores.Nothing://user:secret@host",
        "kvstores.NoStore://user:secret@host",
        "redis://user:secret?port=1",
        "memcached://user:secret",
        "tokyotyrant://host:1:secret",
    ],
)
def test_no_error_has_a_password(uri):
    """No error, and none of its causes, contains a possible password."""
    with pytest.raises(ImproperlyConfigured) as caught:
        get_kvstore(uri)
    error = caught.value
    while error is not None:
        assert "secret" not in f"{error!s}{error!r}"
        error = error.__cause__ or error.__context__


def test_no_handle_shows_a_password(caplog):
    """A store's repr() hides the password, and nothing is logged."""
    uri = "locmem://user:secret@host"
    with override_settings(KEY_VALUE_STORE_BACKEND=uri):
        for store in [get_kvstore(uri), kvstore]:
            store.set("a", 1)
            store.delete("a")
            assert repr(store) == f"<{type(store).__name__}: locmem://host>"
    assert not caplog.records


def test_no_error_of_an_engine_shows_a_password():
    """A client's error becomes an OSError that names the store without credentials."""
    uri = new_uri("Failing").replace("://", "://user:secret@")
    store = get_kvstore(uri)
    with failing(get=0), pytest.raises(OSError, match="no get") as caught:
        store.get("a")
    assert "secret" not in str(caught.value) and caught.value.filename == "a"
