import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "for a generated project"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "library",
    "uploads",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "uploads.urls"
MEDIA_ROOT = os.path.join(BASE_DIR, "media")
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(BASE_DIR, "collected")
FILE_SYSTEM = "django.core.files.storage.FileSystemStorage"
PRIVATE_ROOT = os.path.join(BASE_DIR, "private")
STORAGES = {
    "default": {"BACKEND": FILE_SYSTEM},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "project": {"BACKEND": "library.storages.ProjectStorage"},
    "archive": {"BACKEND": FILE_SYSTEM, "OPTIONS": {"location": BASE_DIR / "archive"}},
    "memory": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "django": {
        "BACKEND": "django.core.files.storage.InMemoryStorage",
        "OPTIONS": {"base_url": "/files/"},
    },
    "pathless": {"BACKEND": "library.storages.SignedPathlessStorage"},
}
# Settings of other packages and the project's own, which name the same directories or some below.
SENDFILE_ROOT = Path(MEDIA_ROOT) / "sent"
PRIVATE_STORAGE_ROOT = PRIVATE_ROOT
UPLOADS_DIR = f"{MEDIA_ROOT}/uploads/"
THUMBNAILS = {"ROOT": os.path.join(MEDIA_ROOT, "thumbs"), "SIZES": [10, 20], "URL": "/thumbs/"}
IMPORT_DIRS = [os.path.join(MEDIA_ROOT, "import"), "relative"]
ARCHIVES = (STORAGES["archive"]["OPTIONS"]["location"], 7)
