"""The common parts of requests to Google Cloud Storage: errors, names, resources, conditions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from ..exceptions import UnsupportedRequest
from .bucket import Bucket, Buckets, StoredObject
from .checksums import crc32c
from .http import Request, Response

Json = dict[str, Any]

JSON = "application/json; charset=UTF-8"
MAX_NAME = 1024  # "About Cloud Storage objects", "Naming considerations": bytes in UTF-8
OWNER = "user-in-memory@in-memory.iam.gserviceaccount.com"
PROJECT_NUMBER = "1"

# "HTTP status and error codes for JSON": the reason and the usual message of a status.
ERRORS: dict[int, tuple[str, str]] = {
    304: ("notModified", "Not Modified"),
    400: ("invalid", "Invalid Value"),
    401: ("required", "Login Required"),
    403: ("forbidden", "Forbidden"),
    404: ("notFound", "Not Found"),
    408: ("uploadBrokenConnection", "The request timed out"),
    409: ("conflict", "Conflict"),
    412: (
        "conditionNotMet",
        "At least one of the pre-conditions you specified did not hold.",
    ),
    416: ("requestedRangeNotSatisfiable", "Request range not satisfiable"),
    429: ("rateLimitExceeded", "The rate of requests is too high."),
    500: ("backendError", "Backend Error"),
    503: ("backendError", "Service Unavailable"),
}


class GcsError(Exception):
    """
    An error that Google Cloud Storage sends, by its HTTP status.

    :param message: replaces the usual one.
    :param reason: replaces the usual one in the JSON API; ``code`` in the XML API.
    """

    def __init__(self, status: int, message: str = "", reason: str = "", *, code: str = "") -> None:
        usual_reason, usual = ERRORS.get(status, ("backendError", "Backend Error"))
        self.status = status
        self.message = message or usual
        self.reason = reason or usual_reason
        self.code = code
        super().__init__(status, self.message)

    def response(self) -> Response:
        """Return the response, as "Error Response Format" describes it."""
        if self.status == 304:
            return Response(304)
        entry = {"message": self.message, "domain": "global", "reason": self.reason}
        error = {"code": self.status, "message": self.message, "errors": [entry]}
        return json_response({"error": error}, self.status)


def unsupported(what: str) -> UnsupportedRequest:
    """Return the error for a request that is not answered."""
    return UnsupportedRequest(
        f"Buckets in memory do not answer {what}. Use an emulator such as fake-gcs-server in this "
        "test."
    )


def json_response(document: Json, status: int = 200) -> Response:
    """Return a response with a document."""
    headers = {"content-type": JSON}
    if isinstance(document.get("etag"), str):
        headers["etag"] = document["etag"]
    return Response(status, headers, json.dumps(document).encode())


class Kind(NamedTuple):
    """A kind of request, with the parameters that it may have."""

    name: str
    handle: Callable[[Call], Response]
    parameters: frozenset[str] = frozenset()


# "Standard query parameters", and those that say how an object is sent.
_ANYWHERE = frozenset(
    {
        *("alt", "fields", "key", "oauth_token", "prettyPrint", "quotaUser", "userIp"),
        *("uploadType", "upload_id", "userProject"),
    }
)
_CONDITIONS = re.compile("if(Source)?(Meta)?[gG]eneration(Not)?Match")


@dataclass(frozen=True)
class Call:
    """
    A request, and what is read from it on the way.

    :param kind: its kind.
    :param names: the names in its path: a bucket, perhaps an object in it, and others.
    """

    buckets: Buckets
    request: Request
    kind: Kind
    names: tuple[str, ...]

    @property
    def bucket_name(self) -> str:
        """Return the name of the bucket."""
        return self.names[0]

    @property
    def key(self) -> str:
        """Return the name of the object."""
        return self.names[1]

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers."""
        return self.request.headers

    @cached_property
    def base(self) -> str:
        """Return the URL of the service."""
        scheme, host, *_ = urlsplit(self.request.url)
        return f"{scheme}://{host}"

    @property
    def bucket(self) -> Bucket:
        """Return the bucket."""
        return self.bucket_named(self.bucket_name)

    def bucket_named(self, name: str) -> Bucket:
        """Return a bucket."""
        bucket = self.buckets.get(name)
        if bucket is None:
            raise GcsError(404, "The specified bucket does not exist.")
        return bucket

    @property
    def stored(self) -> StoredObject:
        """Return the object, if it is of the generation that the request asks for."""
        return self.stored_at(self.bucket_name, self.key, self.query.get("generation"))

    def stored_at(self, bucket: str, key: str, generation: str | None = None) -> StoredObject:
        """Return an object of a bucket."""
        stored = self.bucket_named(bucket).objects.get(key)
        if stored is None or generation not in (None, str(stored.generation)):
            marked = f"#{generation}" if generation else ""
            raise GcsError(404, f"No such object: {bucket}/{key}{marked}")
        return stored

    @cached_property
    def document(self) -> Json:
        """Return the body, which is a JSON object or empty."""
        return parse_json(self.request.body)

    @property
    def is_full(self) -> bool:
        """Return whether the answer includes the ACL."""
        return self.query.get("projection") == "full"

    def refuse_unsupported(self) -> None:
        """Raise for the first parameter or header that asks for what is not done."""
        for name in self.query:
            is_known = name in self.kind.parameters or name in _ANYWHERE
            if not is_known and not _CONDITIONS.fullmatch(name):
                raise unsupported(f"{self.kind.name} with the parameter {name}")
        for name in self.headers:
            if name.startswith(("x-goog-encryption-", "x-goog-copy-source-encryption-")):
                raise unsupported(f"{self.kind.name} with the header {name}")

    def check(self, stored: StoredObject | None, *, source: bool = False) -> None:
        """
        Raise unless an object, or its absence, meets the conditions of the request.

        "Request preconditions": a condition that is not met is 412, or 304 if a reader asks for
        another generation than the one that it knows.
        """
        generation, metageneration, etag = "0", "0", ""
        if stored is not None:
            generation, metageneration = str(stored.generation), str(stored.metageneration)
            etag = etag_of(stored)
        prefix = "ifSource" if source else "if"
        for name, value in (("Generation", generation), ("Metageneration", metageneration)):
            wanted = self.query.get(f"{prefix}{name}Match")
            if wanted is not None and _number(wanted) != value:
                raise GcsError(412)
        headers = {} if source else self.headers
        if "if-match" in headers and headers["if-match"].strip('"') != etag:
            raise GcsError(412)
        for name, value in (("Generation", generation), ("Metageneration", metageneration)):
            unwanted = self.query.get(f"{prefix}{name}NotMatch")
            # "objects.insert": without a live object the condition is not met either.
            if unwanted is not None and (_number(unwanted) == value or stored is None):
                raise GcsError(self._unchanged)
        if headers.get("if-none-match", "").strip('"') in (etag or None, "*") and etag:
            raise GcsError(self._unchanged)

    @property
    def _unchanged(self) -> int:
        return 304 if self.request.method in ("GET", "HEAD") else 412


