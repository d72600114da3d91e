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
    "shelf",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "private": {"BACKEND": "archive.storages.SignedStorage"},
    "remote": {"BACKEND": "archive.storages.RemoteStorage"},
}
# It must never exist: conftest.py fails the test that creates it. Each process has its own, so that
# no test fails for another's write.
MEDIA_ROOT = Path(tempfile.gettempdir()) / f"inmemorystorage-media-{os.getpid()}"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
