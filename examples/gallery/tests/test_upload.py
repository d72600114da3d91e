"""Uploads of pictures, one and several, good and bad."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from easy_thumbnails.models import Thumbnail
from easy_thumbnails.utils import is_storage_local
from inmemorystorage import InMemoryStorage
from PIL import Image

from gallery.forms import title_from
from gallery.models import Picture
from samples import (
    FORMATS,
    BrokenStorage,
    damaged_file,
    image_at,
    picture_bytes,
    picture_file,
    stored,
)

REFUSED = "Only JPEG, PNG, GIF and WebP pictures, WebM and MP4 videos can be shown."
TEMPORARY = "django.core.files.uploadhandler.TemporaryFileUploadHandler"


def notices(response):
    """Return the page's messages as (level, text)."""
    return [(message.level_tag, message.message) for message in response.context["messages"]]


def titles():
    """Return the titles of all pictures, newest first."""
    return [picture.title for picture in Picture.objects.all()]


@pytest.mark.parametrize("format", FORMATS)
def test_picture_of_each_format_is_stored_unchanged(upload, format):
    """The storage has the bytes of the upload."""
    name = f"lake.{FORMATS[format]}"
    upload(picture_file(name, format))
    with default_storage.open(f"pictures/{name}") as file:
        assert file.read() == picture_bytes(format)


@pytest.mark.parametrize("format", FORMATS)
def test_thumbnail_of_each_format_is_made_at_upload(upload, client, format):
    """easy-thumbnails crops the picture to the grid's square, and the site serves it."""
    upload(picture_file(f"lake.{FORMATS[format]}", format))
    (name,) = [name for name in stored("thumbnails") if "480x480" in name]
    assert image_at(client, default_storage.url(name)).size == (480, 480)


def test_animation_gets_a_still(upload, client):
    """The thumbnail of an animated GIF is its first frame."""
    frames = [Image.new("RGB", (600, 500), color) for color in ("red", "green", "blue")]
    content = SimpleUploadedFile("flag.gif", b"")
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    content.seek(0)
    upload(content)
    (name,) = [name for name in stored("thumbnails") if "480x480" in name]
    red, green, _ = image_at(client, default_storage.url(name)).getpixel((0, 0))
    assert red > 250 > 5 > green


def test_transparent_picture_gets_a_transparent_thumbnail(upload, client):
    """The thumbnail of a PNG with an alpha channel is transparent."""
    content = SimpleUploadedFile("glass.png", b"")
    Image.new("RGBA", (600, 500), (200, 30, 30, 128)).save(content, "PNG")
    content.seek(0)
    upload(content)
    (name,) = [name for name in stored("thumbnails") if "480x480" in name]
    assert image_at(client, default_storage.url(name)).getpixel((0, 0))[3] == 128


def test_easy_thumbnails_works_without_paths(upload, settings):
    """easy-thumbnails keeps the thumbnails' times in the database if the storage has no paths."""
    upload(picture_file())
    assert not is_storage_local(default_storage)
    assert Thumbnail.objects.count() == len(stored("thumbnails")) == 2
    assert not Path(settings.MEDIA_ROOT).exists()


def test_several_pictures_at_once(upload):
    """One form takes several files."""
    page = upload(*[picture_file(f"lake.{FORMATS[format]}", format) for format in FORMATS])
    assert len(stored("pictures")) == Picture.objects.count() == 4
    assert notices(page) == [("success", "4 files are added.")]


def test_equal_names_do_not_collide(upload):
    """The gallery keeps two files of the same name, each with its own content."""
    upload(picture_file(size=(300, 200)), picture_file(size=(200, 300)))
    assert {(p.dimensions[0], p.dimensions[1]) for p in Picture.objects.all()} == {
        (300, 200),
        (200, 300),
    }


def test_good_files_are_kept_beside_bad_ones(upload):
    """The form keeps the good files, and names each refused one with the reason."""
    text = SimpleUploadedFile("broken.png", b"not a picture")
    page = upload(picture_file("one.jpg"), text, picture_file("two.png", "PNG"))
    assert sorted(titles()) == ["One", "Two"]
    assert stored("pictures") == ["pictures/one.jpg", "pictures/two.png"]
    assert notices(page) == [
        ("success", "2 files are added."),
        ("error", f"broken.png: {REFUSED}"),
    ]


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (damaged_file(), "its end cannot be read"),
        (SimpleUploadedFile("empty.png", b""), "is empty"),
        (SimpleUploadedFile("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), REFUSED),
        (picture_file("scan.png", "TIFF"), REFUSED),
        (SimpleUploadedFile("song.webm", b"\x1a\x45\xdf\xa3\x87\x42\x82\x88matroska"), REFUSED),
        (SimpleUploadedFile("photo.mp4", b"\0\0\0\x18ftypheic\0\0\0\0"), REFUSED),
        (picture_file("x" * 230 + ".jpg"), "at most 200 characters"),
    ],
    ids=["truncated", "empty", "drawing", "TIFF", "Matroska", "HEIC", "long name"],
)
def test_bad_file_is_refused(upload, file, problem):
    """A message says why a bad file is refused."""
    file.seek(0)
    (level, text) = notices(upload(file))[0]
    assert level == "error"
    assert problem in text
    assert stored() == []


def test_large_picture_is_refused(upload, settings):
    """The form refuses a picture larger than MAX_SIZES, and names the limit."""
    settings.MAX_SIZES = {"picture": 1024}
    assert "A picture may have up to 1.0" in notices(upload(picture_file()))[0][1]


@pytest.mark.parametrize(
    ("given", "stored_as"),
    [("lake.txt", "lake.jpg"), ("LAKE.JPG", "LAKE.JPG"), ("lake.jpeg", "lake.jpeg")],
)
def test_stored_name_agrees_with_the_content(upload, given, stored_as):
    """A file with a wrong suffix gets a suffix of its content's format."""
    upload(picture_file(given))
    assert stored("pictures") == [f"pictures/{stored_as}"]


def test_form_without_a_file_is_explained(upload):
    """The form sent without a file says what to do."""
    assert notices(upload()) == [("error", "Choose at least one file first.")]


def test_full_storage_refuses_an_upload(upload, picture, use_storage):
    """The form refuses a picture with a message if the storage is full, and keeps the others."""
    use_storage(InMemoryStorage(max_size=1024))
    assert notices(upload(picture_file("sea.jpg"))) == [("error", "Sea: the gallery is full.")]
    assert titles() == ["Lake"]


def test_other_errors_are_not_hidden(upload, use_storage):
    """The form raises any other error of the storage."""
    use_storage(BrokenStorage())
    with pytest.raises(OSError, match="broken"):
        upload(picture_file())


def test_upload_through_a_temporary_file(upload, settings):
    """The gallery stores an upload from a temporary file whole."""
    settings.FILE_UPLOAD_HANDLERS = [TEMPORARY]
    upload(picture_file())
    with default_storage.open("pictures/lake.jpg") as file:
        assert file.read() == picture_bytes()


def test_upload_takes_post_only(client):
    """A GET of the upload's URL uploads nothing."""
    assert client.get("/upload/").status_code == 405


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("summer_2024-lake.jpg", "Summer 2024 lake"),
        ("Ärger.png", "Ärger"),
        ("IMG_0001.JPG", "IMG 0001"),
        ("_.gif", "Untitled"),
    ],
)
def test_titles_come_from_file_names(name, title):
    """A title is made of the words of the file name."""
    assert title_from(name) == title
