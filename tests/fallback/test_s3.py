"""FallbackStorage over production's bucket, which is read and never changed."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket, Server, needs_s3, s3_server, silent_port
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils.module_loading import import_string
from PIL import Image
from projects import Project, make_project

from inmemorystorage import FallbackStorage

pytestmark = [pytest.mark.once, needs_s3]

S3 = "storages.backends.s3.S3Storage"
MEMORY = "inmemorystorage.InMemoryStorage"
PICTURES = [f"pictures/{number}.jpg" for number in range(4)]
TEXTS = [f"texts/{number % 10}/{number}.txt" for number in range(996)]

SETTINGS = """
INSTALLED_APPS += ["easy_thumbnails"]
FALLBACK_STORAGES = ("{memory}", "{s3}")
STORAGES = {{
    "default": {{"BACKEND": "inmemorystorage.FallbackStorage", "OPTIONS": {options}}},
    "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
}}
THUMBNAIL_DEFAULT_STORAGE_ALIAS = "default"
AWS_S3_ACCESS_KEY_ID = "{access_key}"
AWS_S3_SECRET_ACCESS_KEY = "{secret_key}"
AWS_S3_REGION_NAME = "{region_name}"
AWS_S3_ENDPOINT_URL = "{endpoint_url}"
AWS_STORAGE_BUCKET_NAME = "{bucket_name}"
AWS_S3_FILE_OVERWRITE = False
"""

START = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage as storage
from django.core.management import call_command

def walk(directory=""):
    directories, files = storage.listdir(directory)
    prefix = f"{directory}/" if directory else ""
    yield from (prefix + file for file in files)
    for each in directories:
        yield from walk(prefix + each)

def read(name):
    with storage.open(name) as file:
        return file.read()

def write(name, content, mode):
    with storage.open(name, mode) as file:
        file.write(content)
"""
BROWSE = """
names = [*walk()]
assert len(names) == len(set(names)) == 1_000, len(names)
for name in names[::50]:
    assert storage.exists(name)
    assert storage.size(name) == len(read(name)) > 0
    assert storage.get_modified_time(name).tzinfo is not None
    assert name in storage.url(name)
    assert storage.which(name) == "storages.backends.s3.S3Storage"
"""
THUMBNAIL = """
from easy_thumbnails.files import get_thumbnailer
call_command("migrate", verbosity=0)
for name in storage.listdir("pictures")[1]:
    thumbnail = get_thumbnailer(storage, f"pictures/{name}").get_thumbnail({"size": (16, 16)})
    assert (thumbnail.width, thumbnail.height) == (16, 12)
    assert storage.which(thumbnail.name) == "inmemorystorage.InMemoryStorage"
"""
CHANGE = """
write("texts/1/1.txt", b"overwritten", "wb")
assert read("texts/1/1.txt") == b"overwritten"
saved = storage.save("texts/2/2.txt", ContentFile(b"saved"))
assert (saved != "texts/2/2.txt", read(saved)) == (True, b"saved")
storage.delete("texts/3/3.txt")
assert not storage.exists("texts/3/3.txt")
"""
# Changes that an S3Storage does not support.
CHANGE_IN_PLACE = """
write("texts/4/4.txt", b" and more", "ab")
assert read("texts/4/4.txt") == b"text 4 and more"
write("texts/5/5.txt", b"TEXT", "rb+")
assert read("texts/5/5.txt") == b"TEXT 5"
storage.delete("pictures/3.jpg")
storage.delete("texts/9")
"""
LIST_AGAIN = """
files = storage.listdir("texts/3")[1]
assert "3.txt" not in files and "13.txt" in files
assert "3.jpg" not in storage.listdir("pictures")[1]
assert sorted(storage.listdir("texts")[0]) == list("012345678")
for name in ["texts/3/3.txt", "texts/9/9.txt", "missing"]:
    try:
        storage.open(name)
    except FileNotFoundError:
        continue
    raise AssertionError(name)
"""


@pytest.fixture
def bucket(server: Server) -> Iterator[Bucket]:
    """Return a bucket with a few files."""
    bucket = server.make_bucket()
    bucket.fill([(name, content(name)) for name in [*PICTURES, *TEXTS[:10]]])
    yield bucket
    server.refuses = False


