"""Throwaway Django projects that run in their own processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import inmemorystorage

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "project_settings",
    # The directory from which this process imports the package: usually the installed wheel's.
    "PYTHONPATH": str(Path(inmemorystorage.__file__).parents[1]),
    # Plugins that few projects need, and that take long to import.
    "PYTEST_ADDOPTS": " ".join(
        f"-p no:{name}"
        for name in ("faker", "hypothesispytest", "inline_snapshot", "randomly", "syrupy", "valkey")
    ),
}

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "for a throwaway project"
USE_TZ = True
INSTALLED_APPS = ["inmemorystorage", "uploads"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
ROOT_URLCONF = "uploads.urls"
"""
MODELS = """
from django.core.files.storage import default_storage, storages
from django.db import models

from inmemorystorage import InMemoryDir, InMemoryStorage
"""
SET_UP = "import django; django.setup()"
# Django 4.2 warns about the setting that it still reads.
OPTIONS = ["-W", "error", "-W", "ignore:The DEFAULT_FILE_STORAGE"]


@dataclass(frozen=True)
class Project:
    """
    A project with one app, ``uploads``.

    :param directory: the directory of its files.
    :param environment: further variables of its processes.
    """

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def media(self) -> Path:
        """Return MEDIA_ROOT, which does not exist until something is written."""
        return self.directory / "media"

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """Run a management command; return its output."""
        return self.run("-m", "django", *arguments, fails=fails)

    def python(self, code: str, *, set_up: str = SET_UP, fails: bool = False) -> str:
        """Run code, usually after ``django.setup()``; return its output."""
        return self.run("-c", f"{set_up}\n{textwrap.dedent(code)}", fails=fails).strip()

    def write(self, name: str, content: str) -> None:
        """Write a module of the project."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="utf-8")

    def append(self, name: str, content: str) -> None:
        """Append to a file of the project."""
        with (self.directory / name).open("a", encoding="utf-8") as file:
            file.write(textwrap.dedent(content))

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run Python with some arguments; return its output."""
        done = subprocess.run(
            [sys.executable, *OPTIONS, *arguments],
            cwd=self.directory,
            env={**os.environ, **ENVIRONMENT, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout


def make_project(directory: Path, *, settings: str = "", models: str = "") -> Project:
    """Write a project, with these lines appended to its settings and its models."""
    project = Project(directory)
    project.write("project_settings.py", SETTINGS + textwrap.dedent(settings))
    project.write("uploads/__init__.py", "")
    project.write("uploads/urls.py", "urlpatterns = []\n")
    project.write("uploads/models.py", MODELS + textwrap.dedent(models))
    return project
