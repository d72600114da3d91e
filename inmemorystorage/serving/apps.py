"""The Django app: a ``runserver`` that serves media."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Tags, Warning, register
from django.core.management import get_commands


class ServingConfig(AppConfig):
    """Add ``runserver``, and a check that it is used."""

    name = "inmemorystorage.serving"
    label = "inmemorystorage_serving"
    verbose_name = "Files of storages over HTTP"

    def ready(self) -> None:
        """Register the check."""
        register(check_runserver, Tags.files)


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
