"""A store that several processes share, chosen with `--store`."""

import os
import re
import runpy
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from engines.processes import free_port
from engines.redis import redis_server
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.testing import override_storages

import gallery.settings
from gallery.models import Picture, PrivatePicture
from gallery.rows import agree_with_store
from gallery.seeds import PRIVATE_SEEDS, SEEDS
from gallery.sharing import directory_of, key_in
from gallery.store import check_store
from samples import image_at, picture_bytes, picture_file, stored, video_file
from site_process import MANAGE, running_site


@pytest.fixture(scope="module")
def redis():
    """Yield the URL of the tests' own Redis server."""
    pytest.importorskip("redis")
    with redis_server() as server:
        yield server


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Return a function that returns the settings with a store."""
    monkeypatch.setenv("GALLERY_SHARED", str(tmp_path / "shared"))

    def configure(uri):
        monkeypatch.setenv("GALLERY_STORE", uri)
        return runpy.run_path(gallery.settings.__file__, run_name="gallery.settings")

    return configure


@pytest.fixture
def use(configured, monkeypatch, settings):
    """Yield a function that moves the gallery onto a store until the test ends."""
    with ExitStack() as stack:

        def on(uri):
            read = configured(uri)
            for name in ("STORE", "SHARED", "SECRET_KEY", "DEFAULT_EXCEPTION_REPORTER_FILTER"):
                setattr(settings, name, read[name])
            default, private = (
                storages.create_storage(read["STORAGES"][alias]) for alias in ("default", "private")
            )
            album = {"private": private, "gallery.PrivatePicture.file": private}
            stack.enter_context(override_storages({"default": default, **album}))
            monkeypatch.setattr(PrivatePicture.file.field, "thumbnail_storage", private)

        yield on


@pytest.fixture(params=["locmem", "redis"])
def store(request, use, tmp_path):
    """Put the gallery of this process on a store, on a real server."""
    namespace = re.sub(r"\W", "-", request.node.name)
    if request.param == "redis":
        use(f"{request.getfixturevalue('redis').uri}?namespace={namespace}")
    else:
        use(f"locmem://{namespace}")


@pytest.fixture
def site_on(tmp_path, monkeypatch):
    """Yield a function that starts the site on a store, in a process, and returns its URL."""
    monkeypatch.setenv("GALLERY_SHARED", str(tmp_path / "shared"))
    with ExitStack() as sites:

        def start(uri, *options):
            log = tmp_path / f"log-{free_port()}"
            return sites.enter_context(running_site("--store", uri, *options, log=log))

        yield start


def fetch(url):
    """Return the content at a URL."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def sources(page):
    """Return the URLs of the images on a page."""
    return [each.replace("&amp;", "&") for each in re.findall(r'<img src="([^"]+)"', page)]


def test_upload_is_in_the_store(client, store, upload):
    """The gallery stores an upload and its thumbnails in the store, and serves them from it."""
    upload(picture_file("pond.jpg"), video_file())
    assert [name for name in stored() if "thumbnails" not in name] == [
        "pictures/pond.jpg",
        "pictures/waves.webm",
    ]
    assert isinstance(storages["default"], KeyValueStorage)
    assert image_at(client, "/media/pictures/pond.jpg").size == (640, 480)
    assert image_at(client, Picture.objects.last().file["grid"].url).size == (480, 480)


def test_range_is_served_from_the_store(client, store, upload):
    """A player that requests a range of a stored video gets it."""
    upload(video_file())
    whole = video_file().read()
    response = client.get("/media/pictures/waves.webm", headers={"range": "bytes=100-199"})
    assert (response.status_code, response.getvalue()) == (206, whole[100:200])
    response.close()


def test_deleted_picture_leaves_the_store(client, store, upload, commit):
    """Deletion removes a picture and its thumbnails from the store."""
    upload(picture_file("pond.jpg"))
    with commit():
        client.post(f"/pictures/{Picture.objects.get().pk}/delete/")
    assert stored() == []


def test_album_is_private_and_signed(client, store, upload):
    """A private picture is served only at its signed URL, and is not among the public ones."""
    upload(picture_file("diary.jpg"), address="/album/upload/")
    url = PrivatePicture.objects.get().file.url
    assert image_at(client, url).size == (640, 480)
    assert client.get(url.partition("?")[0]).status_code == 403
    assert stored() == []


def test_pages_name_the_store(client, store, upload, settings):
    """The footer and the storages' page name the store, and list its content."""
    upload(picture_file("pond.jpg"))
    page = client.get("/storage/").content.decode()
    place = settings.STORE.partition("?")[0]
    assert f"All that is added here is in {place}, for all processes" in page
    assert "    pond.jpg (" in page


def test_rows_without_files_are_deleted(store, upload):
    """The gallery deletes the rows whose files the store lost."""
    upload(picture_file("pond.jpg"), picture_file("lake.jpg"))
    default_storage.delete("pictures/pond.jpg")
    agree_with_store()
    assert [picture.file.name for picture in Picture.objects.all()] == ["pictures/lake.jpg"]


def test_files_without_rows_are_found(client, store, upload):
    """The gallery creates rows for the store's pictures in a new database, in their own section."""
    upload(picture_file("my_pond.jpg"), video_file())
    upload(picture_file("diary.jpg"), address="/album/upload/")
    default_storage.save("pictures/notes.txt", ContentFile(b"Buy bread."))
    before = stored()
    Picture.objects.all()._raw_delete("default")
    PrivatePicture.objects.all()._raw_delete("default")
    agree_with_store()
    assert sorted(map(str, Picture.objects.all())) == ["My pond", "Waves"]
    assert [*map(str, PrivatePicture.objects.all())] == ["Diary"]
    assert stored() == before


