"""Signed URLs of Google Cloud Storage, and a key to sign them with."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from threading import Lock

EMAIL = "in-memory@in-memory.iam.gserviceaccount.com"
# RFC 8017, section 9.2, note 1: the algorithm SHA-256, in DER.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_EXPONENT = 65537
_HALF = 512  # bits; no secret depends on it


@dataclass(frozen=True)
class Key:
    """An RSA key that signs as RFC 8017 says in section 8.2 (RSASSA-PKCS1-v1_5)."""

    first: int
    second: int

    @property
    def modulus(self) -> int:
        """Return the public part."""
        return self.first * self.second

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        padded = self._padded(message)
        # RFC 8017, section 5.1.2: by the primes, which is four times as fast.
        first, second = (
            pow(padded, pow(_EXPONENT, -1, prime - 1), prime) for prime in (self.first, self.second)
        )
        quotient = (first - second) * pow(self.second, -1, self.first) % self.first
        return (second + quotient * self.second).to_bytes(_HALF // 4, "big")

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature is the key's for a message."""
        number = int.from_bytes(signature, "big")
        return pow(number, _EXPONENT, self.modulus) == self._padded(message)

    def _padded(self, message: bytes) -> int:
        digest = _SHA256 + hashlib.sha256(message).digest()
        padding = b"\xff" * (_HALF // 4 - 3 - len(digest))
        return int.from_bytes(b"\0\1" + padding + b"\0" + digest, "big")


_lock = Lock()
_made: list[Key] = []


def invented_key() -> Key:
    """Return the key of this process, which is made when something is signed."""
    with _lock:
        if not _made:
            _made.append(Key(_prime(), _prime()))
        return _made[0]


def _prime() -> int:
    """Return a number that is a prime, but for a chance that does not matter here."""
    while True:
        number = secrets.randbits(_HALF) | 3 << _HALF - 2 | 1
        if number % _EXPONENT != 1 and pow(2, number - 1, number) == 1:
            return number
