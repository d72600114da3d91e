"""A store in a domain of SimpleDB: on an extended moto, and against botocore's description."""

from __future__ import annotations

import base64
import errno
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from engines.aws import INSTALLED, account

from inmemorystorage.kvstore import get_kvstore
from inmemorystorage.kvstore.conformance import StoreConformance
from inmemorystorage.kvstore.connections import make_backend, reporting

if not INSTALLED:
    pytest.skip("boto3 and moto[server] are not installed", allow_module_level=True)

from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.sdb.responses import SimpleDBResponse

# SimpleDB documents this error, but botocore's description lacks it.
UNDESCRIBED = pytest.mark.filterwarnings("ignore:Exception.ConditionalCheckFailed:UserWarning")
pytestmark = [pytest.mark.once, UNDESCRIBED]
SERVICE = "sdb"


class ConditionalCheckFailed(ServiceException):
    """SimpleDB's error for a condition that is not met."""

    code = "ConditionalCheckFailed"
    message = "Conditional check failed. Attribute (count) value exists"


class CompleteResponse(SimpleDBResponse):
    """
    Deleting and conditions, which moto lacks, as in SimpleDB's API reference.

    https://docs.aws.amazon.com/AmazonSimpleDB/latest/DeveloperGuide/SDB_API_PutAttributes.html
    https://docs.aws.amazon.com/AmazonSimpleDB/latest/DeveloperGuide/SDB_API_DeleteAttributes.html
    """

    def put_attributes(self) -> ActionResult:
        """Put attributes together, unless one exists that must not."""
        item = self._item()
        with item.lock:
            expected = self._get_param("Expected")
            if expected and item.get_attributes([expected["Name"]]):
                assert expected["Exists"] is False
                raise ConditionalCheckFailed()
            attributes = self._get_param("Attributes")
            assert len(attributes) <= 256
            assert all(len(each["Value"].encode()) <= 1024 for each in attributes)
            assert all(each["Replace"] for each in attributes)
            new = {each["Name"]: each for each in [*item.attributes, *attributes]}
            item.attributes = [*new.values()]
        return EmptyResult()

    def delete_attributes(self) -> ActionResult:
        """Delete an item with its attributes; do nothing if it is missing."""
        assert not self._get_param("Attributes")
        item = self._item()
        with item.lock:
            item.attributes = []
        return EmptyResult()

    def _item(self) -> Any:
        domain = self.sdb_backend._get_domain(self._get_param("DomainName"))
        return domain.items[self._get_param("ItemName")]


