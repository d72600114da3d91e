"""Read and mask the URI of a store: ``scheme://store?parameters``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ImproperlyConfigured

from ..options import hint

# The parameters that every store takes; a backend adds its own.
COMMON = ("namespace", "serializer")

_SCHEME = re.compile(r"[A-Za-z_][\w+.-]*").fullmatch
# An IPv6 address, or a colon before something other than a port: maybe a password without its @.
_NO_PORT = re.compile(r"(\[[^]]*\])|:(?!\d*(?:[;/]|$))[^;/]*")


@dataclass(frozen=True)
class Uri:
    """
    The parts of a URI.

    Only ``store`` contains credentials; ``str()`` and ``repr()`` hide them.

    :param scheme: the engine, or the dotted path of a third party's backend.
    :param store: the text between ``://`` and ``?``, still percent-encoded.
    :param parameters: the query after ``?``, decoded.
    """

    scheme: str
    store: str
    parameters: Mapping[str, str] = field(hash=False)

    @property
    def place(self) -> str:
        """Return ``store`` without its credentials."""
        return self.store.rpartition("@")[2]

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """Return the user and the password, decoded; ``None`` for each that is missing."""
        user, colon, password = self.store.rpartition("@")[0].partition(":")
        return unquote(user) or None, unquote(password) if colon else None

    def hosts(self, default_port: int) -> list[tuple[str, int]]:
        """
        Return the hosts and ports of ``host:port;host:port``, up to the first slash.

        Raises ``ImproperlyConfigured`` if a host is missing, or if a port is not a number from
        1 to 65535.
        """
        hosts = [each for each in self.place.partition("/")[0].split(";") if each]
        if not hosts:
            raise ImproperlyConfigured(f"{self} names no host: write {self.scheme}://host:port.")
        return [self._host(each, default_port) for each in hosts]

    def _host(self, text: str, default_port: int) -> tuple[str, int]:
        host, _, port = text.rpartition("]")[2].partition(":")
        if text.startswith("["):  # an IPv6 address
            host = text[1:].partition("]")[0]
        if not host:
            raise ImproperlyConfigured(f"{self} has a port with no host before it.")
        number = port or str(default_port)
        if not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
            raise ImproperlyConfigured(
                f"{self}: the port of {unquote(host)!r} must be a number from 1 to 65535."
            )
        return unquote(host), int(number)

    def options(self, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
        """
        Return the parameters, each converted by the function that ``known`` has for its name.

        Raises ``ImproperlyConfigured`` for an unknown parameter, or if the conversion fails.
        """
        return {name: self._option(name, text, known) for name, text in self.parameters.items()}

    def _option(self, name: str, text: str, known: Mapping[str, Callable[[str], Any]]) -> Any:
        if name not in known:
            names = sorted([*known, *COMMON])
            raise ImproperlyConfigured(
                f"{self} has no parameter {name!r}.{hint(name, names)} It has {', '.join(names)}."
            )
        try:
            return known[name](text)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{self} cannot take the parameter {name}={text!r}: {error}"
            ) from None

    def __str__(self) -> str:
        return f"{self.scheme}://{_NO_PORT.sub(_shown, self.place)}"

    def __repr__(self) -> str:
        return f"<Uri: {self}>"


def _shown(match: re.Match[str]) -> str:
    return match[1] or ":***"


def parse(uri: str) -> Uri:
    """
    Split ``scheme://store?parameters`` into its parts.

    Raises ``ImproperlyConfigured`` for text of any other form. The message never contains that
    text, which may include a password.
    """
    return _parse(uri if isinstance(uri, str) else "")


@lru_cache(maxsize=256)
def _parse(uri: str) -> Uri:
    scheme, separator, rest = uri.partition("://")
    if not separator or not _SCHEME(scheme):
        raise ImproperlyConfigured(
            "The URI of a key-value store is written scheme://store?parameters, as in "
            "redis://127.0.0.1:6379/0; the given one has no scheme."
        )
    store, _, query = rest.partition("?")
    if "@" in query:  # the text before it may be a password
        raise ImproperlyConfigured(
            f"The URI {scheme}:// has an @ after a question mark: write ? as %3F in a password, "
            "and @ as %40 in a parameter."
        )
    # RFC 3986, section 3.1: a scheme ignores case; a dotted path does not.
    scheme = scheme if "." in scheme else scheme.lower()
    return Uri(scheme, store, dict(parse_qsl(query, keep_blank_values=True)))


class MaskedUri(str):
    """The text of a URI whose ``repr``, and so a traceback's variables, hides its credentials."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(without_credentials(self))


def with_namespace(uri: str, namespace: str) -> str:
    """Return a URI with its namespace replaced."""
    parse(uri)
    store, _, query = uri.partition("?")
    others = [pair for pair in query.split("&") if pair and not pair.startswith("namespace=")]
    return f"{store}?{'&'.join([*others, f'namespace={namespace}'])}"


def without_credentials(uri: str) -> str:
    """Return a URI without its user and password."""
    parsed = parse(uri)
    _, separator, query = uri.partition("?")
    return f"{parsed}{separator}{query}"


def yes_or_no(text: str) -> bool:
    """Read a parameter that is on or off; raise ``ValueError`` for other text."""
    answers = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in answers:
        raise ValueError("it must be 1 or 0.")
    return answers[text.lower()]


def seconds(text: str) -> float:
    """Read a parameter that is a time in seconds; raise ``ValueError`` for other text."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 < number < float("inf"):
        raise ValueError("it must be a number of seconds greater than 0.")
    return number
