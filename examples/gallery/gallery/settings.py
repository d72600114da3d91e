"""Settings of the gallery, a site for one machine that keeps nothing unless it has a store."""

import os

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from . import sharing
from .formats import SUFFIXES

# Sessions end with the process, and so does the key.
SECRET_KEY = get_random_secret_key()
# Show django-debug-toolbar, with the operations of each page on storages.
TOOLBAR = os.environ.get("GALLERY_TOOLBAR") == "1"
DEBUG = TOOLBAR or os.environ.get("GALLERY_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

MEBIBYTE = 1024 * 1024
# Seconds until the URL of a private picture expires.
ADDRESS_LIFETIME = int(os.environ.get("GALLERY_ADDRESS_LIFETIME", "300"))

# The library needs only this. Past max_size a save raises OSError(ENOSPC), as on a full disk.
STORAGES = {
    "default": {
        "BACKEND": "inmemorystorage.InMemoryStorage",
        "OPTIONS": {"max_size": 256 * MEBIBYTE},
    },
    # url() returns signed URLs; without a valid signature a file is not served.
    "private": {
        "BACKEND": "inmemorystorage.InMemoryStorage",
        "OPTIONS": {
            "max_size": 256 * MEBIBYTE,
            "base_url": "/private/",
            "location": "/gallery-private",
            "querystring_auth": True,
            "querystring_expire": ADDRESS_LIFETIME,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# A bucket on S3 for public files; `manage.py testserver` keeps it in memory.
BUCKET = os.environ.get("GALLERY_BUCKET")
if BUCKET is not None:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {"bucket_name": BUCKET},
    }
# The store of `--store`: a URI, such as a Redis server's. All processes on it share the files.
STORE = os.environ.get("GALLERY_STORE")
if STORE is not None:
    for alias, location in {"default": ".gallery/public", "private": ".gallery/private"}.items():
        options = STORAGES[alias]["OPTIONS"]
        del options["max_size"]  # the store limits the size
        options.update(uri=STORE, location=location)
        STORAGES[alias]["BACKEND"] = "inmemorystorage.kvstore.KeyValueStorage"
    # The processes share the signing key and the database, as on any site.
    SHARED = sharing.directory_of(STORE)
    SECRET_KEY = sharing.key_in(SHARED)
    DEFAULT_EXCEPTION_REPORTER_FILTER = "gallery.store.StoreFilter"

# The directory of `--over`: the lower layer, below memory, which is never written.
OVER = os.environ.get("GALLERY_OVER")
if OVER is not None and STORE is not None:
    raise ImproperlyConfigured("Give --over DIRECTORY or --store URI, not both.")
if OVER is not None:
    STORAGES["memory"] = {
        "BACKEND": "inmemorystorage.InMemoryStorage",
        # easy-thumbnails cuts the location out of names that contain it. It is hidden, because no
        # picture's name contains a hidden directory.
        "OPTIONS": {"max_size": 256 * MEBIBYTE, "location": "/.gallery"},
    }
    STORAGES["default"] = {
        "BACKEND": "inmemorystorage.FallbackStorage",
        "OPTIONS": {
            "backends": [
                "memory",
                {
                    "BACKEND": "django.core.files.storage.FileSystemStorage",
                    "OPTIONS": {"location": OVER},
                    # Other files there, and hidden ones, are private.
                    "only": [f"*{form}" for each in SUFFIXES for form in (each, each.upper())],
                    "skip": [".*", "*/.*", "thumbnails/*"],
                },
            ]
        },
    }
MEDIA_URL = "/media/"
# The storage's name for its root: the directory is neither needed nor created.
MEDIA_ROOT = "/gallery"
STATIC_URL = "/static/"

# easy-thumbnails keeps thumbnails in the storage of this alias.
THUMBNAIL_DEFAULT_STORAGE_ALIAS = "default"
THUMBNAIL_BASEDIR = "thumbnails"
# Their names are in no file field.
INMEMORYSTORAGE_IGNORED_ORPHANS = [f"{THUMBNAIL_BASEDIR}/*"]
THUMBNAIL_SOURCE_GENERATORS = ["gallery.thumbnails.first_frame"]
THUMBNAIL_ALIASES = {
    "": {
        "grid": {"size": (480, 480), "crop": True},
        "admin": {"size": (72, 72), "crop": True},
    }
}

# Uploads stay in memory while they arrive, too; larger ones go through temporary files.
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * MEBIBYTE
MAX_SIZES = {"picture": 16 * MEBIBYTE, "video": 128 * MEBIBYTE}
PICTURES_PER_PAGE = 12

INSTALLED_APPS = [
    "gallery",
    "inmemorystorage",
    "easy_thumbnails",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if TOOLBAR:
    INSTALLED_APPS.append("debug_toolbar")
    MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
    INTERNAL_IPS = ["127.0.0.1"]
    DEBUG_TOOLBAR_CONFIG = {"SHOW_COLLAPSED": True}
    DEBUG_TOOLBAR_PANELS = [
        "debug_toolbar.panels.history.HistoryPanel",
        "debug_toolbar.panels.timer.TimerPanel",
        "debug_toolbar.panels.sql.SQLPanel",
        "inmemorystorage.toolbar.StoragePanel",
    ]
ROOT_URLCONF = "gallery.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gallery.store.shown_store",
            ],
        },
    }
]

# The gallery command sets its own file here, which lives as long as the pictures do, unless
# there is a store, whose database is kept.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:" if STORE is None else SHARED / "gallery.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}
# A transaction that reads before it writes fails at once if another one wrote in between,
# unless it takes the lock when it begins, which Django supports since 5.1.
if django.VERSION >= (5, 1):
    DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# Errors go to the terminal; for a 404 the server's own line is enough.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},
}
