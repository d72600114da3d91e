"""`manage.py gallery`: make the database, fill it and serve the site, all in one process."""

import os
import secrets
import signal
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection

from gallery.over import Found, show_pictures
from gallery.seeds import seed_all

HOST = "127.0.0.1"
TRY_ANOTHER = "choose another one with --port NUMBER, or any free one with --port 0"


class Command(BaseCommand):
    """Serve until interrupted; files and database end with the process."""

    help = "Start the gallery: files in memory, database in a temporary SQLite file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --port, --no-seed, --load and --over."""
        parser.add_argument(
            "--port", type=int, default=8000, help="port to serve on (8000); 0 takes any free one"
        )
        parser.add_argument("--no-seed", action="store_true", help="start with an empty gallery")
        directory = parser.add_mutually_exclusive_group()
        directory.add_argument(
            "--load", metavar="DIRECTORY", help="put the files of a directory into the storage too"
        )
        directory.add_argument(
            "--over",
            metavar="DIRECTORY",
            help="show the pictures of a directory, where they are; nothing there is changed",
        )

    def handle(
        self, *, port: int, no_seed: bool, load: str | None, over: str | None, **options
    ) -> None:
        """Take the port first, so that a taken one is told at once."""
        check_over(over)
        with bound_server(port) as server, temporary_database():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())
            try:
                found = self.prepare(no_seed, load)
                self.announce(f"http://{HOST}:{server.server_port}/", create_admin(), found)
                server.serve_forever()
            except KeyboardInterrupt:
                # tox passes Ctrl+C on a second time, which must not disturb the cleaning up.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.stdout.write("\nStopped; what was in memory is gone.")

    def prepare(self, no_seed: bool, directory: str | None) -> Found | None:
        """Create the tables, the first pictures, and whatever files are to be there beside them."""
        call_command("migrate", verbosity=0)
        if settings.OVER is not None:
            return show_pictures(settings.OVER)
        if not no_seed:
            seed_all()
        if directory:
            default_storage.load(directory)
        return None

    def announce(self, address: str, password: str, found: Found | None) -> None:
        """Print where the site is, how to get into its admin, and what is shown of a directory."""
        self.stdout.write(f"Gallery: {address}")
        self.stdout.write(f"Admin:   {address}admin/  user: admin  password: {password}")
        if found:
            self.stdout.write(
                f"Over:    {os.path.abspath(settings.OVER)!r}, where nothing is changed. "
                f"Pictures shown: {found.shown}, other files passed over: {found.passed_over}."
            )
        self.stdout.write("Stop with Ctrl+C. What is added is in memory and ends with the process.")
        self.stdout.flush()


def check_over(over: str | None) -> None:
    """Refuse a directory that cannot be read, and one that the settings know nothing of."""
    if over not in (None, settings.OVER):
        raise CommandError(
            "--over decides on storages, so it must be known before the settings are read: start "
            "with `python manage.py gallery --over DIRECTORY`, or set GALLERY_OVER=DIRECTORY."
        )
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
    """Yield the server that listens on the port, and close it in the end."""
    try:
        server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Port {port} cannot be used ({error}): {TRY_ANOTHER}.") from error
    with server:
        server.set_app(WSGIHandler())
        yield server


@contextmanager
def temporary_database() -> Iterator[None]:
    """Give the process a SQLite file of its own, which the server's threads share.

    Not an in-memory database: SQLite's shared cache answers "table is locked" at once where two
    threads meet, and a file waits.
    """
    with tempfile.TemporaryDirectory(prefix="gallery-") as directory:
        connection.settings_dict["NAME"] = str(Path(directory) / "gallery.sqlite3")
        try:
            yield
        finally:
            connection.close()


def create_admin() -> str:
    """Create the user `admin` and return the password, another one at each start."""
    password = secrets.token_urlsafe(9)
    get_user_model().objects.create_superuser("admin", password=password)
    return password
