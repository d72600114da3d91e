"""The pictures of a directory, which `--over` shows in place and never changes."""

import os

import pytest
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command

from gallery.models import Picture
from samples import (
    image_at,
    picture_bytes,
    picture_file,
    state,
    stored,
    write,
)

LAKE, SEA = picture_bytes(), picture_bytes(size=(600, 500))


@pytest.fixture
def debug(settings):
    """Turn DEBUG on."""
    settings.DEBUG = True


def named(name):
    """Return the picture that has a file."""
    return Picture.objects.get(file=name)


def names():
    """Return the file names of all pictures, in the order of the page."""
    return [picture.file.name for picture in Picture.objects.all()]


def content(name):
    """Return the content of a file of the default storage."""
    with default_storage.open(name) as file:
        return file.read()


CHANGES = {
    "content": lambda path: write(path, LAKE[:-1] + b"x"),
    "size": lambda path: write(path, LAKE + b"x"),
    "time": lambda path: os.utime(path),
    "loss": lambda path: path.unlink(),
    "new": lambda path: write(path.with_name("new.jpg"), LAKE),
    "renamed": lambda path: path.rename(path.with_name("new.jpg")),
    "directory": lambda path: path.with_name("thumbnails").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_state_shows_each_change(directory, change):
    """The comparison at the end of these tests notices each change."""
    before = state(directory)
    CHANGES[change](directory / "lake.jpg")
    assert state(directory) != before


def test_pictures_of_the_directory_are_listed(client, shown):
    """The page lists the pictures, the newest first, with their names on the disk."""
    page = client.get("/").content.decode()
    assert names() == ["2024/sea_side.jpg", "lake.jpg"]
    assert 0 < page.index("Sea side") < page.index("Lake")


def test_picture_is_served_unchanged(client, shown):
    """The page has the picture's size and place, and its URL serves the bytes on the disk."""
    picture = named("2024/sea_side.jpg")
    page = client.get(picture.get_absolute_url()).content.decode()
    assert "600 \N{MULTIPLICATION SIGN} 500" in page
    assert "in the directory" in page
    response = client.get(picture.file.url)
    assert b"".join(response.streaming_content) == SEA
    response.close()


def test_thumbnails_are_made_in_memory(client, shown):
    """The page has a thumbnail of each picture, and the directory has none."""
    page = client.get("/").content.decode()
    thumbnails = stored("thumbnails")
    assert len(thumbnails) == 2
    for name in thumbnails:
        assert f'src="{default_storage.url(name)}"' in page
        assert image_at(client, default_storage.url(name)).size == (480, 480)
        assert default_storage.which(name) == "memory"


def test_thumbnails_are_made_once(client, shown):
    """Showing the page a second time writes nothing."""
    client.get("/")
    before = {name: storages["memory"].get_modified_time(name) for name in stored("thumbnails")}
    client.get("/")
    assert {name: storages["memory"].get_modified_time(name) for name in before} == before


def test_upload_stays_in_memory(client, shown, upload):
    """The site lists an upload with the directory's pictures, and its page names no directory."""
    upload(picture_file("pond.jpg"))
    assert names()[0] == "pictures/pond.jpg"
    assert default_storage.which("pictures/pond.jpg") == "memory"
    page = client.get(named("pictures/pond.jpg").get_absolute_url()).content.decode()
    assert "in the directory" not in page


def test_upload_avoids_names_of_the_directory(directory, over, upload):
    """An upload gets another name if the directory has its name."""
    write(directory / "pictures" / "pond.jpg", SEA)
    over()
    upload(picture_file("pond.jpg"))
    assert content("pictures/pond.jpg") == (directory / "pictures/pond.jpg").read_bytes() == SEA
    assert content(names()[0]) == LAKE
    assert len(set(names())) == 4


def test_deleted_picture_is_hidden(client, shown, commit):
    """Deletion removes a picture's page, URL and thumbnails, and keeps its file."""
    client.get("/")
    picture = named("lake.jpg")
    address = f"/pictures/{picture.pk}/delete/"
    assert "stays in the directory" in client.get(address).content.decode()
    with commit():
        assert "is deleted" in client.post(address, follow=True).content.decode()
    assert names() == ["2024/sea_side.jpg"]
    assert client.get("/media/lake.jpg").status_code == 404
    assert not [name for name in stored() if "lake" in name]


def test_name_of_a_deleted_picture_is_free(client, shown, commit):
    """The site serves a file saved under the name of a deleted picture, not the hidden file."""
    with commit():
        client.post(f"/pictures/{named('lake.jpg').pk}/delete/")
    assert default_storage.save("lake.jpg", picture_file(size=(30, 20))) == "lake.jpg"
    assert image_at(client, "/media/lake.jpg").size == (30, 20)


def test_replaced_picture_is_hidden(admin_client, shown, commit):
    """The admin's form replaces a picture of the directory, whose file stays."""
    address = f"/admin/gallery/picture/{named('lake.jpg').pk}/change/"
    with commit():
        admin_client.post(address, {"title": "Pond", "file": picture_file("pond.jpg")})
    assert sorted(names()) == ["2024/sea_side.jpg", "pictures/pond.jpg"]
    assert "lake.jpg" not in stored()


def test_bulk_deletion_hides_all(admin_client, shown, commit):
    """The admin's action hides all pictures."""
    marked = [picture.pk for picture in Picture.objects.all()]
    data = {"action": "delete_selected", "_selected_action": marked, "post": "yes"}
    with commit():
        admin_client.post("/admin/gallery/picture/", data)
    assert stored() == names() == []


def test_storage_page_shows_memory_only(client, shown, upload):
    """The page shows uploads and thumbnails, and no pictures of the directory."""
    upload(picture_file("pond.jpg"))
    page = client.get("/storage/").content.decode()
    assert "FileSystemStorage (read-only)" in page
    assert "pond.jpg (" in page
    assert "sea_side.jpg (" not in page


def test_listing_shows_both_layers(client, debug, shown, upload):
    """In DEBUG the listing shows the directory's files beside those in memory."""
    upload(picture_file("pond.jpg"))
    page = client.get("/media/").content.decode()
    assert [name in page for name in ("lake.jpg", "2024/", "pictures/")] == [True] * 3


@pytest.mark.parametrize(("name", "reason"), [("none", "No such"), ("lake.jpg", "Not a directory")])
def test_unusable_directory_is_reported(directory, settings, name, reason):
    """The error names the argument, what is wrong with it, and the cure."""
    settings.OVER = str(directory / name)
    with pytest.raises(CommandError, match=f"{name}' cannot be shown .{reason}.*--over DIRECTORY"):
        call_command("gallery", port=0)


def test_over_needs_the_settings(directory):
    """call_command() with --over raises, and says how to start."""
    with pytest.raises(CommandError, match=r"manage\.py gallery --over DIRECTORY"):
        call_command("gallery", port=0, over=str(directory))
