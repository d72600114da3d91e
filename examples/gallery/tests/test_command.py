"""The command that starts the gallery, and the first pictures."""

import re
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from gallery.models import Picture, PrivatePicture
from gallery.seeds import PRIVATE_SEEDS, SEEDS, seed_all
from samples import state, stored, write

MANAGE = Path(__file__).parent.parent / "manage.py"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Yield a function that starts the site in a process and returns it with its URL."""
    processes = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def start(*options):
        command = [sys.executable, "-W", "error", str(MANAGE), "gallery", "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process, re.fullmatch(r"Gallery: (http://\S+)\n", process.stdout.readline())[1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def fetch(url):
    """Return the content at a URL."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def test_site_starts_serves_and_stops(serve, tmp_path):
    """The site shows its first pictures, and leaves nothing on the disk when it stops."""
    process, address = serve()
    page = fetch(address).decode()
    thumbnails = re.findall(r'src="/(media/thumbnails/[^"]+)"', page)
    assert len(thumbnails) + page.count("<video") == len(SEEDS)
    assert fetch(address + thumbnails[0])[:2] in {b"\xff\xd8", b"\x89P"}
    assert list(tmp_path.iterdir())
    process.terminate()
    assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []


def test_no_seed_starts_empty(serve):
    """--no-seed shows no pictures, and the printed password opens the admin."""
    process, address = serve("--no-seed")
    assert "No pictures yet" in fetch(address).decode()
    user, password = re.search(r"user: (\S+) +password: (\S+)", process.stdout.readline()).groups()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(address + "admin/login/?next=/admin/gallery/picture/", timeout=60) as form:
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', form.read().decode())[1]
        login = form.url
    data = {"username": user, "password": password, "csrfmiddlewaretoken": token}
    with opener.open(login, urllib.parse.urlencode(data).encode(), timeout=60) as page:
        assert page.url == address + "admin/gallery/picture/"


def test_load_serves_any_file(serve, tmp_path_factory):
    """--load serves files that the forms would refuse."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "notes").mkdir()
    (directory / "notes" / "today.txt").write_text("as it is")
    _, address = serve("--no-seed", "--load", str(directory))
    assert fetch(f"{address}media/notes/today.txt") == b"as it is"


def test_over_shows_a_directory_unchanged(serve, tmp_path_factory):
    """--over shows the pictures of a directory, and changes nothing there."""
    directory = tmp_path_factory.mktemp("photos")
    # easy-thumbnails gives them one thumbnail name if the storage is at "/gallery".
    names = ["2001/lake.jpg", "2001/gallery/lake.jpg"]
    for name in names:
        write(directory / name)
    before = state(directory)
    process, address = serve("--over", str(directory))
    lines = [process.stdout.readline() for _ in range(2)]
    assert f"Over:    '{directory}'" in lines[1]
    assert "which is not changed. Pictures shown: 2, other files skipped: 0." in lines[1]
    thumbnails = {*re.findall(r'src="/(media/thumbnails/[^"]+)"', fetch(address).decode())}
    assert len(thumbnails) == 2
    assert {fetch(address + thumbnail)[:2] for thumbnail in thumbnails} == {b"\xff\xd8"}
    for name in names:
        assert fetch(f"{address}media/{name}") == (directory / name).read_bytes()
    process.terminate()
    assert process.wait(60) == 0
    assert state(directory) == before


def test_taken_port_is_reported_with_the_cure():
    """The command refuses a taken port, and names the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} .*--port NUMBER"):
            call_command("gallery", port=port)


def test_impossible_port_is_reported():
    """The command refuses a port that is out of range, and names it."""
    with pytest.raises(CommandError, match="Port 70000 cannot be used"):
        call_command("gallery", port=70000)


def test_seeds_are_pictures(db):
    """Each seed is stored as a picture of the format in its name."""
    seed_all()
    assert Picture.objects.count() == len(stored("pictures")) == len(SEEDS)
    assert PrivatePicture.objects.count() == len(PRIVATE_SEEDS)
    stills = [picture for picture in Picture.objects.all() if not picture.is_video]
    assert len(stills) == len(SEEDS) - 1
    for picture in stills:
        with default_storage.open(picture.file.name) as file, Image.open(file) as image:
            image.load()
            assert min(image.size) >= 500
            assert picture.file.name.endswith(("jpg", image.format.lower()))


def test_seeds_are_the_same_on_each_start():
    """The drawings are the same each time, since they use a fixed random seed."""
    draw = {name: draw for _, name, draw in SEEDS}["ribbons.png"]
    assert draw() == draw()
