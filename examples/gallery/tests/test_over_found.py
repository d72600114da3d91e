"""What `--over` finds in a directory, and what it passes over."""

import os

import pytest
from django.core.files.storage import FileSystemStorage

from gallery.models import Picture
from gallery.over import Found
from samples import FORMATS, image_at, picture_bytes, video_file, write

LAKE, SEA = picture_bytes(), picture_bytes(size=(600, 500))


def named(name):
    """Return the picture that has a file."""
    return Picture.objects.get(file=name)


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_of_all_formats_are_shown(directory, over, format):
    """The content decides, in upper and lower case."""
    write(directory / f"x.{FORMATS[format].upper()}", picture_bytes(format))
    assert over() == Found(shown=3, passed_over=0)


def test_videos_are_shown(directory, over, client):
    """The page plays a video of the directory."""
    write(directory / "waves.webm", video_file().read())
    assert over().shown == 3
    assert '<video src="/media/waves.webm' in client.get("/").content.decode()


PASSED_OVER = {
    "notes": ("notes.txt", b"text"),
    "text called a picture": ("notes.jpg", b"text"),
    "nothing": ("empty.png", b""),
    "picture called a text": ("lake.txt", LAKE),
    "picture called a video": ("lake.webm", LAKE),
    "video called a picture": ("waves.jpg", video_file().read()),
    "TIFF": ("scan.png", picture_bytes("TIFF")),
    "header alone": ("head.png", picture_bytes("PNG")[:20]),
    "too many pixels": ("wide.png", picture_bytes("PNG", (10_000, 9_000))),
    "no text": (os.fsdecode(b"\xff.jpg"), LAKE),
    "slash of others": ("a\\b.jpg", LAKE),
    "thumbnail": ("thumbnails/lake.jpg", LAKE),
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_what_cannot_be_shown_is_passed_over(directory, over, client, name):
    """What is no picture, or none that a page could have, is counted and not shown."""
    file, data = PASSED_OVER[name]
    write(directory / file, data)
    assert over() == Found(shown=2, passed_over=1)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_a_damaged_picture_does_not_stop_the_page(directory, over, client, format):
    """What only its end shows to be damaged is shown as far as it goes."""
    content = picture_bytes(format)
    write(directory / f"damaged.{FORMATS[format]}", content[: len(content) * 2 // 3])
    assert over().shown == 3
    assert client.get("/").content.decode().count('class="card"') == 3
    page = client.get(named(f"damaged.{FORMATS[format]}").get_absolute_url())
    assert "640 \N{MULTIPLICATION SIGN} 480" in page.content.decode()


def test_large_files_are_passed_over(over, settings, monkeypatch):
    """MAX_SIZES has the limit, as for uploads."""
    monkeypatch.setitem(settings.MAX_SIZES, "picture", max(len(LAKE), len(SEA)) - 1)
    assert over() == Found(shown=1, passed_over=1)


def test_unreadable_files_are_passed_over(over, monkeypatch):
    """A file that the system does not let be read does not stop the others."""
    read = FileSystemStorage._open

    def refuse(storage, name, mode="rb"):
        if name == "lake.jpg":
            raise PermissionError(name)
        return read(storage, name, mode)

    monkeypatch.setattr(FileSystemStorage, "_open", refuse)
    assert over() == Found(shown=1, passed_over=1)


@pytest.mark.parametrize("name", [".hidden.jpg", ".trash/lake.jpg", "2024/.lake.jpg"])
def test_hidden_files_are_nobodys_business(directory, over, client, name):
    """They are not shown, nor does their address give them."""
    write(directory / name)
    assert over() == Found(shown=2, passed_over=0)
    assert client.get(f"/media/{name}").status_code == 404


def test_files_of_other_kinds_have_no_address(directory, over, client):
    """What else there is in the directory is not served either."""
    write(directory / "diary.txt", b"secret")
    over()
    assert client.get("/media/diary.txt").status_code == 404


def test_links_out_of_the_directory_are_not_followed(directory, over, tmp_path):
    """What is elsewhere is not shown, nor what is nowhere, nor what leads to itself."""
    write(tmp_path / "elsewhere" / "pond.jpg")
    for name, target in [
        ("directory", tmp_path / "elsewhere"),
        ("loop", directory),
        ("pond.jpg", tmp_path / "elsewhere" / "pond.jpg"),
        ("lost.jpg", tmp_path / "lost.jpg"),
        ("self.jpg", directory / "self.jpg"),
    ]:
        (directory / name).symlink_to(target)
    assert over() == Found(shown=2, passed_over=0)


def test_a_link_inside_of_the_directory_is_shown(directory, over):
    """A picture that has two names is shown twice."""
    (directory / "again.jpg").symlink_to(directory / "lake.jpg")
    assert over().shown == 3


def test_a_pipe_does_not_stop_the_start(directory, over):
    """Nobody waits for what will never be written."""
    os.mkfifo(directory / "pipe.jpg")
    assert over() == Found(shown=2, passed_over=0)


ODD = ["a b", "100%25", "'\"<b>&amp;", "#?=;", "\n", "\u202fAM", "ü", "u\u0308", "x" * 240, "-"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_shown(directory, over, client, name):
    """Picture, page and thumbnail are to be had, whatever the file is called."""
    write(directory / "odd" / f"{name}.jpg", SEA)
    assert over().shown == 3
    picture = named(f"odd/{name}.jpg")
    assert image_at(client, picture.file.url).size == (600, 500)
    assert image_at(client, picture.file["grid"].url).size == (480, 480)
    assert client.get("/").status_code == client.get(picture.get_absolute_url()).status_code == 200


def test_a_thousand_pictures_are_shown(directory, over, client):
    """All of them have a row, and a page has its share."""
    for number in range(998):
        write(directory / str(number % 7) / f"{number}.jpg")
    assert over() == Found(shown=1000, passed_over=0)
    assert client.get("/").content.decode().count('class="card"') == 12
    assert client.get("/?page=84").status_code == 200