def _number(text: str) -> str:
    if not text.isdecimal():
        raise GcsError(400, f"Invalid value for a generation: {text}")
    return text


def parse_json(body: bytes) -> Json:
    """Return a JSON object; an empty one for no body."""
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except ValueError:
        raise GcsError(400, "Parse Error", "parseError") from None
    if not isinstance(document, dict):
        raise GcsError(400, "Parse Error", "parseError")
    return document


def check_name(name: str) -> None:
    """Raise unless an object may have a name: "About Cloud Storage objects"."""
    if not name:
        raise GcsError(400, "Required", "required")
    is_reserved = name in (".", "..") or name.startswith(".well-known/acme-challenge/")
    if len(name.encode()) > MAX_NAME or is_reserved or "\r" in name or "\n" in name:
        raise GcsError(400, f"Disallowed object name: {name!r}")


# Resources.

# The fields of an object that a client sets, and the headers that send them: "Objects" in the
# reference of the JSON API, "HTTP headers and query string parameters for XML API".
FIELDS = {
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "contentLanguage": "content-language",
    "contentType": "content-type",
    "customTime": "x-goog-custom-time",
    "storageClass": "x-goog-storage-class",
}

COMPONENTS = "x-goog-component-count"


def rfc3339(moment: float) -> str:
    """Return a moment as the JSON API writes it."""
    second, millisecond = divmod(int(moment * 1000), 1000)
    return f"{_written_second(second)}.{millisecond:03}Z"


@lru_cache(maxsize=64)  # the objects of a listing were often stored in a few seconds
def _written_second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, timezone.utc):%Y-%m-%dT%H:%M:%S}"


def etag_of(stored: StoredObject) -> str:
    """Return the entity tag: it identifies the content and the attributes."""
    return tag(stored.generation, stored.metageneration)


def tag(*numbers: int) -> str:
    """Return an entity tag that identifies numbers."""
    return base64.b64encode("/".join([f"{each:x}" for each in numbers]).encode()).decode()


