"""Several storages tried in order: production's files below, yours above."""

from .readonly import ReadOnlyStorage
from .storage import FallbackStorage

__all__ = ["FallbackStorage", "ReadOnlyStorage"]
