"""A backend that keeps entries but no values, for content of any length."""

from inmemorystorage.kvstore.backends import locmem


class StorageClass(locmem.LocmemBackend):
    """A locmem backend without values."""

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Store nothing."""
