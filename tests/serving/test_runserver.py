"""``runserver`` of a project, in its own processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from buckets import needs_s3
from django.core.management.commands.testserver import Command as BaseCommand
from projects import ENVIRONMENT, Project, make_project

from inmemorystorage.management.commands.testserver import Command
from inmemorystorage.testing.bucket_floor import BucketFloor

pytestmark = pytest.mark.slow

SETTINGS = """
DEBUG = True
INSTALLED_APPS = ["inmemorystorage.serving", "inmemorystorage", "uploads", *MORE]
ALLOWED_HOSTS = ["127.0.0.1"]
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
ASGI_APPLICATION = "asgi.application"
"""
URLS = """
import os
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.urls import path

def upload(request):
    return HttpResponse(default_storage.save("d/a.txt", ContentFile(b"content")))

def process(request):
    return HttpResponse(f"{os.getpid()} {os.environ.get('INMEMORYSTORAGE_HANDOVER')}")

urlpatterns = [path("upload", upload), path("process", process)]
"""
TIMEOUT = 60


class Server:
    """A running development server."""

    def __init__(self, project: Project, port: int) -> None:
        self.project = project
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return the status and the content of a response; 0 if there is no server."""
        try:
            with urlopen(Request(self.url + path, headers=headers), timeout=10) as response:
                return response.status, response.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()
        except (URLError, ConnectionError, TimeoutError):
            return 0, b""

    def process(self) -> str:
        """Return the text that identifies the serving process; empty if there is none."""
        return self.get("/process")[1].decode()

    def wait_for(self, is_true: Callable[[], bool]) -> None:
        """Wait until a condition is true."""
        end = time.monotonic() + TIMEOUT
        while not is_true():
            assert time.monotonic() < end, "the condition is still false"
            time.sleep(0.1)

    def change_code(self, is_true: Callable[[], bool]) -> None:
        """Change code until a condition is true: the autoreloader may not watch yet."""

        def changed() -> bool:
            for module in ("urls", "models"):
                self.project.append(f"uploads/{module}.py", "# changed\n")
            time.sleep(3)
            return is_true()

        self.wait_for(changed)

    def wait_for_file(self) -> None:
        """Wait until the uploaded file is served; the server may restart once more."""
        self.wait_for(lambda: self.get("/media/d/a.txt") == (200, b"content"))


@contextlib.contextmanager
def running(
    project: Project, *options: str, command: tuple[str, ...] = ("runserver",)
) -> Iterator[Server]:
    """Run a project's development server; give it when it responds."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"127.0.0.1:{port}"
    environment = {**os.environ, **ENVIRONMENT, "PYTHONUNBUFFERED": "1"}
    with (
        (project.directory / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "django", *command, address, *options],
            cwd=project.directory,
            env=environment,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        server = Server(project, port)
        try:
            server.wait_for(lambda: bool(server.process()) or process.poll() is not None)
            assert process.poll() is None, (project.directory / "log").read_text()
            yield server
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with the app."""
    project = make_project(tmp_path, settings="MORE = []" + SETTINGS)
    project.write("uploads/urls.py", URLS)
    return project


def test_files_survive_a_reload(project: Project) -> None:
    """runserver serves files in memory, and still has them after a reload."""
    with running(project) as server:
        assert server.get("/upload") == (200, b"d/a.txt")
        assert server.get("/media/d/a.txt", Range="bytes=1-3") == (206, b"ont")
        assert server.get("/media/nothing")[0] == 404
        first = server.process()
        server.change_code(lambda: server.process() not in ("", first))
        server.wait_for_file()
        directory = Path(first.split()[1])
        server.wait_for(lambda: not list(directory.iterdir()))
    assert not directory.exists() and not project.media.exists()


def test_files_survive_a_broken_reload(project: Project) -> None:
    """Files survive a server that fails to start because of broken code."""
    with running(project) as server:
        server.get("/upload")
        first = server.process()
        broken = project.directory / "uploads/broken.py"
        project.append("uploads/models.py", "\nimport uploads.broken\n")
        server.change_code(lambda: server.process() == "")
        broken.write_text("")
        server.change_code(lambda: server.process() not in ("", first))
        server.wait_for_file()


