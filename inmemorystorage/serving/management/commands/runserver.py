"""``manage.py runserver``: serve media, and keep files in memory when the server reloads."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import find_commands

from ...apps import ServingConfig
from ...reloading import keep_files

NAME = "runserver"
MIDDLEWARE = "inmemorystorage.serving.media.MediaMiddleware"


def next_command() -> Any:
    """Return the ``runserver`` that the project would use without this one."""
    configs = list(apps.get_app_configs())
    later = configs[[config.name for config in configs].index(ServingConfig.name) + 1 :]
    owners = (config.name for config in later if NAME in find_commands(f"{config.path}/management"))
    return import_module(f"{next(owners, 'django.core')}.management.commands.{NAME}").Command


Base: Any = next_command()


class Command(Base):  # type: ignore[misc]
    """The project's ``runserver``, with media."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the server."""
        if settings.DEBUG and MIDDLEWARE not in settings.MIDDLEWARE:
            settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
        if options["use_reloader"]:
            keep_files(self.stderr.write)
        super().handle(*args, **options)
