"""A bucket in memory, without a service."""

from __future__ import annotations

import pytest

from inmemorystorage.buckets.bucket import Attributes, Bucket

LAST = chr(0x10FFFF)


@pytest.fixture
def bucket() -> Bucket:
    """Return a bucket with objects below two groups, one of which has the greatest character."""
    bucket = Bucket()
    for key in ("a", f"b/{LAST}", f"b/{LAST}{LAST}", "b/c", "b0", "c/"):
        bucket.store(key, b"", Attributes())
    return bucket


def test_groups(bucket: Bucket) -> None:
    """A group is listed once, whatever characters the keys in it have."""
    page = bucket.list("", "/", "", 10)
    assert [key for key, _ in page.objects] == ["a", "b0"]
    assert (page.prefixes, page.end) == (["b/", "c/"], "")


def test_page_after_a_group(bucket: Bucket) -> None:
    """A page that begins after a group skips all keys in it."""
    assert bucket.list("", "/", "", 2).end == "b/"
    page = bucket.list("", "/", "b/", 10, keeps_groups=True)
    assert [key for key, _ in page.objects] == ["b0", "c/"]
    assert page.prefixes == ["c/"]


def test_page_after_a_key_of_a_group(bucket: Bucket) -> None:
    """A page that begins after a key lists the group of the next key."""
    assert bucket.list("", "/", f"b/{LAST}", 10).prefixes == ["b/", "c/"]


def test_items_while_keys_are_removed(bucket: Bucket) -> None:
    """items() returns the entries at the moment of the call, though some are removed then."""
    seen = []
    for key, _ in bucket.objects.items():
        bucket.objects.remove("c/")
        seen.append(key)
    assert seen[-1] == "c/"
