"""Change the storages of STORAGES for one test."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import storages


def use_storage(settings: Any, alias: str, backend: str, **options: Any) -> None:
    """Let an alias of STORAGES name a storage with options until the test ends."""
    settings.STORAGES = {**settings.STORAGES, alias: {"BACKEND": backend, "OPTIONS": options}}
    # Django 4.2 loses the OPTIONS of an override; the handler drops its backends after each.
    storages.__dict__.pop("backends", None)
    storages._backends = settings.STORAGES
