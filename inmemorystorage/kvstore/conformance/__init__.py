"""
What every key-value store does, as tests that any backend can be put through.

A subclass says which store::

    class TestMine(StoreConformance):
        uri = "mine.StorageClass://somewhere"

pytest runs it as it stands; with ``django.test.SimpleTestCase`` beside it in the bases Django's own
runner does. Each test uses keys of its own, so that a store may be used by several at once, and
deletes them. What a backend does not declare is skipped.
"""

from .entries import StoreConformance

__all__ = ["StoreConformance"]
