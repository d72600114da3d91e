"""
The system checks.

``inmemorystorage.W001``: DEFAULT_FILE_STORAGE is set, which Django 5.1 and later ignore.
``inmemorystorage.W002``: another app's runserver replaces that of ``inmemorystorage.serving``.
``inmemorystorage.W003``: the panel of ``inmemorystorage.toolbar`` cannot use EDITOR_URL.
``inmemorystorage.E001``: a storage of STORAGES refuses its options.
``inmemorystorage.E002``: KEY_VALUE_STORE_BACKEND is not the URI of a store.
``inmemorystorage.E003``: the location of the default storage has the project's own files.
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

# The mixin stands for InMemoryStorage and KeyValueStorage. kvstore is not imported here, since
# Django would then load it in every project when it starts.
_OURS = (SignedUrlMixin, FallbackStorage)
_STORE = "inmemorystorage.kvstore.KeyValueStore"


def own_class(backend: str) -> type[Storage] | None:
    """Return the class at a dotted path if it is a storage of this library or a subclass."""
    try:
        found = import_string(backend)
    except Exception:  # another backend reports itself that boto3 or a setting is missing
        return None
    return found if isinstance(found, type) and issubclass(found, _OURS) else None


def check_default_file_storage(**kwargs: Any) -> list[CheckMessage]:
    """Warn of DEFAULT_FILE_STORAGE, which only this app reads."""
    backend = getattr(settings, "DEFAULT_FILE_STORAGE", None)
    if not backend:
        return []
    return [
        Warning(
            "Django 5.1 and later ignore DEFAULT_FILE_STORAGE; the inmemorystorage app applies it "
            "only if it names a storage of this library.",
            hint=f'Write STORAGES = {{"default": {{"BACKEND": "{backend}"}}, …}} instead.',
            id="inmemorystorage.W001",
        )
    ]


def check_options(**kwargs: Any) -> list[CheckMessage]:
    """Report options in STORAGES that a storage of this library refuses."""
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
    """Report a KEY_VALUE_STORE_BACKEND that is refused; no store is connected to."""
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
