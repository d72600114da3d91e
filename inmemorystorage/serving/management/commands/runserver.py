"""``runserver`` that serves media, and keeps files in memory over a reload."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings

from ...apps import ServingConfig
from ...reloading import keep_files

MIDDLEWARE = "inmemorystorage.serving.media.MediaMiddleware"


def next_command() -> Any:
    """Return the ``runserver`` that the project would have without this one, whoever brings it."""
    names = [config.name for config in apps.get_app_configs()]
    for name in [*names[names.index(ServingConfig.name) + 1 :], "django.core"]:
        module = f"{name}.management.commands.runserver"
        try:
            return import_module(module).Command
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
    raise AssertionError("Django has a runserver.")


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