def test_processes_on_a_store_share_a_key(tmp_path, monkeypatch):
    """The processes on a store use one key, which only the owner can read."""
    monkeypatch.setenv("GALLERY_SHARED", str(tmp_path / "shared"))
    uris = ["redis://:one@host/0", "redis://:two@host/0", "redis://host/1"]
    first, same, other = map(directory_of, uris)
    assert first == same != other
    assert key_in(first) == key_in(same) != key_in(other)
    assert len(key_in(first)) >= 50
    assert [path.stat().st_mode & 0o077 for path in (first, first / "secret_key")] == [0, 0]


def test_over_and_store_exclude_each_other(configured, monkeypatch):
    """The settings refuse --over and --store together, and name both."""
    monkeypatch.setenv("GALLERY_OVER", "/photos")
    with pytest.raises(ImproperlyConfigured, match=r"--over DIRECTORY or --store URI, not both"):
        configured("locmem://")


def test_store_needs_the_settings():
    """call_command() with --store raises, and says how to start."""
    with pytest.raises(CommandError, match=r"gallery --store URI`, or set GALLERY_STORE=URI\."):
        call_command("gallery", port=0, store="locmem://")


def test_store_that_cannot_list_is_refused(monkeypatch, settings):
    """The gallery raises the storage's error if the store cannot list."""
    settings.STORE = "locmem://cannot-list"
    backend = "inmemorystorage.kvstore.backends.locmem.LocmemBackend.lists_entries"
    monkeypatch.setattr(backend, False)
    with pytest.raises(ImproperlyConfigured, match=r"cannot list a directory"):
        check_store()


def test_password_is_on_no_page(client, use, settings):
    """No page shows the password, and Django's debug page does not either."""
    pytest.importorskip("redis")
    settings.DEBUG = True
    client.raise_request_exception = False
    use(f"redis://me:s%65cret@127.0.0.1:{free_port()}/0")
    response = client.get("/storage/", SERVER_GALLERY_STORE=settings.STORE)
    page = response.content.decode()
    assert response.status_code == 500
    assert "Connection refused" in page
    assert "127.0.0.1" in page
    assert [text in page for text in ("s%65cret", "secret@", "'secret'")] == [False] * 3


@pytest.mark.parametrize("command", ["gallery", "runserver", "migrate"])
def test_store_that_does_not_answer_is_reported(command, tmp_path):
    """The command exits with 1, and one line that names the store without its password."""
    pytest.importorskip("redis")
    uri = f"redis://me:geheim@127.0.0.1:{free_port()}/0"
    done = subprocess.run(
        [sys.executable, str(MANAGE), command],
        env={"GALLERY_STORE": uri, "GALLERY_SHARED": str(tmp_path), **path_of_modules()},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: redis://127\.0\.0\.1.* Start the store, .*\n", done.stderr)
    assert "geheim" not in done.stderr


def path_of_modules():
    """Return the environment with which another process imports the same modules."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def test_two_processes_share_pictures(redis, site_on):
    """Two processes started at once seed once, show all pictures, and accept each other's URLs."""
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(site_on, [f"{redis.uri}/1"] * 2)
    page, same = (fetch(address).decode() for address in (first, second))
    assert page.count('class="title"') == same.count('class="title"') == len(SEEDS)
    assert sources(page) == sources(same)
    album = fetch(f"{first}/album/").decode()
    assert album.count('class="title"') == len(PRIVATE_SEEDS)
    signed = next(each for each in sources(album) if "signature" in each)
    assert fetch(second + signed) == fetch(first + signed)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(second + signed[:-3])
    for source in sources(page)[1:3]:
        assert fetch(second + source)[:2] in {b"\xff\xd8", b"\x89P"}


def test_processes_print_one_password(redis, tmp_path, monkeypatch):
    """Both processes print the same admin password, and say that the files stay."""
    monkeypatch.setenv("GALLERY_SHARED", str(tmp_path / "shared"))
    command = [sys.executable, "-W", "error", str(MANAGE), "gallery", "--port", "0", "--no-seed"]
    lines = []
    for _ in range(2):
        with subprocess.Popen(
            [*command, "--store", f"{redis.uri}/2"], stdout=subprocess.PIPE, text=True
        ) as process:
            lines.append([process.stdout.readline() for _ in range(4)])
            process.terminate()
        assert process.returncode == 0
    passwords = {re.search(r"password: (\S+)", each[1])[1] for each in lines}
    assert len(passwords) == 1
    assert lines[0][2].startswith(f"Store:   {redis.uri}/2, database in '{tmp_path}")
    assert "stay there" in lines[0][3]


def test_files_outlive_the_database(redis, site_on):
    """A gallery with a new database shows the stored pictures, and draws no others."""
    uri = f"{redis.uri}/3"
    storage = KeyValueStorage(uri, location=".gallery/public")
    with storage.open("pictures/my_pond.jpg", "wb") as file:
        file.write(picture_bytes())
    page = fetch(site_on(uri)).decode()
    assert re.findall(r'class="title">([^<]+)', page) == ["My pond"]
