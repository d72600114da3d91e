"""The files that `--over` finds in a directory, and those that it skips."""

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
    """A picture is shown if its suffix agrees with its content, in upper and lower case."""
    write(directory / f"x.{FORMATS[format].upper()}", picture_bytes(format))
    assert over() == Found(shown=3, skipped=0)


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
def test_other_files_are_skipped(directory, over, client, name):
    """Files that a page cannot show are counted and skipped."""
    file, data = PASSED_OVER[name]
    write(directory / file, data)
    assert over() == Found(shown=2, skipped=1)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_truncated_picture_is_shown(directory, over, client, format):
    """A picture that is truncated at its end is shown as far as it goes."""
    content = picture_bytes(format)
    write(directory / f"damaged.{FORMATS[format]}", content[: len(content) * 2 // 3])
    assert over().shown == 3
    assert client.get("/").content.decode().count('class="card"') == 3
    page = client.get(named(f"damaged.{FORMATS[format]}").get_absolute_url())
    assert "640 \N{MULTIPLICATION SIGN} 480" in page.content.decode()


def test_large_files_are_skipped(over, settings, monkeypatch):
    """The gallery skips files larger than MAX_SIZES, as for uploads."""
    monkeypatch.setitem(settings.MAX_SIZES, "picture", max(len(LAKE), len(SEA)) - 1)
    assert over() == Found(shown=1, skipped=1)


def test_unreadable_files_are_skipped(over, monkeypatch):
    """An unreadable file does not stop the others."""
    read = FileSystemStorage._open

    def refuse(storage, name, mode="rb"):
        if name == "lake.jpg":
            raise PermissionError(name)
        return read(storage, name, mode)

    monkeypatch.setattr(FileSystemStorage, "_open", refuse)
    assert over() == Found(shown=1, skipped=1)


@pytest.mark.parametrize("name", [".hidden.jpg", ".trash/lake.jpg", "2024/.lake.jpg"])
def test_hidden_files_are_private(directory, over, client, name):
    """Hidden files are not shown, and have no URL."""
    write(directory / name)
    assert over() == Found(shown=2, skipped=0)
    assert client.get(f"/media/{name}").status_code == 404


def test_other_files_have_no_url(directory, over, client):
    """Files that are not pictures or videos are not served."""
    write(directory / "diary.txt", b"secret")
    over()
    assert client.get("/media/diary.txt").status_code == 404


def test_links_out_of_the_directory_are_not_followed(directory, over, tmp_path):
    """Links that lead out, nowhere or to themselves are skipped."""
    write(tmp_path / "elsewhere" / "pond.jpg")
    for name, target in [
        ("directory", tmp_path / "elsewhere"),
        ("loop", directory),
        ("pond.jpg", tmp_path / "elsewhere" / "pond.jpg"),
        ("lost.jpg", tmp_path / "lost.jpg"),
        ("self.jpg", directory / "self.jpg"),
    ]:
        (directory / name).symlink_to(target)
    assert over() == Found(shown=2, skipped=0)


def test_link_inside_the_directory_is_shown(directory, over):
    """A picture with two names is shown twice."""
    (directory / "again.jpg").symlink_to(directory / "lake.jpg")
    assert over().shown == 3


def test_pipe_does_not_block_the_start(directory, over):
    """The gallery does not open a pipe."""
    os.mkfifo(directory / "pipe.jpg")
    assert over() == Found(shown=2, skipped=0)


ODD = ["a b", "100%25", "'\"<b>&amp;", "#?=;", "\n", "\u202fAM", "ü", "u\u0308", "x" * 240, "-"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_shown(directory, over, client, name):
    """A picture's URL, page and thumbnail work, whatever the file's name."""
    write(directory / "odd" / f"{name}.jpg", SEA)
    assert over().shown == 3
    picture = named(f"odd/{name}.jpg")
    assert image_at(client, picture.file.url).size == (600, 500)
    assert image_at(client, picture.file["grid"].url).size == (480, 480)
    assert client.get("/").status_code == client.get(picture.get_absolute_url()).status_code == 200


def test_thousand_pictures_are_shown(directory, over, client):
    """The gallery shows a thousand pictures, twelve on a page."""
    for number in range(998):
        write(directory / str(number % 7) / f"{number}.jpg")
    assert over() == Found(shown=1000, skipped=0)
    assert client.get("/").content.decode().count('class="card"') == 12
    assert client.get("/?page=84").status_code == 200
