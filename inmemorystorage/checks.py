"""
The system checks.

``inmemorystorage.W001``: DEFAULT_FILE_STORAGE is set, which Django 5.1 and later ignore.
``inmemorystorage.W002``: another app's runserver is used in the place of that of serving.
``inmemorystorage.E001``: a storage of STORAGES has options that it cannot have.
``inmemorystorage.E002``: KEY_VALUE_STORE_BACKEND is the URI of no store.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

from .fallback import FallbackStorage
from .urls import SignedUrlMixin

# With addresses are InMemoryStorage and KeyValueStorage. What has to do with key-value stores is
# not imported here: that would be done when Django starts, also in projects that do not use it.
_OURS = (SignedUrlMixin, FallbackStorage)
_STORE = "inmemorystorage.kvstore.KeyValueStore"


def own_class(backend: str) -> type[Storage] | None:
    """Return what a dotted path names, if that is a storage of this library or a subclass."""
    try:
        found = import_string(backend)
    except Exception:  # what another backend lacks, boto3 or a setting, is for it to say
        return None
    return found if isinstance(found, type) and issubclass(found, _OURS) else None


def check_default_file_storage(**kwargs: Any) -> list[CheckMessage]:
    """Warn of DEFAULT_FILE_STORAGE, which only this app reads, whatever it names."""
    backend = getattr(settings, "DEFAULT_FILE_STORAGE", None)
    if not backend:
        return []
    return [
        Warning(
            "DEFAULT_FILE_STORAGE is ignored by Django 5.1 and later; the inmemorystorage app "
            "honours it for its own storages alone.",
            hint=f'Write STORAGES = {{"default": {{"BACKEND": "{backend}"}}, …}} instead.',
            id="inmemorystorage.W001",
        )
    ]


def check_options(**kwargs: Any) -> list[CheckMessage]:
    """Report the options in STORAGES that a storage of this library refuses."""
    errors: list[CheckMessage] = []
    backends: dict[str, dict[str, Any]] = settings.STORAGES
    for alias, params in backends.items():
        storage_class = own_class(params.get("BACKEND", ""))
        if storage_class is not None:
            try:
                storage_class(**params.get("OPTIONS", {}))
            except (ImproperlyConfigured, TypeError) as error:
                errors.append(_option_error(alias, error))
    return errors


def _option_error(alias: str, error: Exception) -> Error:
    return Error(
        f"STORAGES[{alias!r}] cannot be made: {error}",
        hint=f'Correct STORAGES[{alias!r}]["OPTIONS"].',
        id="inmemorystorage.E001",
    )


def check_key_value_store(**kwargs: Any) -> list[CheckMessage]:
    """Report a KEY_VALUE_STORE_BACKEND with which no store can be made; none is asked anything."""
    uri = getattr(settings, "KEY_VALUE_STORE_BACKEND", None)
    if uri is None:
        return []
    try:
        import_string(_STORE)(uri)
    except ImproperlyConfigured as error:
        return [
            Error(
                f"KEY_VALUE_STORE_BACKEND cannot be used: {error}",
                hint='Write KEY_VALUE_STORE_BACKEND = "scheme://store?parameters".',
                id="inmemorystorage.E002",
            )
        ]
    return []
