"""Keys as an engine takes them: in a namespace, and hashed where they do not fit."""

from __future__ import annotations

import hashlib

from .backends import Backend

# With what begins what is hashed.
HASHED = "sha256-"


def fit(backend: Backend, prefix: str, key: str) -> str:
    """
    Return ``prefix`` and a key as one key that the backend can take, another one for each key.

    :param prefix: of ASCII, and short; what it is for keeps keys of different kinds apart.
    """
    if not _fits(backend, prefix + key) or key.startswith(HASHED):
        key = HASHED + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return prefix + key


def _fits(backend: Backend, key: str) -> bool:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:  # of a lone surrogate
        return False
    if backend.key_max is not None and length > backend.key_max:
        return False
    return not backend.plain_keys or (key.isascii() and key.isprintable() and " " not in key)
