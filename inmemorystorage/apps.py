"""The Django app: it applies DEFAULT_FILE_STORAGE, and registers the system checks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import global_settings, settings
from django.core.checks import Tags, register

# Not `default_storage` by its name: Django tests each name of this module for being a class, and
# that test would make the storage.
from django.core.files import storage as file_storage
from django.core.signals import setting_changed
from django.utils.functional import empty

from .checks import (
    check_default_file_storage,
    check_key_value_store,
    check_options,
    own_class,
)

# Django before 5.1 reads the setting itself.
DJANGO_READS_SETTING = hasattr(global_settings, "DEFAULT_FILE_STORAGE")


class InMemoryStorageConfig(AppConfig):
    """Apply DEFAULT_FILE_STORAGE if it names one of our storages and Django ignores it."""

    name = "inmemorystorage"
    verbose_name = "In-memory storage"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        # Before models are loaded: a field's storage may be a callable that asks for the default.
        _apply_setting()

    def ready(self) -> None:
        """Register the checks, and follow changes of the setting."""
        register(check_options, Tags.files)
        register(check_key_value_store)
        if DJANGO_READS_SETTING:
            return
        # Again, for a subclass in a module that imports models, which failed before.
        _apply_setting()
        register(check_default_file_storage, Tags.files)
        setting_changed.connect(follow, dispatch_uid="inmemorystorage.follow")


def _apply_setting() -> None:
    if not DJANGO_READS_SETTING:
        apply(getattr(settings, "DEFAULT_FILE_STORAGE", None))


def apply(backend: str | None) -> None:
    """Make ``backend`` the default of STORAGES, if it is a storage of this library."""
    default = settings.STORAGES.get("default", {})
    if not backend or default.get("BACKEND") == backend or own_class(backend) is None:
        return
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend}}
    _forget_default_storage()


def follow(*, setting: str, value: Any, enter: bool, **kwargs: Any) -> None:
    """Apply the setting inside ``override_settings``, which restores STORAGES itself."""
    if setting == "DEFAULT_FILE_STORAGE":
        apply(value if enter else None)
        _forget_default_storage()


def _forget_default_storage() -> None:
    """Make Django create the default storage again, as it does when a test changes STORAGES."""
    handler: Any = file_storage.storages
    handler.__dict__.pop("backends", None)
    handler._backends = None
    handler._storages.pop("default", None)
    proxy: Any = file_storage.default_storage
    proxy._wrapped = empty
