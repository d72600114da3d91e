"""A store in a table of DynamoDB."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.management import call_command
from engines.aws import INSTALLED

from inmemorystorage.kvstore import KeyValueStorage, get_kvstore
from inmemorystorage.kvstore.backends import Entry, Inserted
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import make_backend

if not INSTALLED:
    pytest.skip("boto3 and moto[server,dynamodb] are not installed", allow_module_level=True)

from botocore.exceptions import ClientError

from inmemorystorage.kvstore.backends import aws, dynamodb

pytestmark = pytest.mark.once


SERVICE = "dynamodb"


class TestDynamoDB(StoreConformance):
    """A table of DynamoDB."""

    backend: dynamodb.DynamoDBBackend

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, uri: str) -> None:
        cls.uri = uri

    def test_expired_values_are_missing(self) -> None:
        """An expired value is missing, even before DynamoDB deletes it."""
        backend, key = self.backend, self.key()
        backend.set(key, b"past", ttl=-2)
        backend.set_many([(self.key("b"), b"past")], ttl=-2)
        assert backend.get_many([key, self.key("b")]) == [None, None]
        assert (backend.get(key), backend.has_key(key)) == (None, False)
        assert backend.add(key, b"new") is True
        backend.set(self.key("b"), b"lasts", ttl=60)
        assert backend.get_many([key, self.key("b")]) == [b"new", b"lasts"]
        assert backend.has_key(self.key("b"))
        backend.delete_many([key, self.key("b")])

    def test_all_pages_of_a_listing_are_read(self) -> None:
        """A directory of several pages is listed whole."""
        place, entry = self.key(), Entry(b"meta", b"x" * 60_000)
        names = {f"n{number}" for number in range(20)}
        for name in names:
            self.backend.insert_entry(place, name, entry, marker=None)
        assert {name for name, _ in self.backend.list_entries(place)} == names

    def test_a_request_that_is_sent_twice(self) -> None:
        """A request that boto3 repeats after a lost answer succeeds."""
        make_api_call, sent = self.backend.client._make_api_call, []

        def twice(operation: str, options: Any) -> Any:
            sent.append(operation)
            make_api_call(operation, options)
            return make_api_call(operation, options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.backend.client, "_make_api_call", twice)
            assert self.backend.add(self.key(), b"value") is True
            done = self.backend.insert_entry(self.key(), "a", Entry(b"a"), marker=None)
            assert done is Inserted.DONE
            assert self.backend.replace_entry(self.key(), "a", b"a", Entry(b"b")) is True
        assert sent == ["PutItem"] * 3
        assert self.backend.add(self.key(), b"value") is False
        self.backend.delete(self.key())
        self.backend.remove_entry(self.key(), "a", b"b")


class TestWithOthers:
    """A store in a table to which other clients write."""

    @pytest.fixture
    def backend(self, uri: str) -> dynamodb.DynamoDBBackend:
        """Return a new backend."""
        backend = make_backend(uri)
        assert isinstance(backend, dynamodb.DynamoDBBackend)
        return backend

    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Shorten all pauses."""
        monkeypatch.setattr(aws, "_PAUSE", 0)

    @staticmethod
    @contextmanager
    def answers(backend: Any, *made: Callable[[Any], Any] | Exception) -> Iterator[list[str]]:
        """Replace the first answers by these; the service gives the others."""
        make_api_call, left, sent = backend.client._make_api_call, [*made], []

        def call(operation: str, options: Any) -> Any:
            sent.append(operation)
            answer = left.pop(0) if left else make_api_call(operation, options)
            if isinstance(answer, Exception):
                raise answer
            return answer(options) if callable(answer) else answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend.client, "_make_api_call", call)
            yield sent

    def refused(self, backend: Any, code: str, *reasons: str) -> ClientError:
        """Return the error of a refused request."""
        answer = {"Error": {"Code": code, "Message": "refused"}}
        if not reasons:
            return ClientError(answer, "PutItem")
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
        error: ClientError = backend.client.exceptions.TransactionCanceledException(
            answer, "Transact"
        )
        return error

    def test_transaction_of_another(self, backend: Any) -> None:
        """A request that conflicts with another transaction is retried."""
        conflict = self.refused(backend, "TransactionConflictException")
        backend.insert_entry("others", ".", Entry(b"."), marker=None)
        with self.answers(backend, conflict, conflict) as sent:
            assert backend.add("others", b"value") is True
        assert sent == ["PutItem"] * 3
        canceled = self.refused(
            backend, "TransactionCanceledException", "TransactionConflict", "None"
        )
        with self.answers(backend, canceled) as sent:
            assert backend.insert_entry("others", "a", Entry(b"a"), marker=".") is Inserted.DONE
        assert sent == ["TransactWriteItems"] * 2
        with self.answers(backend, conflict):
            assert backend.remove_entry("others", "a", b"a") is True

    def test_too_much_to_do(self, backend: Any) -> None:
        """A conflict that lasts raises TimeoutError."""
        conflict = self.refused(backend, "TransactionConflictException")
        with self.answers(backend, *[conflict] * 10) as sent, pytest.raises(TimeoutError):
            backend.add("others", b"value")
        assert sent == ["PutItem"] * 10

    def test_other_errors_are_raised(self, backend: Any) -> None:
        """A request that is refused for another reason raises its error."""
        denied = self.refused(backend, "AccessDeniedException")
        canceled = self.refused(backend, "TransactionCanceledException", "None", "ValidationError")
        entry = Entry(b"a")
        for call in [
            lambda: backend.add("others", b"value"),
            lambda: backend.remove_entry("others", "a", b"a"),
        ]:
            with self.answers(backend, denied), pytest.raises(ClientError, match="refused"):
                call()
        with self.answers(backend, canceled), pytest.raises(ClientError, match="refused"):
            backend.insert_entry("others", "a", entry, marker=".")

    def test_unprocessed_items_are_retried(self, backend: Any) -> None:
        """The unprocessed part of a batch is sent again."""
        with self.answers(
            backend, lambda asked: {"UnprocessedItems": asked["RequestItems"]}
        ) as sent:
            backend.set_many([("left", b"value")])
        assert sent == ["BatchWriteItem"] * 2
        left: Any = lambda asked: {"Responses": {}, "UnprocessedKeys": asked["RequestItems"]}  # noqa: E731
        with self.answers(backend, left, left) as sent:
            assert backend.get_many(["left"]) == [b"value"]
        assert sent == ["BatchGetItem"] * 3

    @pytest.mark.parametrize("number", [26, 101])
    def test_batches(self, backend: Any, number: int) -> None:
        """A request reads up to 100 keys, and writes up to 25."""
        with self.answers(backend) as sent:
            backend.set_many((f"k{each}", b"value") for each in range(number))
            backend.get_many([f"k{each}" for each in range(number)])
        assert sent.count("BatchWriteItem") == -(-number // 25)
        assert sent.count("BatchGetItem") == -(-number // 100)


def test_command_makes_the_table_once(endpoint: str) -> None:
    """The command makes the table with a time to live, and reports a table that exists."""
    uri, said = f"dynamodb://once?region=us-east-1&endpoint_url={endpoint}", StringIO()
    call_command("createkvstoretable", uri, uri, stdout=said)
    assert said.getvalue().splitlines() == [
        "dynamodb://once: made the table once.",
        "dynamodb://once: exists already.",
    ]
    backend: Any = make_backend(uri)
    described = backend.client.describe_time_to_live(TableName="once")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}


def test_missing_table_has_its_cure(endpoint: str) -> None:
    """A missing table raises OSError with the command that makes it."""
    store = get_kvstore(f"dynamodb://missing?region=us-east-1&endpoint_url={endpoint}")
    with pytest.raises(OSError, match=r"createkvstoretable 'dynamodb://missing\?"):
        store.get("key")


def test_a_service_that_is_down(endpoint: str) -> None:
    """A service that is down raises ConnectionRefusedError without credentials."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    store = get_kvstore(f"dynamodb://me:secret@store?region=us-east-1&endpoint_url={url}")
    with pytest.raises(ConnectionRefusedError) as raised:
        store.get("key")
    assert raised.value.errno == errno.ECONNREFUSED
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("dynamodb://st", "is not a valid name"),
        ("dynamodb://a/b", "is not a valid name"),
        ("dynamodb://store?regio=x", "Did you mean 'region'"),
        ("dynamodb://me@store", "incomplete credentials: write dynamodb://key-id:secret@store"),
        ("dynamodb://:secret@store", "^dynamodb://store has incomplete credentials"),
    ],
)
def test_mistaken_uris(uri: str, said: str) -> None:
    """An invalid URI raises ImproperlyConfigured before any request."""
    with pytest.raises(ImproperlyConfigured, match=said):
        make_backend(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("dynamodb://store", r"dynamodb://store\?region=\.\.\., or set AWS_DEFAULT_REGION"),
        ("dynamodb://store?profile=missing", "missing"),
        ("dynamodb://store?region=us-east-1&endpoint_url=nowhere", "Invalid endpoint: nowhere"),
    ],
)
def test_what_is_missing(endpoint: str, uri: str, said: str) -> None:
    """A setting that boto3 cannot find raises ImproperlyConfigured with the cure."""
    with pytest.raises(ImproperlyConfigured, match=said):
        get_kvstore(uri).get("key")


def test_credentials(endpoint: str) -> None:
    """Credentials in the URI override those of the environment, and are percent-decoded."""
    backend: Any = make_backend(
        f"dynamodb://me:a%2Fb%40@store?region=eu-west-1&endpoint_url={endpoint}"
    )
    found = backend.client._request_signer._credentials
    assert (found.access_key, found.secret_key) == ("me", "a/b@")
    assert backend.client.meta.region_name == "eu-west-1"
    other: Any = make_backend(f"dynamodb://store?region=eu-west-1&endpoint_url={endpoint}")
    assert other.client._request_signer._credentials.access_key == "nobody"


def test_damaged_items(uri: str) -> None:
    """An item without its attributes raises EIO with a name."""
    store, storage = get_kvstore(uri), KeyValueStorage(uri)
    client, table = make_backend(uri).client, uri.partition("://")[2].partition("?")[0]
    store.set("a", 1)
    storage.save("d/a", ContentFile(b"content"))
    places = [("kvstore:v:a", "=", "body"), ("kvstore:d:d", "/a", "meta")]
    for place, entry, attribute in places:
        client.update_item(
            TableName=table,
            Key={"place": {"S": place}, "entry": {"S": entry}},
            UpdateExpression=f"REMOVE {attribute} SET expires = :text",
            ExpressionAttributeValues={":text": {"S": "soon"}},
        )
    for use, name in [
        *((partial(store.get, "a"), "a"), (partial(store.get_many, ["a"]), "a")),
        *((partial(store.has_key, "a"), "a"), (partial(storage.open, "d/a"), "d/a")),
        *((partial(storage.size, "d/a"), "d/a"), (partial(storage.listdir, "d"), "d")),
    ]:
        with pytest.raises(OSError, match="damaged") as info:
            use()
        assert (info.value.errno, info.value.filename) == (errno.EIO, name)
