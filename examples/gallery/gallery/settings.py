"""Settings of the gallery: a site for one machine, gone with its process unless it has a store."""

import os

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from . import sharing
from .formats import SUFFIXES

# Sessions go with the process, so the key does too.
SECRET_KEY = get_random_secret_key()
DEBUG = os.environ.get("GALLERY_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

MEBIBYTE = 1024 * 1024
# For how many seconds the address of a private picture is good.
ADDRESS_LIFETIME = int(os.environ.get("GALLERY_ADDRESS_LIFETIME", "300"))

# All that the library needs. Past max_size a save raises OSError(ENOSPC), as on a full disk.
STORAGES = {
    "default": {
        "BACKEND": "inmemorystorage.InMemoryStorage",
        "OPTIONS": {"max_size": 256 * MEBIBYTE},
    },
    # url() signs what it answers; what is not signed, or no longer good, is not served.
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
# The store of `--store`: a URI, as that of a Redis server. All processes on it have the same files.
STORE = os.environ.get("GALLERY_STORE")
if STORE is not None:
    for alias, location in {"default": ".gallery/public", "private": ".gallery/private"}.items():
        options = STORAGES[alias]["OPTIONS"]
        del options["max_size"]  # how much there is room for, the store says
        options.update(uri=STORE, location=location)
        STORAGES[alias]["BACKEND"] = "inmemorystorage.kvstore.KeyValueStorage"
    # They sign with one key, and have one database, as with any site of several processes.
    SHARED = sharing.directory_of(STORE)
    SECRET_KEY = sharing.key_in(SHARED)
    DEFAULT_EXCEPTION_REPORTER_FILTER = "gallery.store.StoreFilter"

# The directory of `--over`. Its files are seen below those in memory, and none of them is written.
OVER = os.environ.get("GALLERY_OVER")
if OVER is not None and STORE is not None:
    raise ImproperlyConfigured("Give --over DIRECTORY or --store URI, not both.")
if OVER is not None:
    STORAGES["memory"] = {
        "BACKEND": "inmemorystorage.InMemoryStorage",
        # easy-thumbnails takes the location out of names that have it, so it is a hidden one.
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
                    # What else a person keeps there is nobody's business, nor are hidden files.
                    "only": [f"*{form}" for each in SUFFIXES for form in (each, each.upper())],
                    "skip": [".*", "*/.*", "thumbnails/*"],
                },
            ]
        },
    }
MEDIA_URL = "/media/"
# What the storage calls its root; no such directory is needed, and none is made.
MEDIA_ROOT = "/gallery"
STATIC_URL = "/static/"

# easy-thumbnails keeps what it makes in the storage of this alias.
THUMBNAIL_DEFAULT_STORAGE_ALIAS = "default"
THUMBNAIL_BASEDIR = "thumbnails"
THUMBNAIL_SOURCE_GENERATORS = ["gallery.thumbnails.first_frame"]
THUMBNAIL_ALIASES = {
    "": {
        "grid": {"size": (480, 480), "crop": True},
        "admin": {"size": (72, 72), "crop": True},
    }
}

# Uploads stay in memory on their way in, too; larger requests pass through temporary files.
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

# The gallery command puts a file of its own here, which lives as long as the pictures do, unless
# there is a store, beside which one stays.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:" if STORE is None else SHARED / "gallery.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}
# A transaction that reads before it writes fails at once where another one has written meanwhile,
# unless it takes the lock when it begins. Django knows how since 5.1.
if django.VERSION >= (5, 1):
    DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# Failures are shown in the terminal; the server's own line says enough about a 404.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},
}
