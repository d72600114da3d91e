"""`manage.py gallery`: create the database, fill it and serve the site, all in one process."""

import os
import signal
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection
from django.utils.crypto import salted_hmac
from inmemorystorage.kvstore.connections import close_connections

from gallery.over import Found, show_pictures
from gallery.rows import agree_with_store
from gallery.seeds import seed_all
from gallery.store import alone, shown_store

HOST = "127.0.0.1"
# Where the files go: without a store, and with one.
STAYS = {
    True: "Uploads are in memory and end with the process",
    False: "Uploads are in the store and stay there",
}
ENDS = {True: "the files in memory are gone", False: "the files in the store stay"}
TRY_ANOTHER = "choose another one with --port NUMBER, or any free one with --port 0"


class Command(BaseCommand):
    """Serve until interrupted; without a store, files and database end with the process."""

    help = "Start the gallery: files in memory or a store, database in a SQLite file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --port, --no-seed, --load, --over and --store."""
        parser.add_argument(
            "--port", type=int, default=8000, help="port to serve on (8000); 0 takes any free one"
        )
        parser.add_argument("--no-seed", action="store_true", help="start with an empty gallery")
        directory = parser.add_mutually_exclusive_group()
        directory.add_argument(
            "--load",
            metavar="DIRECTORY",
            help="also load the files of a directory",
        )
        directory.add_argument(
            "--over",
            metavar="DIRECTORY",
            help="show the pictures of a directory without changing it",
        )
        directory.add_argument(
            "--store", metavar="URI", help="keep the files in a store that other processes share"
        )

    def handle(
        self,
        *,
        port: int,
        no_seed: bool,
        load: str | None,
        over: str | None,
        store: str | None,
        **options,
    ) -> None:
        """Bind the port first, so that a port in use is reported at once."""
        check_setting("--over DIRECTORY", over, settings.OVER)
        check_setting("--store URI", store, settings.STORE)
        check_over()
        is_alone = settings.STORE is None
        with bound_server(port) as server, temporary_database() if is_alone else nullcontext():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())
            try:
                with nullcontext() if is_alone else alone():
                    found, password = self.prepare(no_seed, load), create_admin()
                self.announce(f"http://{HOST}:{server.server_port}/", password, found)
                server.serve_forever()
            except KeyboardInterrupt:
                # tox sends Ctrl+C twice, and the second must not interrupt the cleanup.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.stdout.write(f"\nStopped; {ENDS[is_alone]}.")

    def prepare(self, no_seed: bool, directory: str | None) -> Found | None:
        """Create the tables, the first pictures, and the files that the options ask for."""
        call_command("migrate", verbosity=0)
        if settings.OVER is not None:
            return show_pictures(settings.OVER)
        if settings.STORE is not None:
            agree_with_store()
        if not no_seed:
            seed_all()
        if directory:
            default_storage.load(directory)
        close_connections()  # this thread's connection: other threads answer requests
        return None

    def announce(self, url: str, password: str, found: Found | None) -> None:
        """Print the site's URL, how to open its admin, and what a directory shows."""
        self.stdout.write(f"Gallery: {url}")
        self.stdout.write(f"Admin:   {url}admin/  user: admin  password: {password}")
        if found:
            self.stdout.write(
                f"Over:    {os.path.abspath(settings.OVER)!r}, which is not changed. "
                f"Pictures shown: {found.shown}, other files skipped: {found.skipped}."
            )
        if settings.STORE is not None:
            place = f"{shown_store()['store']}, database in {str(settings.SHARED)!r}"
            self.stdout.write(f"Store:   {place}")
        self.stdout.write(f"Stop with Ctrl+C. {STAYS[settings.STORE is None]}.")
        self.stdout.flush()


def check_setting(option: str, given: str | None, known: str | None) -> None:
    """Refuse an option that did not reach the settings."""
    name, _, value = option.partition(" ")
    if given not in (None, known):
        raise CommandError(
            f"{name} chooses the storages, so the settings need it before they are read: start "
            f"with `python manage.py gallery {option}`, or set GALLERY_{name[2:].upper()}={value}."
        )


def check_over() -> None:
    """Refuse a directory that cannot be read."""
    try:
        if settings.OVER is not None:
            os.scandir(settings.OVER).close()
    except OSError as error:
        raise CommandError(
            f"{settings.OVER and os.path.abspath(settings.OVER)!r} cannot be shown "
            f"({error.strerror}): name a directory that has pictures, --over DIRECTORY."
        ) from error


@contextmanager
def bound_server(port: int) -> Iterator[ThreadedWSGIServer]:
    """Yield the server that listens on the port, and close it afterwards."""
    try:
        server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Port {port} cannot be used ({error}): {TRY_ANOTHER}.") from error
    with server:
        server.set_app(WSGIHandler())
        yield server


@contextmanager
def temporary_database() -> Iterator[None]:
    """Use a temporary SQLite file, which the server's threads share.

    With an in-memory database, SQLite's shared cache raises "table is locked" at once when two
    threads collide; with a file, the second thread waits.
    """
    with tempfile.TemporaryDirectory(prefix="gallery-") as directory:
        connection.settings_dict["NAME"] = str(Path(directory) / "gallery.sqlite3")
        try:
            yield
        finally:
            connection.close()


def create_admin() -> str:
    """
    Create the user `admin` unless it exists, and return the password.

    It is derived from the site's key: a new one at each start, or a store's fixed one.
    """
    password = salted_hmac("gallery.admin", "admin", algorithm="sha256").hexdigest()[:16]
    users = get_user_model().objects
    admin = users.filter(username="admin").first() or users.create_superuser("admin")
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save()
    return password