def content(name: str) -> bytes:
    """Return the content of one of production's files."""
    if name.endswith(".txt"):
        return f"text {Path(name).stem}".encode()
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (40 * int(Path(name).stem), 90, 160)).save(stream, "JPEG")
    return stream.getvalue()


def project_over(bucket: Bucket, directory: Path, **options: Any) -> Project:
    """Make a project with a FallbackStorage over a bucket."""
    settings = SETTINGS.format(memory=MEMORY, s3=S3, options=options, **bucket.options)
    return make_project(directory, settings=settings)


def read(storage: FallbackStorage, name: str) -> bytes:
    """Return the content of a file."""
    with storage.open(name) as file:
        return file.read()


def repickled(storage: FallbackStorage) -> FallbackStorage:
    """Return a storage from its pickle."""
    return pickle.loads(pickle.dumps(storage))


def rebuilt(storage: FallbackStorage) -> FallbackStorage:
    """Return the storage that a migration makes."""
    path, arguments, options = storage.deconstruct()
    return import_string(path)(*arguments, **options)


def over(bucket: Bucket, **more: Any) -> FallbackStorage:
    """Return a FallbackStorage over a bucket."""
    return FallbackStorage([MEMORY, {"BACKEND": S3, "OPTIONS": bucket.options} | more])


def test_production_stays_as_it_is(tmp_path: Path, server: Server) -> None:
    """A project's changes leave 1,000 objects as they are, and send the bucket only reads."""
    bucket = server.make_bucket()
    bucket.fill([(name, content(name)) for name in [*PICTURES, *TEXTS]])
    before = bucket.tags()
    server.requests.clear()
    project = project_over(bucket, tmp_path)
    project.python(START + BROWSE + THUMBNAIL + CHANGE + CHANGE_IN_PLACE + LIST_AGAIN)
    assert len(bucket.requests()) > 100
    assert bucket.changes() == []
    assert (len(before), bucket.tags()) == (1_000, before)


def test_production_changes_when_it_is_writable(tmp_path: Path, bucket: Bucket) -> None:
    """The same changes reach a bucket that is writable."""
    before = bucket.tags()
    project_over(bucket, tmp_path, writable=[S3]).python(START + CHANGE)
    after = bucket.tags()
    assert {method for method, _ in bucket.changes()} >= {"PUT", "POST", "DELETE"}
    assert before["texts/1/1.txt"] != after["texts/1/1.txt"]
    assert "texts/3/3.txt" not in after
    assert len({*after} - {*before}) == 1


@pytest.mark.parametrize("use", ["open", "size", "get_modified_time"])
def test_a_missing_file(bucket: Bucket, use: str) -> None:
    """A file that neither layer has raises FileNotFoundError, whatever boto3 raises."""
    storage = over(bucket)
    with pytest.raises(FileNotFoundError):
        getattr(storage, use)("missing")
    assert (storage.exists("missing"), storage.which("missing")) == (False, None)


def test_a_bucket_that_refuses(bucket: Bucket) -> None:
    """A bucket's 403 is in the notes of an error; files of the upper layer are not affected."""
    storage = over(bucket)
    bucket.server.refuses = True
    upper = storage.save("upper", ContentFile(b"content"))  # the bucket cannot tell if it is free
    assert (storage.exists(upper), storage.listdir("")) == (True, ([], [upper]))
    with pytest.raises(FileNotFoundError) as info:
        storage.open("texts/0/0.txt")
    assert any("ClientError" in note and "403" in note for note in info.value.__notes__)


@pytest.mark.parametrize("copied", [rebuilt, copy.deepcopy, repickled])
def test_copies(
    bucket: Bucket, settings, copied: Callable[[FallbackStorage], FallbackStorage]
) -> None:
    """A copy, and a storage from a pickle or a migration, reads the bucket."""
    storages = {**settings.STORAGES, "production": {"BACKEND": S3, "OPTIONS": bucket.options}}
    settings.STORAGES = storages
    storage = FallbackStorage([MEMORY, "production"])
    assert read(storage, "texts/1/1.txt") == b"text 1"
    other = copied(storage)
    assert read(other, "texts/1/1.txt") == b"text 1"


