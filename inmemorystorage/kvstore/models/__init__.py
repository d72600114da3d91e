"""
Models: objects with fields, each kept in a key-value store under its primary key.

A model is a subclass of `Model`, with a `Field` for each thing that is kept::

    class Visitor(models.Model):
        address = models.Field(pk=True)
        pages = models.Field(default=0)
"""

from .base import DoesNotExist, Model
from .fields import BytesField, DateTimeField, Field, JSONField
from .options import FieldError

__all__ = [
    "BytesField",
    "DateTimeField",
    "DoesNotExist",
    "Field",
    "FieldError",
    "JSONField",
    "Model",
]