def test_without_reloader(project: Project) -> None:
    """runserver --noreload serves files, and creates nothing to keep them."""
    with running(project, "--noreload") as server:
        server.get("/upload")
        assert server.get("/media/d/a.txt") == (200, b"content")
        assert server.process().endswith(" None")


def test_beside_static_files(project: Project) -> None:
    """runserver includes the runserver of an app that comes later."""
    settings = (project.directory / "project_settings.py").read_text()
    more = 'MORE = ["django.contrib.staticfiles"]'
    project.write("project_settings.py", settings.replace("MORE = []", more))
    (project.directory / "uploads/static").mkdir()
    project.write("uploads/static/a.css", "static")
    with running(project, "--noreload") as server:
        server.get("/upload")
        assert server.get("/static/a.css") == (200, b"static")
        assert server.get("/media/d/a.txt") == (200, b"content")


def test_behind_another_runserver(project: Project) -> None:
    """A check warns if the runserver of an earlier app is used."""
    project.append(
        "project_settings.py",
        """
        INSTALLED_APPS = ["django.contrib.staticfiles", "inmemorystorage.serving"]
        """,
    )
    said = project.manage("check")
    assert "(inmemorystorage.W002)" in said
    assert "Put 'inmemorystorage.serving' before 'django.contrib.staticfiles'" in said


def test_check_is_silent(project: Project) -> None:
    """The check reports nothing if this runserver is used."""
    assert "no issues" in project.manage("check")


def test_without_debug(project: Project) -> None:
    """runserver serves no files without DEBUG."""
    project.append("project_settings.py", "DEBUG = False\n")
    with running(project, "--noreload") as server:
        server.get("/upload")
        assert server.get("/media/d/a.txt")[0] == 404


def test_command_that_is_broken(project: Project) -> None:
    """runserver raises the error of a later runserver that cannot be imported."""
    project.write("uploads/management/__init__.py", "")
    (project.directory / "uploads/management/commands").mkdir()
    project.write("uploads/management/commands/runserver.py", "import nothing_of_that_name")
    assert "nothing_of_that_name" in project.manage("runserver", "--help", fails=True)


BUCKET = """
STORAGES["default"] = {"BACKEND": "storages.backends.s3.S3Storage"}
AWS_STORAGE_BUCKET_NAME = "pictures"
"""
SHOWN = """
urlpatterns.append(path("url", lambda request: HttpResponse(default_storage.url("d/a.txt"))))
"""


@needs_s3
def test_bucket_of_a_project(project: Project) -> None:
    """testserver keeps the files of a project on S3 in memory, and serves their URLs."""
    project.append("project_settings.py", BUCKET)
    project.append("uploads/urls.py", SHOWN)
    project.write("uploads/fixtures/none.json", "[]")
    with running(project, command=("testserver", "none", "--addrport")) as server:
        assert server.get("/upload") == (200, b"d/a.txt")
        url = server.get("/url")[1].decode()
        assert url.startswith(f"{server.url}/_buckets/s3/pictures.s3.amazonaws.com/d/a.txt?")
        assert server.get(url.removeprefix(server.url)) == (200, b"content")


@pytest.mark.parametrize("error", [None, SystemExit(0)])
def test_testserver(monkeypatch: pytest.MonkeyPatch, error: SystemExit | None) -> None:
    """testserver moves the storages while Django's runs, and restores them at the end."""
    seen: list[tuple[str, ...]] = []

    def handle(command: Any, *labels: str, **options: Any) -> None:
        assert BucketFloor.active
        seen.append(labels)
        if error is not None:
            raise error

    monkeypatch.setattr(BaseCommand, "handle", handle)
    with pytest.raises(SystemExit) if error else contextlib.nullcontext():
        Command().handle("fixture")
    assert seen == [("fixture",)]
    assert not BucketFloor.active
