"""Files that survive when the autoreloader restarts the server."""

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
    """Processes as the autoreloader starts them, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.warnings: list[str] = []
        self.at_exit: list[Any] = []
        self._monkeypatch = monkeypatch
        for name in ("RUN_MAIN", "INMEMORYSTORAGE_HANDOVER"):
            monkeypatch.setenv(name, "")  # so that monkeypatch restores it
            monkeypatch.delenv(name)
        monkeypatch.setattr("atexit.register", lambda *call, **more: self.at_exit.append(call))

    def start(self, *, is_first: bool = False) -> None:
        """Start a process: the first one, or a server."""
        self.reloads: list[str] = []
        self._monkeypatch.setattr(autoreload, "trigger_reload", self.reloads.append)
        if not is_first:
            self._monkeypatch.setenv("RUN_MAIN", "true")
        keep_files(self.warnings.append)

    def reload(self) -> None:
        """End the current server because a file changed."""
        autoreload.trigger_reload("views.py")
        assert self.reloads == ["views.py"]

    def stop(self) -> None:
        """End the first process."""
        for function, *arguments in self.at_exit:
            function(*arguments)

    @property
    def directory(self) -> Path:
        """Return the directory for the files."""
        return Path(os.environ["INMEMORYSTORAGE_HANDOVER"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server whose first process runs."""
    server = Server(monkeypatch)
    server.start(is_first=True)
    return server


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_reload(server: Server) -> None:
    """A server has the files of the previous one, from a file that only this user can read."""
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
    """Files stay for the next server if one does not start."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    server.reload()
    default_storage.delete("d")
    # A server fails here, before it runs its command.
    server.start()
    assert default_storage.exists("d/a.txt")


def test_files_that_cannot_be_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server warns of lost files with the reason, and runs."""
    server.start()
    monkeypatch.setattr("pickle.dump", lambda *arguments, **options: 1 / 0)
    server.reload()
    (server.directory / "files").write_bytes(b"nonsense")
    server.start()
    assert [warning.partition(": ")[0] for warning in server.warnings] == [
        "The files in memory could not be kept"
    ] * 2
    assert "ZeroDivisionError" in server.warnings[0] and "Unpickling" in server.warnings[1]


def test_link_is_not_written_through(server: Server, tmp_path: Path) -> None:
    """A server replaces a link where it keeps its files, and leaves the file behind it as it is."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    victim = tmp_path / "victim"
    victim.write_bytes(b"victim")
    (server.directory / "files.part").symlink_to(victim)
    server.reload()
    assert victim.read_bytes() == b"victim" and not server.warnings
    assert not (server.directory / "files").is_symlink()


def test_starter_that_could_not_load_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server warns that files are not kept if Django's runserver started it."""
    server = Server(monkeypatch)
    server.start()
    (warning,) = server.warnings
    assert "will not be kept" in warning and "Restart runserver" in warning
    server.reload()


def test_end_without_reload(server: Server) -> None:
    """A server that exits without a reload leaves no files."""
    server.start()
    default_storage.save("d/a.txt", ContentFile(b"content"))
    assert not list(server.directory.iterdir()) and len(server.at_exit) == 1
