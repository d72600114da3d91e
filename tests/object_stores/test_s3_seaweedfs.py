"""S3Storage on buckets in memory, against the same on SeaweedFS: a second opinion."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from buckets import Server, needs_s3
from hypothesis import given, settings
from hypothesis import strategies as st
from object_stores.programs import Operation, Row, programs
from object_stores.seaweedfs import seaweedfs, weekly
from object_stores.test_s3_floor import CLIENT, STORAGE, Side, outcome, sides

pytestmark = [
    needs_s3,
    weekly,
    # S3File closes no file of a failed read, and not the one below a GzipFile.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Where SeaweedFS 4.48 and moto differ; buckets in memory answer as moto does.
# Operations that are left out, by their text.
LEFT_OUT = {
    "a key that ends in a slash is a directory": r"'dir/'",
    "two slashes in a key are one": r"dir//",
    "a key that others continue is a directory": r"a/b",
    "the directory of a deleted key is listed for a while": r"delete(_objects?)?\(.*dir/",
    "a page holds more groups than its maximum": r"(?=.*PageSize)(?=.*'Delimiter': '[/i]')",
}
# Elements of answers that are not compared, by operation.
ELEMENTS = {
    # SeaweedFS sends elements that were not requested.
    "list_multipart_uploads": {
        *("MaxUploads", "UploadIdMarker", "Delimiter", "EncodingType", "Prefix", "StorageClass"),
    },
    "list_parts": {"MaxParts", "NextPartNumberMarker"},
    # Its ETag lacks the quotes, and a copy the checksum of its source.
    "copy_object": {"ETag", "ChecksumCRC32"},
    "get_object_acl": {"DisplayName", "ID"},
    # It guesses the type of a copy whose metadata is replaced.
    "head_object": {"ContentType"},
    "get_object": {"ContentType"},
}
# The codes of errors, or None, of buckets in memory and of SeaweedFS, by operation.
ERRORS = {
    ("get_object_tagging", "NoSuchKey", None),
    ("put_object_acl", "NoSuchKey", None),
    ("put_object_tagging", "NoSuchKey", "InvalidTag"),
    ("head_object", "404", "412"),
    ("complete", "MalformedXML", "NoSuchUpload"),
}


@pytest.fixture(scope="module")
def weed() -> Iterator[Server]:
    """Yield a running SeaweedFS."""
    with seaweedfs() as server:
        yield server


def compared(table: dict[str, Row]) -> st.SearchStrategy[list[Operation]]:
    """Return a strategy of programs without the operations that are left out."""
    left_out = re.compile("|".join(LEFT_OUT.values()))

    def kept(steps: list[Operation]) -> list[Operation]:
        steps = [each for each in steps if not left_out.search(each[0])]
        # SeaweedFS lists a part twice that was replaced.
        parts = [each for each in steps if each[0].startswith("upload_part(")]
        return [each for each in steps if each not in parts[1:]]

    return programs(table).map(kept)


def without(value: Any, elements: set[str]) -> Any:
    """Return an answer without some of its elements."""
    if isinstance(value, dict):
        return {key: without(value[key], elements) for key in value if key not in elements}
    if isinstance(value, list):
        return [without(each, elements) for each in value]
    return value


def code(result: Any) -> str | None:
    """Return the code of an error, or None for an answer."""
    return result[-1] if isinstance(result, tuple) and len(result) == 4 else None


def compare(server: Server, steps: list[Operation]) -> None:
    """Run operations on both sides; assert equal outcomes and requests."""
    bucket = server.make_bucket()
    with sides(server, bucket) as (real, moved):
        for text, operation in steps:
            compare_step(text, operation, moved, real)
            assert (text, moved.requests) == (text, real.requests)
    server.client.delete_bucket(Bucket=bucket.name)  # with its objects, unlike S3
    gc.collect()  # what S3File left open, in this test


def compare_step(text: str, operation: Callable[[Side], Any], moved: Side, real: Side) -> None:
    """Run an operation on both sides; assert equal outcomes."""
    ours, theirs = outcome(operation, moved), outcome(operation, real)
    name = text.partition("(")[0]
    if (name, code(ours), code(theirs)) not in ERRORS:
        elements = ELEMENTS.get(name, set())
        assert (text, without(ours, elements)) == (text, without(theirs, elements))


@settings(max_examples=100)
@given(compared(STORAGE))
def test_storage_as_on_seaweedfs(weed: Server, steps: list[Operation]) -> None:
    """The storage API returns, raises and requests the same as on SeaweedFS."""
    compare(weed, steps)


@settings(max_examples=100)
@given(compared(CLIENT))
def test_client_as_on_seaweedfs(weed: Server, steps: list[Operation]) -> None:
    """Calls through the client return, raise and request the same as on SeaweedFS."""
    compare(weed, steps)
