"""
The access control lists of S3's buckets and objects.

They are stored and sent, and those of objects allow reading without a signature:
"Access control list (ACL) overview" in the user guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from .http import Response
from .s3_call import OWNER, Call
from .s3_errors import XMLNS, S3Error, parse_xml, unsupported
from .xml import Markup, element, xml_response

# Grantees, which are groups by URL or accounts by ID, and their permissions.
Grants = tuple[tuple[str, str], ...]
_GROUPS = "http://acs.amazonaws.com/groups/"
_EVERYONE, _SIGNED_IN = f"{_GROUPS}global/AllUsers", f"{_GROUPS}global/AuthenticatedUsers"
_LOGS = f"{_GROUPS}s3/LogDelivery"
_OWNERS: Grants = ((OWNER, "FULL_CONTROL"),)
_CANNED: dict[str, Grants] = {
    "private": (),
    "public-read": ((_EVERYONE, "READ"),),
    "public-read-write": ((_EVERYONE, "READ"), (_EVERYONE, "WRITE")),
    "authenticated-read": ((_SIGNED_IN, "READ"),),
    "aws-exec-read": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "log-delivery-write": ((_LOGS, "WRITE"), (_LOGS, "READ_ACP")),
}
_PERMISSIONS = {"FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"}
_GRANTEE = re.compile(r'\s*(id|uri)="?([^",]+)"?\s*')
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type='


def grants_of(headers: Mapping[str, str]) -> Grants:
    """Return the grants that headers name: a canned ACL, or one header for each permission."""
    canned = headers.get("x-amz-acl", "private")
    if canned not in _CANNED:
        raise S3Error("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
    named = [each for each in headers if each.startswith("x-amz-grant-")]
    if not named:
        return _OWNERS + _CANNED[canned]
    if "x-amz-acl" in headers:
        message = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise S3Error("InvalidRequest", message)
    return tuple(grant for name in named for grant in _granted(name, headers[name]))


def _granted(name: str, value: str) -> list[tuple[str, str]]:
    permission = name.removeprefix("x-amz-grant-").upper().replace("-", "_")
    grants: list[tuple[str, str]] = []
    for each in value.split(","):
        grantee = _GRANTEE.fullmatch(each)
        if grantee is None:
            raise unsupported(f"the grantee {each.strip()!r} in {name}")
        grants.append((grantee[2], permission))
    return grants


def is_public(call: Call) -> bool:
    """Return whether a request reads an object that anyone may read."""
    if call.request.method not in ("GET", "HEAD") or not call.key:
        return False
    stored = call.bucket.objects.get(call.key)
    is_granted = stored is not None and (_EVERYONE, "READ") in stored.attributes.acl
    return is_granted or call.buckets.is_public(call.bucket_name)


def _sent_grants(call: Call) -> Grants:
    """Return the grants that a request sets, in headers or in a document."""
    if not call.content:
        return grants_of(call.headers)
    grants: list[tuple[str, str]] = []
    for each in parse_xml(call.content).iter("Grant"):
        grantee = each.findtext("Grantee/URI") or each.findtext("Grantee/ID")
        if grantee is None:
            raise unsupported("an ACL with another grantee than an ID or a URI")
        permission = each.findtext("Permission", "")
        if permission not in _PERMISSIONS:
            raise S3Error("MalformedACLError")
        grants.append((grantee, permission))
    return tuple(grants)


def _document(grants: Grants) -> Response:
    owner = element("Owner", element("ID", OWNER))
    listed = element("AccessControlList", *(_grant(*each) for each in grants))
    return xml_response(element("AccessControlPolicy", owner, listed, xmlns=XMLNS))


def _grant(grantee: str, permission: str) -> Markup:
    name, kind = ("URI", "Group") if "://" in grantee else ("ID", "CanonicalUser")
    named = element(name, grantee)
    marked = Markup(f'<Grantee {_XSI}"{kind}">{named}</Grantee>')
    return element("Grant", marked, element("Permission", permission))


def get_object_acl(call: Call) -> Response:
    """Answer GetObjectAcl."""
    return _document(call.stored.attributes.acl)


def put_object_acl(call: Call) -> Response:
    """Answer PutObjectAcl: a canned ACL, grants in headers, or a document."""
    stored = call.stored
    attributes = replace(stored.attributes, acl=_sent_grants(call))
    call.bucket.objects.put(call.key, replace(stored, attributes=attributes))
    return Response()


def get_bucket_acl(call: Call) -> Response:
    """Answer GetBucketAcl."""
    return _document(call.bucket.properties.get("acl") or _OWNERS)


def put_bucket_acl(call: Call) -> Response:
    """Answer PutBucketAcl."""
    call.bucket.properties.put("acl", _sent_grants(call))
    return Response()
