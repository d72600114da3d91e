"""``manage.py createkvstoretable``: make the tables that key-value stores need."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...checks import own_class
from ...kvstore import Backend, KeyValueStorage, get_kvstore, kvstore
from ...kvstore.connections import close_connections, reporting
from ...kvstore.store import SETTING
from ...kvstore.uri import parse


class Command(BaseCommand):
    """Make the tables that stores need, as `createcachetable` does for caches."""

    help = "Makes the tables of key-value stores in a database, DynamoDB or SimpleDB."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the URIs of stores."""
        parser.add_argument(
            "uris",
            nargs="*",
            metavar="URI",
            help="a store, such as db://table?alias=default; by default KEY_VALUE_STORE_BACKEND "
            "and the stores of STORAGES",
        )

    def handle(self, *args: Any, uris: list[str], verbosity: int, **options: Any) -> None:
        """Make what each store needs, and report it."""
        try:
            for uri in uris or _of_settings():
                said = _make(get_kvstore(uri).uri)
                if verbosity:
                    self.stdout.write(f"{parse(uri)}: {said}.")
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        finally:
            close_connections()


def _of_settings() -> list[str]:
    """Return the stores in the settings, each once: the default one, and those of storages."""
    entries: dict[str, dict[str, Any]] = settings.STORAGES
    ours = [alias for alias, entry in entries.items() if own_class(entry.get("BACKEND", ""))]
    # Make no other storages: they may connect to a server.
    made = [each for each in map(storages.__getitem__, ours) if isinstance(each, KeyValueStorage)]
    uris = [each.uri for each in made]
    is_set = hasattr(settings, SETTING) or not uris
    return [*dict.fromkeys([kvstore.uri, *uris] if is_set else uris)]


def _make(uri: str) -> str:
    """Make what a store needs; return the report."""
    try:
        with reporting(uri, str(parse(uri))) as backend:
            made = backend.create()
    except OSError as error:
        raise CommandError(str(error)) from error
    if made is not None:
        return f"made {made}"
    needs_nothing = type(backend).create is Backend.create
    return "needs nothing" if needs_nothing else "exists already"
