"""The suites, and the storages that they run on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import django


@dataclass(frozen=True)
class Row:
    """
    A storage that the suites run on: its name in reports, and its entry in `STORAGES`.

    With `runner`, that test runner replaces the storage.
    """

    title: str
    setting: Mapping[str, object] = field(hash=False)
    runner: str = ""


def ours(title: str, **options: object) -> Row:
    """Return a row for this package's storage with these options."""
    return Row(title, {"BACKEND": "inmemorystorage.InMemoryStorage", "OPTIONS": options})


DISK = Row("FileSystemStorage", {"BACKEND": "django.core.files.storage.FileSystemStorage"})
DJANGO = Row("Django's in-memory", {"BACKEND": "django.core.files.storage.InMemoryStorage"})
PLAIN = ours("ours as it comes")
LIKE_DISK = ours("ours, filesystem", behaves_like="filesystem")
KIT = replace(DISK, title="the runner added", runner="kit_runner.KitRunner")
KIT_INSTEAD_OF_MOTO = replace(
    DISK, title="the runner, no moto", runner="moto_runners.KitInsteadOfMotoRunner"
)
LENT = ours("ours, lent paths", behaves_like="filesystem", lend_paths=True)

SUITE_ROWS = (DISK, DJANGO, PLAIN, LENT)
KIT_ROWS = (DISK, KIT)
MOTO_ROWS = (DISK, KIT_INSTEAD_OF_MOTO)
IN_MEMORY_ROWS = (DISK, DJANGO, PLAIN, LIKE_DISK)
PREDECESSOR_ROWS = (PLAIN,)


@dataclass(frozen=True)
class Suite:
    """A source distribution, and how to run its tests.

    `folder` is the part of the distribution that the tests need and run in, without the entries
    named in `without`; `paths`, relative to it, are importable; `command` has the interpreter's
    arguments; `settings` is the suite's own settings module. At least `at_least` tests must run.
    The storage is always the default storage; with `swap` it also replaces that class of
    `django.core.files.storage`.
    """

    title: str
    requirement: str
    command: tuple[str, ...]
    settings: str
    at_least: int
    folder: str = "."
    paths: tuple[str, ...] = (".",)
    without: tuple[str, ...] = ()
    swap: str = ""
    runner: str = "recorder.RecordingRunner"

    @property
    def project(self) -> str:
        """Return the name of the suite's project."""
        return self.requirement.partition("==")[0]


EASY_THUMBNAILS = Suite(
    title="easy-thumbnails 2.10",
    requirement="easy-thumbnails==2.10",
    command=("-m", "django", "test", "easy_thumbnails"),
    settings="easy_thumbnails.tests.settings",
    at_least=128,
)
IMPORT_EXPORT = Suite(
    title="django-import-export 4.4.3",
    requirement="django-import-export==4.4.3",
    command=("tests/manage.py", "test", "core"),
    settings="settings",
    at_least=723,
    paths=("tests", "."),
)
FORMTOOLS = Suite(
    title="django-formtools 2.7",
    requirement="django-formtools==2.7",
    command=("-m", "django", "test", "tests"),
    settings="tests.settings",
    at_least=100,
)
DJANGO_FILES = Suite(
    title=f"Django {django.__version__}, six folders",
    requirement=f"Django=={django.__version__}",
    command=(
        *("runtests.py", "--parallel=1", "admin_widgets", "file_uploads", "files", "forms_tests"),
        *("model_fields", "model_forms"),
    ),
    settings="test_sqlite",
    at_least=1900,
    folder="tests",
)
SUITES = (EASY_THUMBNAILS, IMPORT_EXPORT, FORMTOOLS, DJANGO_FILES)

# Most of their tests make storages, and do not use the default one.
SWAPPED_SUITES = tuple(replace(suite, swap="FileSystemStorage") for suite in SUITES)

IN_MEMORY_TESTS = replace(
    DJANGO_FILES,
    title=f"Django {django.__version__}, test_inmemory_storage",
    command=("runtests.py", "--parallel=1", "file_storage.test_inmemory_storage"),
    at_least=23,
    swap="InMemoryStorage",
    runner="recorder.FreshRootRunner",
)

# They import this package's storage, whose name the distribution's own package has.
PREDECESSOR_TESTS = Suite(
    title="dj-inmemorystorage 2.1.0",
    requirement="dj-inmemorystorage==2.1.0",
    command=("-m", "django", "test", "tests"),
    settings="django.conf.global_settings",
    at_least=14,
    without=("inmemorystorage",),
)

BUCKETS = ("s3", "gcloud", "azure")
# Tests of storages on S3, Google Cloud Storage and Azure; those on S3 with a bucket run on moto.
BUCKET_TESTS = Suite(
    title="django-storages 1.14.6",
    requirement="django-storages==1.14.6",
    command=("-m", "django", "test", *(f"tests.test_{name}" for name in BUCKETS)),
    settings="tests.settings",
    at_least=135,
    runner="moto_runners.MotoRunner",
)
