"""`KeyValueStorage`."""

from django.core.files.storage import Storage


class KeyValueStorage(Storage):
    """To come."""
