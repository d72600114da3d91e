"""A store that keeps entries, and of values only that they were set: for contents of any length."""

from inmemorystorage.kvstore.backends import locmem


class StorageClass(locmem.LocmemBackend):
    """Memory without the values."""

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Store nothing."""
