"""``dynamodb://table?region=&endpoint_url=``: a table of Amazon DynamoDB, through boto3."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .aws import AwsBackend, attempts, code_of, codes_of
from .base import Entry, Inserted, batches, decoded

# A sort key cannot be empty: values have this one, and entries their name after a slash.
_VALUE = "="
_ENTRY = "/"

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_READ_AT_ONCE = 100
_WRITTEN_AT_ONCE = 25

_ABSENT = "attribute_not_exists(place)"
_REFUSED = "ConditionalCheckFailedException"
_FAILED = "ConditionalCheckFailed"
_CONFLICTS = {"TransactionConflict", "TransactionConflictException"}

_SCHEMA = {
    "AttributeDefinitions": [
        {"AttributeName": "place", "AttributeType": "S"},
        {"AttributeName": "entry", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "place", "KeyType": "HASH"},
        {"AttributeName": "entry", "KeyType": "RANGE"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}

_Item = dict[str, dict[str, Any]]


class DynamoDBBackend(AwsBackend):
    """
    A store in a table, which ``manage.py createkvstoretable`` makes.

    A key or a directory is a partition; the names in a directory are its sort keys. All reads are
    consistent reads.
    """

    service = "dynamodb"
    # A sort key may have 1024 bytes; an item 400 KB, including its keys and names.
    key_max = 1000
    value_max = 400_000
    # A page of a listing covers 1 MB of entries, including their bodies, which are not sent.
    body_max = 4096
    adds = has_entries = lists_entries = True

    def get(self, key: str) -> bytes | None:
        return decoded(_value, self._get(key, "body, expires"))

    def has_key(self, key: str) -> bool:
        found = self._get(key, "place, expires")
        return found is not None and not decoded(_is_expired, found)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        items = self._read([_key(key) for key in dict.fromkeys(keys)], "place, body, expires")
        found = {item["place"]["S"]: decoded(_value, item) for item in items}
        return [found.get(key) for key in keys]

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self._put(_value_item(key, value, ttl))

    def set_many(self, values: Iterable[tuple[str, bytes]], ttl: float | None = None) -> None:
        items = ((key, _value_item(key, value, ttl)) for key, value in values)
        self._write((key, {"PutRequest": {"Item": item}}) for key, item in items)

    def add(self, key: str, value: bytes) -> bool:
        condition = f"{_ABSENT} OR expires <= :now"
        return self._put(_value_item(key, value), condition, {":now": _now()})

    def delete(self, key: str) -> None:
        self.client.delete_item(TableName=self.store, Key=_key(key))

    def delete_many(self, keys: Iterable[str]) -> None:
        self._write((key, {"DeleteRequest": {"Key": _key(key)}}) for key in keys)

    def read_entries(
        self, places: Sequence[tuple[str, str]], *, bodies: bool = True
    ) -> list[Entry | None]:
        keys = [_entry_key(*place) for place in dict.fromkeys(places)]
        wanted = "place, entry, meta" + (", body" if bodies else "")
        found = {
            (item["place"]["S"], _name(item)): decoded(_entry, item)
            for item in self._read(keys, wanted)
        }
        return [found.get(place) for place in places]

    def insert_entry(
        self, directory: str, name: str, entry: Entry, *, marker: str | None
    ) -> Inserted:
        item = _entry_item(directory, name, entry)
        if marker is None:
            return Inserted.DONE if self._put(item, _ABSENT) else Inserted.TAKEN
        return self._insert(item, _entry_key(directory, marker))

    def replace_entry(self, directory: str, name: str, meta: bytes, entry: Entry) -> bool:
        return self._put(_entry_item(directory, name, entry), "meta = :old", {":old": {"B": meta}})

    def remove_entry(self, directory: str, name: str, meta: bytes) -> bool:
        try:
            self._call(
                "delete_item",
                TableName=self.store,
                Key=_entry_key(directory, name),
                ConditionExpression="meta = :old",
                ExpressionAttributeValues={":old": {"B": meta}},
            )
        except ClientError as error:
            if code_of(error) != _REFUSED:
                raise
            return False
        return True

    def list_entries(self, directory: str) -> Iterator[tuple[str, bytes]]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.store,
            ConsistentRead=True,
            KeyConditionExpression="place = :place AND begins_with(entry, :slash)",
            ExpressionAttributeValues={":place": {"S": directory}, ":slash": {"S": _ENTRY}},
            ProjectionExpression="entry, meta",
        )
        return (
            (_name(item), decoded(_entry, item).meta) for page in pages for item in page["Items"]
        )

    def create(self) -> str | None:
        try:
            self.client.create_table(TableName=self.store, **_SCHEMA)
        except self.client.exceptions.ResourceInUseException:
            return None
        self.client.get_waiter("table_exists").wait(
            TableName=self.store, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
        )
        # Reads ignore expired items; this lets DynamoDB delete them.
        self.client.update_time_to_live(
            TableName=self.store,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
        )
        return f"the table {self.store}"

    def _get(self, key: str, wanted: str) -> _Item | None:
        found: _Item | None = self.client.get_item(
            TableName=self.store, Key=_key(key), ConsistentRead=True, ProjectionExpression=wanted
        ).get("Item")
        return found

    def _put(self, item: _Item, condition: str | None = None, values: _Item | None = None) -> bool:
        """Store an item; return whether its condition was met."""
        # boto3 repeats a request whose answer was lost: the claim identifies our own item.
        item["claim"] = {"B": uuid.uuid4().bytes}
        options: dict[str, Any] = {"TableName": self.store, "Item": item}
        if condition is not None:
            options["ConditionExpression"] = condition
            options["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values is not None:
            options["ExpressionAttributeValues"] = values
        try:
            self._call("put_item", **options)
        except ClientError as error:
            if code_of(error) != _REFUSED:
                raise
            found: _Item = error.response.get("Item", {})
            return found.get("claim") == item["claim"]
        return True

    def _insert(self, item: _Item, marker: _Item) -> Inserted:
        """Store an item unless it exists, if the marker exists, in one request."""
        check = {"TableName": self.store, "Key": marker}
        put = {"TableName": self.store, "Item": item, "ConditionExpression": _ABSENT}
        check["ConditionExpression"] = "attribute_exists(place)"
        try:
            self._call(
                "transact_write_items", TransactItems=[{"ConditionCheck": check}, {"Put": put}]
            )
        except ClientError as error:
            reasons = codes_of(error)[1:]
            if _FAILED not in reasons:
                raise
            return [Inserted.NO_DIRECTORY, Inserted.TAKEN][reasons.index(_FAILED)]
        return Inserted.DONE

    def _call(self, operation: str, **options: Any) -> None:
        """Make a request; retry it while it conflicts with another transaction."""
        turns = attempts(self.store)
        while True:
            next(turns)
            try:
                getattr(self.client, operation)(**options)
                return
            except ClientError as error:
                if _CONFLICTS.isdisjoint(codes_of(error)) or _FAILED in codes_of(error):
                    raise

    def _read(self, keys: list[_Item], wanted: str) -> Iterator[_Item]:
        """Yield the items that exist, with the wanted attributes."""
        for batch in batches(keys, _READ_AT_ONCE):
            options = {"ConsistentRead": True, "ProjectionExpression": wanted}
            left: dict[str, Any] = {self.store: {"Keys": batch, **options}}
            turns = attempts(self.store)
            while left:
                next(turns)
                answer = self.client.batch_get_item(RequestItems=left)
                yield from answer["Responses"].get(self.store, ())
                left = answer["UnprocessedKeys"]

    def _write(self, requests: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Put or delete the values of keys; of several requests for one key, make the last."""
        for batch in batches(requests, _WRITTEN_AT_ONCE):  # 10 MB at most, of 16 MB
            left = {self.store: [*dict(batch).values()]}
            turns = attempts(self.store)
            while left:
                next(turns)
                left = self.client.batch_write_item(RequestItems=left)["UnprocessedItems"]


