"""Objects that stand for a storage, which they find when it is needed."""

from __future__ import annotations

from typing import Any, cast

from django.core.files.storage import Storage
from django.utils.functional import LazyObject


def unwrapped(storage: Any) -> Storage:
    """Return a storage, of a lazy object what it stands for."""
    if isinstance(storage, LazyObject):
        bool(storage)  # have it find what it stands for
        storage = storage.__dict__["_wrapped"]
    return cast("Storage", storage)
