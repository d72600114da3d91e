"""``sdb://domain?region=``: a domain of Amazon SimpleDB, through boto3."""

from __future__ import annotations

import base64
from typing import Any

from botocore.exceptions import ClientError

from .aws import AwsBackend, code_of
from .base import decoded

# https://docs.aws.amazon.com/AmazonSimpleDB/latest/DeveloperGuide/SDBLimits.html
_ATTRIBUTE = 1024
_ATTRIBUTES = 256

# The attribute with the number of numbered attributes.
_COUNT = "count"


class SimpleDBBackend(AwsBackend):
    """
    A store in a domain, which ``manage.py createkvstoretable`` makes.

    SimpleDB stores text of up to 1024 bytes: a value is base64 in numbered attributes of an item.
    One request writes all of them; reads are consistent.
    """

    service = "sdb"
    key_max = 1024
    plain_keys = True  # an item's name must be valid in XML
    value_max = (_ATTRIBUTES - 1) * _ATTRIBUTE // 4 * 3
    adds = True

    def get(self, key: str) -> bytes | None:
        found = self.client.get_attributes(
            DomainName=self.store, ItemName=key, ConsistentRead=True
        ).get("Attributes", ())
        values = {each["Name"]: each["Value"] for each in found}
        if _COUNT not in values:
            return None
        return decoded(_value, values)

    def has_key(self, key: str) -> bool:
        found = self.client.get_attributes(
            DomainName=self.store, ItemName=key, AttributeNames=[_COUNT], ConsistentRead=True
        )
        return bool(found.get("Attributes"))

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self._put(key, value)

    def add(self, key: str, value: bytes) -> bool:
        try:
            self._put(key, value, Expected={"Name": _COUNT, "Exists": False})
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailed":
                raise
            return False
        return True

    def delete(self, key: str) -> None:
        self.client.delete_attributes(DomainName=self.store, ItemName=key)

    def create(self) -> str | None:
        pages = self.client.get_paginator("list_domains").paginate()
        if self.store in (name for page in pages for name in page.get("DomainNames", ())):
            return None
        self.client.create_domain(DomainName=self.store)
        return f"the domain {self.store}"

    def _put(self, key: str, value: bytes, **condition: Any) -> None:
        self.client.put_attributes(
            DomainName=self.store, ItemName=key, Attributes=_attributes(value), **condition
        )


def _value(values: dict[str, str]) -> bytes:
    """Return the value in attributes; a previous, longer value may have left more of them."""
    text = "".join(values[str(number)] for number in range(int(values[_COUNT])))
    return base64.b64decode(text)


def _attributes(value: bytes) -> list[dict[str, Any]]:
    """Return the attributes of a value, each of which replaces the existing one."""
    text = base64.b64encode(value).decode()
    parts = [text[start : start + _ATTRIBUTE] for start in range(0, len(text), _ATTRIBUTE)]
    values = {_COUNT: str(len(parts)), **{str(number): part for number, part in enumerate(parts)}}
    return [{"Name": name, "Value": each, "Replace": True} for name, each in values.items()]
