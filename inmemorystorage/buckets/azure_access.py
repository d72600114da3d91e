"""
Access to Azure's Blob service: shared keys, bearer tokens, and shared access signatures (SAS).

A SAS is verified with the account's key, if that is known here, and with user delegation keys,
which this module issues. Other signatures are taken as valid.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from calendar import timegm
from collections.abc import Mapping
from typing import NamedTuple

from .azure_call import AzureError, Call, unsupported
from .http import Response
from .xml import element, xml_response

_SHARED_KEY = re.compile(r"SharedKey(Lite)? (?P<account>[^:]+):[A-Za-z0-9+/]{43}=")
_SECRET = b"in-memory"
_DELEGATION = ("skoid", "sktid", "skt", "ske", "sks", "skv")
_DATES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d")
# The parameters of a SAS: "Create a service SAS", "… an account SAS", "… a user delegation SAS".
PARAMETERS = frozenset({
    *("sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "si", "sig", "ses", "sdd"),
    *("rscc", "rscd", "rsce", "rscl", "rsct", "saoid", "suoid", "scid", "skdutid", "sduoid"),
    *_DELEGATION,
})  # fmt: skip
OVERRIDES = {
    "rscc": "cache-control",
    "rscd": "content-disposition",
    "rsce": "content-encoding",
    "rscl": "content-language",
    "rsct": "content-type",
}


class Needed(NamedTuple):
    """
    The rights that a request needs.

    :param level: ``"service"``, ``"container"`` or ``"blob"``.
    :param permissions: those of an account's SAS, one of which is needed.
    :param delegated: those of a SAS for a container or a blob.
    """

    level: str
    permissions: str
    delegated: str


def check_access(call: Call, needed: Needed) -> None:
    """Raise unless a request is authorized."""
    sent = call.headers.get("authorization", "")
    if "sig" in call.query:
        _check_sas(call, needed)
    elif sent.startswith("SharedKey"):
        signed, account = _SHARED_KEY.fullmatch(sent), call.address.account
        # A custom domain does not name its account.
        if signed is None or ("." not in account and signed["account"] != account):
            raise AzureError("AuthenticationFailed")
    elif not sent.startswith("Bearer ") and not _is_public(call, needed):
        # The challenge is for clients alone, which name a version.
        is_reader = call.request.method in ("GET", "HEAD") and "x-ms-version" not in call.headers
        raise AzureError("ResourceNotFound" if is_reader else "NoAuthenticationInformation")


def _is_public(call: Call, needed: Needed) -> bool:
    """Return whether anyone may send a request: "Set Container ACL"."""
    if call.request.method not in ("GET", "HEAD"):
        return False
    container = call.buckets.get(call.address.bucket)
    access = container.properties.get("access") if container is not None else None
    if call.blob:
        return bool(access) or call.buckets.is_public(call.address.bucket)
    return access == "container" and bool(needed.permissions)


def _check_sas(call: Call, needed: Needed) -> None:
    query, level, permissions = call.query, needed.level, needed.delegated
    if {"sip", "srh", "srq"} & set(query):
        raise unsupported("a shared access signature with sip, srh or srq")
    if "srt" in query:
        _check_account_sas(call, level)
        permissions = needed.permissions
    elif query.get("sr") == "c" or (query.get("sr") == "b" and level == "blob"):
        query = _with_policy(call)
        _check_signature(call)
    elif query.get("sr") == "b":
        raise AzureError("AuthorizationResourceTypeMismatch")
    else:
        raise unsupported(f"a shared access signature with sr={query.get('sr')}")
    _check_limits(call, query)
    allowed = set(query.get("sp", "")) & set(permissions)
    if not allowed:
        raise AzureError("AuthorizationPermissionMismatch")
    if allowed == {"c"} and level == "blob" and call.existing is not None:
        raise AzureError("UnauthorizedBlobOverwrite")


def _check_limits(call: Call, query: Mapping[str, str]) -> None:
    """Raise outside of the time of a SAS, and for a protocol that it does not allow."""
    now = time.time()
    if not _moment(query.get("st", "1970-01-01")) <= now < _moment(query.get("se", "")):
        raise AzureError(
            "AuthenticationFailed",
            AuthenticationErrorDetail="Signature not valid in the specified time frame",
        )
    if query.get("spr") == "https" and not call.request.url.startswith("https:"):
        raise AzureError("AuthorizationProtocolMismatch")


def _with_policy(call: Call) -> dict[str, str]:
    """Return the parameters of a SAS, with those of its stored access policy."""
    name = call.query.get("si")
    if name is None:
        return call.query
    policies: Mapping[str, Mapping[str, str]] = call.container.properties.get("policies") or {}
    if name not in policies:
        raise AzureError("AuthenticationFailed")
    return {**policies[name], **call.query}


def _moment(text: str) -> float:
    for form in _DATES:
        try:
            return timegm(time.strptime(re.sub(r"\.\d+Z$", "Z", text), form))
        except ValueError:
            continue
    raise AzureError("AuthenticationFailed", AuthenticationErrorDetail=f"{text} is no date")


def _verify(call: Call, key: str, lines: list[str]) -> None:
    signed = _sign(key, "\n".join(lines))
    if not hmac.compare_digest(signed, call.query["sig"]):
        raise AzureError("AuthenticationFailed", AuthenticationErrorDetail="Signature did not "
                         f"match. String to sign used was {lines}")  # fmt: skip


def _sign(key: str, text: str) -> str:
    digest = hmac.digest(base64.b64decode(key), text.encode(), "sha256")
    return base64.b64encode(digest).decode()


def _check_account_sas(call: Call, level: str) -> None:
    """Check "Create an account SAS"."""
    query, key = call.query, call.key_of(call.address.account)
    if key is not None:
        names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
        if query.get("sv", "") >= "2020-12-06":
            names.append("ses")
        _verify(call, key, [call.address.account, *_values(query, *names), ""])
    if "b" not in query.get("ss", ""):
        raise AzureError("AuthorizationServiceMismatch")
    if {"service": "s", "container": "c", "blob": "o"}[level] not in query["srt"]:
        raise AzureError("AuthorizationResourceTypeMismatch")


def _check_signature(call: Call) -> None:
    """Check "Create a service SAS" and "Create a user delegation SAS", "Specify the signature"."""
    query, address = call.query, call.address
    version = query.get("sv", "")
    path = f"/blob/{address.account}/{address.container}"
    resource = f"{path}/{address.blob}" if query["sr"] == "b" else path
    lines = [*_values(query, "sp", "st", "se"), resource]
    is_delegated = "skoid" in query
    key = delegation_key(query) if is_delegated else call.key_of(address.account)
    lines += _delegated_values(query) if is_delegated else _values(query, "si")
    lines += _values(query, "sip", "spr", "sv")
    if version >= "2018-11-09":
        lines += [query["sr"], ""]  # no snapshot
    if version >= "2020-12-06":
        lines += _values(query, "ses")
    if is_delegated and version >= "2026-04-06":
        lines += ["", ""]  # no required headers and parameters
    if key is not None:
        _verify(call, key, [*lines, *_values(query, *OVERRIDES)])


def _values(query: Mapping[str, str], *names: str) -> list[str]:
    return [query.get(name, "") for name in names]


def _delegated_values(query: Mapping[str, str]) -> list[str]:
    values, version = _values(query, *_DELEGATION), query.get("sv", "")
    if version >= "2020-02-10":
        values += _values(query, "saoid", "suoid", "scid")
    if version >= "2025-07-05":
        values += _values(query, "skdutid", "sduoid")
    return values


def delegation_key(fields: Mapping[str, str]) -> str:
    """Return the key that a user delegation SAS with such parameters is signed with."""
    named = "\n".join(fields.get(name, "") for name in _DELEGATION)
    return base64.b64encode(hmac.digest(_SECRET, named.encode(), "sha256")).decode()


def get_delegation_key(call: Call) -> Response:
    """Answer Get User Delegation Key, which needs a bearer token."""
    if not call.headers.get("authorization", "").startswith("Bearer "):
        raise AzureError("AuthenticationFailed", AuthenticationErrorDetail="Only authentication "
                         "scheme Bearer is supported")  # fmt: skip
    root = call.xml()
    start, expiry = root.findtext("Start", ""), root.findtext("Expiry", "")
    if not _moment(start or "1970-01-01") < _moment(expiry) <= time.time() + 7 * 86400 + 60:
        raise AzureError("OutOfRangeInput")
    fields = {
        "SignedOid": "00000000-0000-0000-0000-000000000001",
        "SignedTid": "00000000-0000-0000-0000-000000000002",
        "SignedStart": start,
        "SignedExpiry": expiry,
        "SignedService": "b",
        "SignedVersion": call.headers.get("x-ms-version", ""),
    }
    value = delegation_key(dict(zip(_DELEGATION, fields.values(), strict=True)))
    elements = [element(name, each) for name, each in fields.items()]
    return xml_response(element("UserDelegationKey", *elements, element("Value", value)))
