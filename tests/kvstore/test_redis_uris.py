"""URIs of Redis servers, valid and invalid."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from inmemorystorage.kvstore import get_kvstore

pytest.importorskip("redis")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("redis://", "names no host"),
        ("redis:///0", "names no host"),
        ("redis://host:port", "the port of 'host' must be a number"),
        ("redis://host:65536", "the port of 'host' must be a number"),
        ("redis://host/first", "has the database 'first'"),
        ("redis://host/-1", "has the database '-1'"),
        ("redis://host?db=x", "db='x'"),
        ("redis://host/1?db=2", "has two databases"),
        ("redis://host?timeout=soon", "timeout='soon'"),
        ("redis://host?timeouts=1", "Did you mean 'timeout'?"),
        ("redis://host?cluster=maybe", "cluster='maybe'"),
        ("redis://host/1?cluster=1", "is a cluster"),
        ("redis://one;two", "several hosts"),
        ("redis://host?ssl_ca_certs=x", "for rediss://"),
        ("rediss://host?ssl_cert_reqs=no", "it must be one of none, optional, required"),
        ("unix://", "must name a socket"),
        ("unix://relative/socket", "must name a socket"),
        ("unix:///socket?cluster=1", "cannot be a cluster"),
    ],
)
def test_mistakes(uri: str, words: str) -> None:
    """The error for an invalid URI names the mistake, and hides the password."""
    scheme, _, rest = uri.partition("://")
    with pytest.raises(ImproperlyConfigured) as info:
        get_kvstore(f"{scheme}://user:secret@{rest}")
    assert words in str(info.value)
    assert "secret" not in str(info.value)


@pytest.mark.parametrize(
    "uri",
    ["redis://[::1]", "valkey://host:1/2", "rediss://host/?ssl_check_hostname=0", "unix:///a?db=1"],
)
def test_no_mistake(uri: str) -> None:
    """get_kvstore() accepts a valid URI without connecting."""
    assert get_kvstore(uri).uri == uri
