"""The Django app: a ``runserver`` that serves media."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.files.storage import storages
from django.core.management import get_commands


class ServingConfig(AppConfig):
    """Add ``runserver``, and checks that it is used and serves media alone."""

    name = "inmemorystorage.serving"
    label = "inmemorystorage_serving"
    verbose_name = "Files of storages over HTTP"

    def ready(self) -> None:
        """Register the checks."""
        register(check_runserver, Tags.files)
        register(check_location, Tags.files)


def check_runserver(**kwargs: Any) -> list[CheckMessage]:
    """Warn if another app's ``runserver`` is used instead of this one."""
    owner = get_commands()["runserver"]
    if owner == ServingConfig.name or not apps.is_installed(ServingConfig.name):
        return []
    return [
        Warning(
            f"runserver does not serve files in memory: {owner!r} replaces it.",
            hint=f"Put {ServingConfig.name!r} before {owner!r} in INSTALLED_APPS.",
            id="inmemorystorage.W002",
        )
    ]


def check_location(**kwargs: Any) -> list[CheckMessage]:
    """Report a default storage whose location has the project's own files."""
    from .views import exposes_project

    try:
        is_exposed = exposes_project(storages["default"])
    except Exception:  # the storage cannot be made, which other checks report
        return []
    if not is_exposed:
        return []
    return [
        Error(
            "The location of the default storage has the project's own files in it, such as its "
            "settings; they are not served.",
            hint="Set MEDIA_ROOT, or the location in STORAGES, to a directory for media alone.",
            id="inmemorystorage.E003",
        )
    ]
