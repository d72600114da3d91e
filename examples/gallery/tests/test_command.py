"""The command that starts the gallery, and what it starts with."""

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
    """Give a function that starts the site in a process and returns it with its address."""
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
    """Return the content at an address."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def test_the_site_starts_answers_and_stops(serve, tmp_path):
    """A seeded site shows its pictures, and leaves nothing on the disk when it is stopped."""
    process, address = serve()
    page = fetch(address).decode()
    thumbnails = re.findall(r'src="/(media/thumbnails/[^"]+)"', page)
    assert len(thumbnails) + page.count("<video") == len(SEEDS)
    assert fetch(address + thumbnails[0])[:2] in {b"\xff\xd8", b"\x89P"}
    assert list(tmp_path.iterdir())
    process.terminate()
    assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_site_starts_empty_and_lets_the_admin_in(serve):
    """With --no-seed there are no pictures, and the printed password opens the admin."""
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


def test_files_of_a_directory_are_brought_in(serve, tmp_path_factory):
    """With --load the site serves files that no form would take."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "notes").mkdir()
    (directory / "notes" / "today.txt").write_text("as it is")
    _, address = serve("--no-seed", "--load", str(directory))
    assert fetch(f"{address}media/notes/today.txt") == b"as it is"


def test_a_directory_is_shown_and_left_as_it_is(serve, tmp_path_factory):
    """With --over the site shows the pictures of a directory, and changes nothing there."""
    directory = tmp_path_factory.mktemp("photos")
    # easy-thumbnails has one name for their thumbnails where the storage is at "/gallery".
    names = ["2001/lake.jpg", "2001/gallery/lake.jpg"]
    for name in names:
        write(directory / name)
    before = state(directory)
    process, address = serve("--over", str(directory))
    lines = [process.stdout.readline() for _ in range(2)]
    assert f"Over:    '{directory}'" in lines[1]
    assert "nothing is changed. Pictures shown: 2, other files passed over: 0." in lines[1]
    thumbnails = {*re.findall(r'src="/(media/thumbnails/[^"]+)"', fetch(address).decode())}
    assert len(thumbnails) == 2
    assert {fetch(address + thumbnail)[:2] for thumbnail in thumbnails} == {b"\xff\xd8"}
    for name in names:
        assert fetch(f"{address}media/{name}") == (directory / name).read_bytes()
    process.terminate()
    assert process.wait(60) == 0
    assert state(directory) == before


def test_a_taken_port_is_told_with_the_cure():
    """The error names the port and the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} .*--port NUMBER"):
            call_command("gallery", port=port)


def test_a_port_that_cannot_be_is_told():
    """A number beyond all ports is refused in words."""
    with pytest.raises(CommandError, match="Port 70000 cannot be used"):
        call_command("gallery", port=70000)


def test_the_seeds_are_pictures(db):
    """Each seed is stored as a picture of the format that its name says."""
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


def test_the_seeds_are_the_same_at_each_start():
    """The drawings take chance from a fixed start."""
    draw = {name: draw for _, name, draw in SEEDS}["ribbons.png"]
    assert draw() == draw()
