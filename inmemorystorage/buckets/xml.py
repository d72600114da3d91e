"""XML, as object stores send and read it."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from .http import Response


class Markup(str):
    """Text that is XML already."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: str) -> Markup:
    """Return an XML element; children that are ``None`` are left out."""
    inner = (each if isinstance(each, Markup) else _text(each) for each in children)
    start = "".join([name, *(f" {key}={quoteattr(value)}" for key, value in attributes.items())])
    return Markup(f"<{start}>{''.join(inner)}</{name}>")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value), {"\r": "&#13;"})


def xml_response(
    body: Markup, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a document, and with headers besides its content type."""
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
    return Response(status, {"content-type": "application/xml", **(headers or {})}, document)


def parse_document(body: bytes) -> ElementTree.Element:
    """Return a document without namespaces; raise ``ElementTree.ParseError`` for anything else."""
    root = ElementTree.fromstring(body)
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root