class TestSimpleDB(StoreConformance):
    """A domain on the extended moto."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _started(cls, uri: str) -> Iterator[None]:
        cls.uri = uri
        with pytest.MonkeyPatch.context() as patch:
            for name in ["put_attributes", "delete_attributes", "_item"]:
                patch.setattr(SimpleDBResponse, name, vars(CompleteResponse)[name], raising=False)
            yield


def test_moto_alone(uri: str) -> None:
    """An unmodified moto stores a value, replaces it by a shorter one, and returns it."""
    store = get_kvstore(uri)
    for value in ["short", b"long" * 10_000, "shorter", ""]:
        store.set("key", value)
        assert (store.get("key"), store.has_key("key")) == (value, True)
    assert store.get("other") is None


def test_command_makes_the_domain_once(endpoint: str) -> None:
    """The command makes the domain, and reports a domain that exists."""
    uri, said = f"simpledb://once?region=us-east-1&endpoint_url={endpoint}", StringIO()
    call_command("createkvstoretable", uri, uri, stdout=said)
    assert said.getvalue().splitlines() == [
        "simpledb://once: made the domain once.",
        "simpledb://once: exists already.",
    ]


def test_missing_domain_has_its_cure(endpoint: str) -> None:
    """A missing domain raises OSError with the command that makes it."""
    store = get_kvstore(f"sdb://missing?region=us-east-1&endpoint_url={endpoint}")
    with pytest.raises(OSError, match=r"createkvstoretable 'sdb://missing\?"):
        store.get("key")


class TestRequests:
    """Requests to SimpleDB, checked against botocore's description of the service."""

    @pytest.fixture
    def backend(self) -> Iterator[Any]:
        """Return a backend with its own client."""
        with account():
            yield make_backend("sdb://store?region=us-east-1")

    @pytest.fixture
    def stub(self, backend: Any) -> Iterator[Stubber]:
        """Return the stub that answers the requests in order."""
        with Stubber(backend.client) as stub:
            yield stub
            stub.assert_no_pending_responses()

    PUT = {  # noqa: RUF012
        "DomainName": "store",
        "ItemName": "key",
        "Attributes": [
            {"Name": "count", "Value": "2", "Replace": True},
            {"Name": "0", "Value": base64.b64encode(b"x" * 768).decode(), "Replace": True},
            {"Name": "1", "Value": "eQ==", "Replace": True},
        ],
    }

    def test_set(self, backend: Any, stub: Stubber) -> None:
        """set() puts attributes of 1024 bytes in one request."""
        stub.add_response("put_attributes", {}, self.PUT)
        backend.set("key", b"x" * 768 + b"y")

    def test_add(self, backend: Any, stub: Stubber) -> None:
        """add() requires a missing value, returns False otherwise, and raises other errors."""
        asked = self.PUT | {"Expected": {"Name": "count", "Exists": False}}
        stub.add_response("put_attributes", {}, asked)
        stub.add_client_error("put_attributes", "ConditionalCheckFailed", expected_params=asked)
        stub.add_client_error("put_attributes", "ServiceUnavailable", expected_params=asked)
        assert backend.add("key", b"x" * 768 + b"y") is True
        assert backend.add("key", b"x" * 768 + b"y") is False
        with pytest.raises(ClientError, match="ServiceUnavailable"):
            backend.add("key", b"x" * 768 + b"y")

    def test_delete(self, backend: Any, stub: Stubber) -> None:
        """delete() deletes the item with all attributes."""
        stub.add_response("delete_attributes", {}, {"DomainName": "store", "ItemName": "key"})
        backend.delete("key")

    def test_get(self, backend: Any, stub: Stubber) -> None:
        """get() reads consistently, and ignores attributes of a previous, longer value."""
        asked = {"DomainName": "store", "ItemName": "key", "ConsistentRead": True}
        names = {"1": "eQ==", "7": "left", "count": "2", "0": base64.b64encode(b"x" * 768).decode()}
        found = {"Attributes": [{"Name": name, "Value": text} for name, text in names.items()]}
        stub.add_response("get_attributes", found, asked)
        stub.add_response("get_attributes", {}, asked)
        assert backend.get("key") == b"x" * 768 + b"y"
        assert backend.get("key") is None

    def test_a_full_domain(self, backend: Any, stub: Stubber) -> None:
        """A full domain raises ENOSPC."""
        stub.add_client_error("put_attributes", "NumberDomainBytesExceeded")
        uri = "sdb://store?region=us-east-1"
        error = pytest.raises(OSError, match="NumberDomainBytesExceeded")
        with error as raised, reporting(uri, "key") as other:
            other.set("key", b"value")
        assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize(("name", "value"), [("count", "9"), ("count", "many"), ("0", "=")])
def test_damaged_attributes(uri: str, name: str, value: str) -> None:
    """A value whose attributes are damaged raises EIO with its key, and can be replaced."""
    store = get_kvstore(uri)
    store.set("damaged", "x" * 2000)
    make_backend(uri).client.put_attributes(
        DomainName="store",
        ItemName="kvstore:v:damaged",
        Attributes=[{"Name": name, "Value": value, "Replace": True}],
    )
    with pytest.raises(OSError, match=r"damaged.*'damaged'") as info:
        store.get("damaged")
    assert info.value.errno == errno.EIO
    store.set("damaged", 1)
    assert store.get("damaged") == 1
