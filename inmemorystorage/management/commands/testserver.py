"""``manage.py testserver``: Django's, with the storages of the project moved or replaced too."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import testserver


class Command(testserver.Command):
    """Run a development server on a test database, and on files and buckets in memory."""

    def handle(self, *fixture_labels: str, **options: Any) -> None:
        """Run the server."""
        from ...testing.session import Options, Session

        session = Session.begin(Options(overrides=True))
        try:
            super().handle(*fixture_labels, **options)
        finally:
            session.end()