def _key(key: str) -> _Item:
    return {"place": {"S": key}, "entry": {"S": _VALUE}}


def _entry_key(directory: str, name: str) -> _Item:
    return {"place": {"S": directory}, "entry": {"S": _ENTRY + name}}


def _value_item(key: str, value: bytes, ttl: float | None = None) -> _Item:
    item = _key(key) | {"body": {"B": value}}
    return item if ttl is None else item | {"expires": _now(ttl + 1)}


def _entry_item(directory: str, name: str, entry: Entry) -> _Item:
    key = _entry_key(directory, name)
    return key | {"meta": {"B": entry.meta}, "body": {"B": entry.body}}


def _now(later: float = 0) -> dict[str, str]:
    """Return a time in whole seconds, as DynamoDB's time to live requires."""
    return {"N": str(math.floor(time.time() + later))}


def _is_expired(item: _Item) -> bool:
    return "expires" in item and int(item["expires"]["N"]) <= time.time()


def _value(item: _Item | None) -> bytes | None:
    return None if item is None or _is_expired(item) else bytes(item["body"]["B"])


def _entry(item: _Item) -> Entry:
    return Entry(bytes(item["meta"]["B"]), bytes(item.get("body", {}).get("B", b"")))


def _name(item: _Item) -> str:
    name: str = item["entry"]["S"]
    return name[len(_ENTRY) :]
