"""A panel of django-debug-toolbar with the operations on storages, and the requests they send."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from debug_toolbar import settings
from debug_toolbar.panels import Panel
from django.core.checks import CheckMessage, Warning
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine, Template
from django.template.defaultfilters import pluralize

if TYPE_CHECKING:
    from .recording import Recording

__all__ = ["StoragePanel"]


class StoragePanel(Panel):  # type: ignore[misc]
    """
    Show the operations of a page on storages of any kind, and the requests that they send.

    Nothing is patched, nor imported from the test kit, before a page is shown with the panel on.

    ``DEBUG_TOOLBAR_CONFIG["EDITOR_URL"]``, such as ``"vscode://file/{path}:{line}"``, makes links
    of lines.
    """

    is_async = True
    nav_title = "Storage"
    _recording: Recording | None = None

    @classmethod
    def run_checks(cls) -> list[CheckMessage]:
        """Warn of an ``EDITOR_URL`` that makes no links."""
        url = _editor_url()
        if not url or _link("page.py", 1):
            return []
        return [
            Warning(
                f"EDITOR_URL in DEBUG_TOOLBAR_CONFIG is {url!r}, from which no link can be made.",
                hint="Its placeholders are {path} and {line}: 'vscode://file/{path}:{line}'.",
                id="inmemorystorage.W003",
            )
        ]

    def enable_instrumentation(self) -> None:
        """Begin to record the operations of this request."""
        from .recording import Recording

        if self._recording is None:
            self._recording = Recording().enable()

    def disable_instrumentation(self) -> None:
        """Stop recording."""
        if self._recording is not None:
            self._recording.disable()

    def generate_stats(self, request: HttpRequest, response: HttpResponse) -> None:
        """Store the recorded operations and requests, as JSON knows them."""
        if self._recording is not None:
            self.record_stats(self._recording.stats(_link))
            self._recording = None

    def generate_server_timing(self, request: HttpRequest, response: HttpResponse) -> None:
        """Send the time of the operations in the header ``Server-Timing``."""
        self.record_server_timing("storage", self.title, self.get_stats().get("time", 0))

    @property
    def title(self) -> str:
        """Return the numbers of operations and, if there are any, of requests."""
        operations, requests = (self.get_stats().get(key, 0) for key in ("operations", "requests"))
        sent = f", {requests} request{pluralize(requests)}" if requests else ""
        return f"{operations} operation{pluralize(operations)}{sent}"

    @property
    def nav_subtitle(self) -> str:
        """Return the title, the time, and how many operations and requests are repeated."""
        stats = self.get_stats()
        repeated = f", {stats['repeated']} repeated" if stats.get("repeated") else ""
        return f"{self.title}, {stats.get('time', 0):.1f} ms{repeated}"

    @property
    def content(self) -> str:
        """Return the tables of the panel."""
        return _template().render(Context(self.get_stats()))


def _editor_url() -> Any:
    return settings.get_config().get("EDITOR_URL", "")


def _link(path: str, line: int) -> str:
    """Return the URL of a line in the editor, or an empty string if ``EDITOR_URL`` makes none."""
    try:
        return str(_editor_url().format(path=quote(path), line=line))
    except (AttributeError, LookupError, TypeError, ValueError):  # see run_checks()
        return ""


@cache
def _template() -> Template:
    # Its own engine: the project need not have this library in INSTALLED_APPS.
    page = Path(__file__).with_name("panel.html").read_text(encoding="utf-8")
    return Engine().from_string(page)
