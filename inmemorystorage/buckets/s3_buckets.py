"""Buckets of S3: list, create, describe and delete them."""

from __future__ import annotations

import re
from collections.abc import Callable

from .http import Response
from .s3_access import grants_of
from .s3_call import OWNER, Call
from .s3_errors import XMLNS, S3Error, parse_xml
from .s3_objects import iso_date
from .xml import element, xml_response

DEFAULT_REGION = "us-east-1"
MAX_BUCKETS = 10_000
# "General purpose bucket naming rules" in the user guide.
_NAME = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-|\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    r"(?<!-an)(?<!-s3alias)(?<!--ol-s3)(?<!\.mrap)(?<!--x-s3)(?<!--table-s3)"
)


def list_buckets(call: Call) -> Response:
    """Answer ListBuckets, page by page."""
    prefix, limit = call.query.get("prefix", ""), call.number("max-buckets", MAX_BUCKETS)
    after, region = call.query.get("continuation-token", ""), call.query.get("bucket-region", "")
    names = [
        name
        for name in call.buckets.keys
        if name.startswith(prefix) and name > after and region in ("", region_of(call, name))
    ]
    buckets = [
        element(
            "Bucket",
            element("Name", name),
            element("CreationDate", iso_date(call.buckets[name].created)),
            element("BucketRegion", region_of(call, name)),
        )
        for name in names[:limit]
    ]
    body = element(
        "ListAllMyBucketsResult",
        element("Owner", element("ID", OWNER)),
        element("Buckets", *buckets),
        element("ContinuationToken", names[limit - 1]) if len(names) > limit else None,
        element("Prefix", prefix) if prefix else None,
        xmlns=XMLNS,
    )
    return xml_response(body)


def region_of(call: Call, name: str) -> str:
    """Return the region of a bucket: where it was created, otherwise that of the host."""
    bucket = call.buckets.get(name)
    created = None if bucket is None else bucket.properties.get("region")
    return created or call.region or DEFAULT_REGION


def create_bucket(call: Call) -> Response:
    """Answer CreateBucket; an existing one is an error outside of us-east-1 alone."""
    if not _NAME.fullmatch(call.bucket_name):
        raise S3Error("InvalidBucketName", BucketName=call.bucket_name)
    root = parse_xml(call.content) if call.content else None
    region = root.findtext("LocationConstraint") if root is not None else None
    grants = grants_of(call.headers)
    if call.bucket_name in call.buckets:
        if (region or call.region or DEFAULT_REGION) != DEFAULT_REGION:
            raise S3Error("BucketAlreadyOwnedByYou", BucketName=call.bucket_name)
        bucket = call.bucket
    else:
        bucket = call.buckets.create(call.bucket_name)
        bucket.properties.put("region", region or call.region or DEFAULT_REGION)
    bucket.properties.put("acl", grants)
    return Response(200, {"location": f"/{call.bucket_name}"})


def head_bucket(call: Call) -> Response:
    """Answer HeadBucket."""
    assert call.listed_bucket is not None
    region = {"x-amz-bucket-region": region_of(call, call.bucket_name)}
    return Response(200, {**region, "content-type": "application/xml"})


def delete_bucket(call: Call) -> Response:
    """Answer DeleteBucket."""
    if len(call.bucket.objects):
        raise S3Error("BucketNotEmpty", BucketName=call.bucket_name)
    call.buckets.remove(call.bucket_name)
    return Response(204)


def get_location(call: Call) -> Response:
    """Answer GetBucketLocation: us-east-1 is an empty element."""
    assert call.bucket is not None
    region = region_of(call, call.bucket_name)
    named = "" if region == DEFAULT_REGION else region
    return xml_response(element("LocationConstraint", named, xmlns=XMLNS))


# The settings of a bucket that was never configured, by the reference's page for each request.


def unset(code: str) -> Callable[[Call], Response]:
    """Return a function that answers a request for something that a bucket does not have."""

    def refuse(call: Call) -> Response:
        assert call.bucket is not None
        raise S3Error(code, BucketName=call.bucket_name)

    return refuse


def default(document: str, name: str = "", value: str = "") -> Callable[[Call], Response]:
    """Return a function that answers a request for a setting, with its default."""

    def answer(call: Call) -> Response:
        assert call.bucket is not None
        return xml_response(element(document, element(name, value) if name else None, xmlns=XMLNS))

    return answer
