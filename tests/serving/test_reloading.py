"""Files that live on when the autoreloader starts the server anew."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import autoreload

from inmemorystorage.serving.reloading import keep_files


class Server:
    """One process after the other, as the autoreloader starts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.warnings: list[str] = []
        self.at_exit: list[Any] = []
        self._monkeypatch = monkeypatch
        for name in ("RUN_MAIN", "INMEMORYSTORAGE_HANDOVER"):
            monkeypatch.setenv(name, "")  # so that it is put back as it was
            monkeypatch.delenv(name)
        monkeypatch.setattr("atexit.register", lambda *call, **more: self.at_exit.append(call))

    def start(self, *, is_first: bool = False) -> None:
        """Start a process: the one that starts the others, or one of them."""
        self.reloads: list[str] = []
        self._monkeypatch.setattr(autoreload, "trigger_reload", self.reloads.append)
        if not is_first:
            self._monkeypatch.setenv("RUN_MAIN", "true")
        keep_files(self.warnings.append)

    def reload(self) -> None:
        """Have the process that was started last end, since a file has changed."""
        autoreload.trigger_reload("views.py")
        assert self.reloads == ["views.py"]

    def stop(self) -> None:
        """Stop the process that starts the others."""
        for function, *arguments in self.at_exit:
            function(*arguments)

    @property
    def directory(self) -> Path:
        """Return where files are left."""
        return Path(os.environ["INMEMORYSTORAGE_HANDOVER"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server whose starter runs."""
    server = Server(monkeypatch)
    server.start(is_first=True)
    return server


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_reload(server: Server) -> None:
    """Each server has the files of the one before, by a file for this user alone."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    server.reload()
    (left,) = server.directory.iterdir()
    assert (mode(server.directory), mode(left)) == (0o700, 0o600)
    default_storage.delete("d")
    server.start()
    assert default_storage.exists("d/a.txt") and not list(server.directory.iterdir())
    server.stop()
    directory = server.directory
    assert not directory.exists() and not server.warnings


def test_server_that_does_not_start(server: Server) -> None:
    """What is left waits for the next server that starts."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    server.reload()
    default_storage.delete("d")
    # Here one fails before it comes to its command.
    server.start()
    assert default_storage.exists("d/a.txt")


def test_files_that_cannot_be_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server says that files are lost and why, and runs."""
    server.start()
    monkeypatch.setattr("pickle.dump", lambda *arguments, **options: 1 / 0)
    server.reload()
    (server.directory / "files").write_bytes(b"nonsense")
    server.start()
    assert [warning.partition(": ")[0] for warning in server.warnings] == [
        "The files in memory could not be kept"
    ] * 2
    assert "ZeroDivisionError" in server.warnings[0] and "Unpickling" in server.warnings[1]


def test_starter_that_could_not_load_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Django's own runserver started the server, that files are not kept is said."""
    server = Server(monkeypatch)
    server.start()
    (warning,) = server.warnings
    assert "will not be kept" in warning and "Start it again" in warning
    server.reload()


def test_end_without_reload(server: Server) -> None:
    """A server that ends for good leaves nothing."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    assert not list(server.directory.iterdir()) and len(server.at_exit) == 1