def test_a_timeout_keeps_connections(bucket: Bucket) -> None:
    """Calls with a timeout share a session, of which S3Storage makes one for each thread."""
    sessions: list[object] = []

    class Counting(import_string(S3)):
        def _create_session(self) -> Any:
            sessions.append(super()._create_session())
            return sessions[-1]

    production = {"BACKEND": Counting, "OPTIONS": bucket.options, "timeout": 60}
    storage = FallbackStorage([MEMORY, production])
    assert all(storage.exists(name) for name in PICTURES * 5)
    assert len(sessions) == 1


def test_a_pickled_path(bucket: Bucket) -> None:
    """A layer is made again from its entry, since S3Storage's pickle loses boto3's options."""
    assert read(repickled(over(bucket)), "texts/1/1.txt") == b"text 1"


def test_directories_that_a_console_made(bucket: Bucket) -> None:
    """A directory that has only its own key is listed, and can be listed."""
    bucket.fill([("empty/", b"")])
    storage = over(bucket)
    assert "empty" in storage.listdir("")[0]
    assert storage.listdir("empty") == ([], [])


def ask_for_pictures(storage: FallbackStorage) -> None:
    """Ask for the pictures of a page, as a gallery does; none of them is found."""
    for name in PICTURES * 5:
        assert not storage.exists(name)
        with pytest.raises(FileNotFoundError):
            storage.open(name)
    assert storage.listdir("") == ([], [])


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings in the log."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("timeout", [None, 0.5])
def test_a_server_that_was_stopped(caplog: pytest.LogCaptureFixture, timeout: float | None) -> None:
    """A port that nothing listens on is asked once, and not for each picture."""
    with s3_server() as server:
        bucket = server.make_bucket()
    ask_for_pictures(over(bucket, timeout=timeout))
    assert len(warnings_in(caplog)) == 1
    assert f"{S3} does not answer" in caplog.text


def test_a_server_that_never_answers(caplog: pytest.LogCaptureFixture) -> None:
    """A port that accepts and never answers costs one timeout."""
    with silent_port() as (endpoint, accepted):
        storage = over(Bucket(Server(endpoint), "bucket"), timeout=0.5)
        ask_for_pictures(storage)
        saved = storage.save("pictures/0.jpg", ContentFile(b"content"))
        assert (saved != "pictures/0.jpg", read(storage, saved)) == (True, b"content")
        assert len(accepted) <= 1  # none, if making the client takes longer
    assert warnings_in(caplog)[0].startswith(f"{S3} does not answer (TimeoutError")
    assert len(warnings_in(caplog)) == 1


@pytest.mark.parametrize("name", [r".fallback\deleted\.fallback\a", r"x\..\.fallback/deleted\a"])
def test_whiteouts_in_a_bucket(bucket: Bucket, name: str) -> None:
    """A whiteout in a bucket can be neither made nor removed through backslashes."""
    lower = import_string(MEMORY)()
    for each in ("a", "b"):
        lower.save(each, ContentFile(b"content"))
    storage = FallbackStorage([{"BACKEND": S3, "OPTIONS": bucket.options}, lower])
    storage.delete("b")
    for mode in ("wb", "w", "ww"):
        with pytest.raises((SuspiciousFileOperation, ValueError)):
            storage.open(name, mode)
    for change in (storage.delete, lambda name: storage.save(name, ContentFile(b""))):
        with pytest.raises(SuspiciousFileOperation):
            change(f"{name[:-1]}b")
    assert (storage.exists("a"), storage.exists("b")) == (True, False)


HOLDERS: list[Callable[[Any], Any]] = [
    lambda file: file,
    File,
    lambda file: file.file,
    lambda file: File(file.file),
]


@pytest.mark.parametrize("hold", HOLDERS)
def test_handles_write_nothing_to_a_bucket(bucket: Bucket, hold: Callable[[Any], Any]) -> None:
    """A handle of a bucket's file writes nothing there, whatever holds it."""
    before = bucket.tags()
    bucket.server.requests.clear()
    opened = over(bucket).open("texts/1/1.txt")
    held = hold(opened)
    for write in (lambda: held.write(b"mine"), lambda: held.truncate(0)):
        with pytest.raises(io.UnsupportedOperation):
            write()
    opened.close()
    with suppress(ValueError, AttributeError), held.open("wb") as file:
        file.write(b"mine")
    assert (bucket.changes(), bucket.tags()) == ([], before)
