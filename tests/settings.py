"""The settings of the tests: files and database in memory, and a guarded disk."""

import os
import tempfile
from pathlib import Path

SECRET_KEY = "for the tests alone"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "inmemorystorage.serving",  # before staticfiles, for its runserver
    "django.contrib.staticfiles",
    "inmemorystorage",
    "uploads",
    "archive",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "private": {"BACKEND": "archive.storages.SignedStorage"},
    "remote": {"BACKEND": "archive.storages.RemoteStorage"},
}
# Never written: conftest.py fails the test after which it exists. One for each process, so that
# the failing test is the one that wrote.
MEDIA_ROOT = Path(tempfile.gettempdir()) / f"inmemorystorage-media-{os.getpid()}"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