def checksums(stored: StoredObject) -> dict[str, str]:
    """
    Return the checksums of an object, as they are sent.

    "Data validation and change detection": an object that was composed has no MD5 digest.
    """
    sums = {"crc32c": stored.checksums.get("crc32c") or crc32c(stored.content)}
    if "-" not in stored.etag:
        sums["md5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
    return sums


def links(call: Call, bucket: str, key: str) -> tuple[str, str]:
    """Return the URL of an object's resource, and the one of its content without a query."""
    path = f"storage/v1/b/{bucket}/o/{quote(key, safe='')}"
    return f"{call.base}/{path}", f"{call.base}/download/{path}"


def object_resource(
    call: Call, bucket: str, key: str, stored: StoredObject, *, is_full: bool = False
) -> Json:
    """Return the resource of an object: "Objects" in the reference."""
    attributes, sums = stored.attributes, checksums(stored)
    self_link, media_link = links(call, bucket, key)
    generation, created = str(stored.generation), rfc3339(stored.created)
    resource: Json = {
        "kind": "storage#object",
        "id": f"{bucket}/{key}/{generation}",
        "selfLink": self_link,
        "mediaLink": f"{media_link}?generation={generation}&alt=media",
        "name": key,
        "bucket": bucket,
        "generation": generation,
        "metageneration": str(stored.metageneration),
        "storageClass": "STANDARD",
        "size": str(len(stored.content)),
        "crc32c": sums["crc32c"],
        "etag": etag_of(stored),
        "timeCreated": created,
        "updated": rfc3339(stored.modified),
        "timeStorageClassUpdated": created,
        "timeFinalized": created,
    }
    if "md5" in sums:
        resource["md5Hash"] = sums["md5"]
    for name, header in FIELDS.items():
        if header in attributes.headers:
            resource[name] = attributes.headers[header]
    if attributes.metadata:
        resource["metadata"] = dict(attributes.metadata)
    if COMPONENTS in attributes.headers:
        resource["componentCount"] = int(attributes.headers[COMPONENTS])
    if is_full:
        resource["owner"] = {"entity": OWNER}
        resource["acl"] = [
            acl_resource(call, bucket, key, stored, *grant) for grant in grants_of(stored)
        ]
    return resource


# Access: "Predefined ACLs".

Grants = tuple[tuple[str, str], ...]
_TEAM = tuple(f"project-{name}-{PROJECT_NUMBER}" for name in ("owners", "editors", "viewers"))
_OWNED: Grants = ((OWNER, "OWNER"),)
_PROJECT: Grants = tuple(zip(_TEAM, ("OWNER", "OWNER", "READER"), strict=True))
_PREDEFINED: dict[str, Grants] = {
    "authenticatedRead": (*_OWNED, ("allAuthenticatedUsers", "READER")),
    "bucketOwnerFullControl": (*_OWNED, (_TEAM[0], "OWNER")),
    "bucketOwnerRead": (*_OWNED, (_TEAM[0], "READER")),
    "private": _OWNED,
    "projectPrivate": (*_PROJECT, *_OWNED),
    "publicRead": (*_OWNED, ("allUsers", "READER")),
}


def predefined(name: str) -> Grants:
    """Return the grants of a predefined ACL."""
    if name not in _PREDEFINED:
        raise GcsError(400, f"Invalid argument: {name}")
    return _PREDEFINED[name]


def grants_of(stored: StoredObject) -> Grants:
    """Return entities and roles; by default those of the bucket's project."""
    grants: Grants = stored.attributes.acl
    return grants or _PREDEFINED["projectPrivate"]


def acl_resource(
    call: Call, bucket: str, key: str, stored: StoredObject, entity: str, role: str
) -> Json:
    """Return the resource of an entry of an ACL: "ObjectAccessControls" in the reference."""
    resource = {
        "kind": "storage#objectAccessControl",
        "object": key,
        "generation": str(stored.generation),
        "id": f"{bucket}/{key}/{stored.generation}/{entity}",
        "selfLink": f"{links(call, bucket, key)[0]}/acl/{quote(entity, safe='')}",
        "bucket": bucket,
        "entity": entity,
        "role": role,
        "etag": etag_of(stored),
    }
    if entity.startswith("user-"):
        resource["email"] = entity.removeprefix("user-")
    return resource


# Partial responses: "Partial response" in "Performance tips".

_TOKEN = re.compile(r"[^(),/]+|[(),/]")


def select(document: Any, fields: str) -> Any:
    """Return the fields of a document that an expression such as ``items(name),kind`` names."""
    return _selected(document, _tree(_TOKEN.findall(fields)))


def _tree(tokens: list[str]) -> Json:
    tree: Json = {}
    branch = tree
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            break
        if token == "(":
            branch.update(_tree(tokens))
        elif token == ",":
            branch = tree
        elif token != "/":
            branch = branch.setdefault(token.strip(), {})
    return tree


def _selected(document: Any, tree: Json) -> Any:
    if not tree or "*" in tree:
        return document
    if isinstance(document, list):
        return [_selected(each, tree) for each in document]
    if not isinstance(document, dict):
        return document
    return {name: _selected(document[name], tree[name]) for name in tree if name in document}
