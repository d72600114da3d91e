"""The pictures of a directory, which `--over` shows where they are and never changes."""

import os
import runpy

import pytest
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.core.management import CommandError, call_command
from inmemorystorage.testing import override_storages

import gallery.settings
from gallery.models import Picture
from gallery.over import Found, show_pictures
from samples import (
    FORMATS,
    image_at,
    picture_bytes,
    picture_file,
    state,
    stored,
    video_file,
    write,
)

LAKE, SEA = picture_bytes(), picture_bytes(size=(600, 500))


@pytest.fixture
def directory(tmp_path):
    """Give a directory with two pictures, one of them below."""
    directory = tmp_path / "photos"
    write(directory / "lake.jpg", LAKE)
    write(directory / "2024" / "sea_side.jpg", SEA, modified=1_100_000_000)
    return directory


@pytest.fixture
def debug(settings):
    """Have Django in DEBUG."""
    settings.DEBUG = True


@pytest.fixture
def over(directory, db, monkeypatch, settings):
    """
    Give a function that shows the directory, as the settings of `--over` have it.

    At the end of the test nothing in the directory is changed, whatever was done meanwhile.
    """
    monkeypatch.setenv("GALLERY_OVER", str(directory))
    configured = runpy.run_path(gallery.settings.__file__, run_name="gallery.settings")
    settings.OVER = configured["OVER"]
    memory, default = (configured["STORAGES"][alias] for alias in ("memory", "default"))
    monkeypatch.setitem(storages.backends, "memory", memory)
    before = []

    def show():
        before.append(state(directory))
        return show_pictures(settings.OVER)

    with override_storages({"default": storages.create_storage(default)}):
        yield show
        assert before == [state(directory)]


@pytest.fixture
def shown(over):
    """Show the directory."""
    over()


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Give a context in which a request is committed as it is on the site."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def named(name):
    """Return the picture that has a file."""
    return Picture.objects.get(file=name)


def names():
    """Return the names of the files of all pictures, in the order of the page."""
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
def test_a_changed_directory_is_noticed(directory, change):
    """What these tests compare in the end tells each change, so it can fail."""
    before = state(directory)
    CHANGES[change](directory / "lake.jpg")
    assert state(directory) != before


def test_the_directory_is_browsed(client, shown):
    """The pictures are on the page, the newest first, with their names on the disk."""
    page = client.get("/").content.decode()
    assert names() == ["2024/sea_side.jpg", "lake.jpg"]
    assert 0 < page.index("Sea side") < page.index("Lake")


def test_a_picture_is_served_as_it_is(client, shown):
    """Its page has its size and says where it is, and its address gives the bytes of the disk."""
    picture = named("2024/sea_side.jpg")
    page = client.get(picture.get_absolute_url()).content.decode()
    assert "600 \N{MULTIPLICATION SIGN} 500" in page
    assert "in the directory" in page
    response = client.get(picture.file.url)
    assert b"".join(response.streaming_content) == SEA
    response.close()


def test_thumbnails_are_made_in_memory(client, shown):
    """The page has a thumbnail of each picture, which is in no directory."""
    page = client.get("/").content.decode()
    thumbnails = stored("thumbnails")
    assert len(thumbnails) == 2
    for name in thumbnails:
        assert f'src="{default_storage.url(name)}"' in page
        assert image_at(client, default_storage.url(name)).size == (480, 480)
        assert default_storage.which(name) == "memory"


def test_thumbnails_are_made_once(client, shown):
    """A second look at the page writes nothing."""
    client.get("/")
    before = {name: storages["memory"].get_modified_time(name) for name in stored("thumbnails")}
    client.get("/")
    assert {name: storages["memory"].get_modified_time(name) for name in before} == before


def test_an_upload_stays_in_memory(client, shown, upload):
    """An uploaded picture is there with the others, and its page does not say otherwise."""
    upload(picture_file("pond.jpg"))
    assert names()[0] == "pictures/pond.jpg"
    assert default_storage.which("pictures/pond.jpg") == "memory"
    page = client.get(named("pictures/pond.jpg").get_absolute_url()).content.decode()
    assert "in the directory" not in page


def test_an_upload_takes_no_name_of_the_directory(directory, over, upload):
    """Where the directory has the name that an upload would get, the upload gets another."""
    write(directory / "pictures" / "pond.jpg", SEA)
    over()
    upload(picture_file("pond.jpg"))
    assert content("pictures/pond.jpg") == (directory / "pictures/pond.jpg").read_bytes() == SEA
    assert content(names()[0]) == LAKE
    assert len(set(names())) == 4


def test_a_deleted_picture_is_hidden(client, shown, commit):
    """It is gone from the page, its address, the storage; its thumbnails go, its file does not."""
    client.get("/")
    picture = named("lake.jpg")
    address = f"/pictures/{picture.pk}/delete/"
    assert "stays in the directory" in client.get(address).content.decode()
    with commit():
        assert "is deleted" in client.post(address, follow=True).content.decode()
    assert names() == ["2024/sea_side.jpg"]
    assert client.get("/media/lake.jpg").status_code == 404
    assert not [name for name in stored() if "lake" in name]


def test_a_deleted_picture_leaves_its_name(client, shown, commit):
    """Who saves another file under its name has that one, and not what is hidden."""
    with commit():
        client.post(f"/pictures/{named('lake.jpg').pk}/delete/")
    assert default_storage.save("lake.jpg", picture_file(size=(30, 20))) == "lake.jpg"
    assert image_at(client, "/media/lake.jpg").size == (30, 20)


def test_a_replaced_picture_is_hidden(admin_client, shown, commit):
    """The admin's form puts another file in the place of one of the directory."""
    address = f"/admin/gallery/picture/{named('lake.jpg').pk}/change/"
    with commit():
        admin_client.post(address, {"title": "Pond", "file": picture_file("pond.jpg")})
    assert sorted(names()) == ["2024/sea_side.jpg", "pictures/pond.jpg"]
    assert "lake.jpg" not in stored()


def test_all_pictures_are_deleted_at_once(admin_client, shown, commit):
    """The admin's action hides them all."""
    marked = [picture.pk for picture in Picture.objects.all()]
    data = {"action": "delete_selected", "_selected_action": marked, "post": "yes"}
    with commit():
        admin_client.post("/admin/gallery/picture/", data)
    assert stored() == names() == []


def test_the_storage_page_shows_what_is_in_memory(client, shown, upload):
    """Uploads and thumbnails are in memory, the pictures of the directory are not."""
    upload(picture_file("pond.jpg"))
    page = client.get("/storage/").content.decode()
    assert "FileSystemStorage (read-only)" in page
    assert "pond.jpg (" in page
    assert "sea_side.jpg (" not in page


def test_the_listing_has_the_pictures_of_both(client, debug, shown, upload):
    """In DEBUG files of the directory are listed beside those in memory."""
    upload(picture_file("pond.jpg"))
    page = client.get("/media/").content.decode()
    assert [name in page for name in ("lake.jpg", "2024/", "pictures/")] == [True] * 3


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


@pytest.mark.parametrize(("name", "reason"), [("none", "No such"), ("lake.jpg", "Not a directory")])
def test_what_is_no_directory_is_told_with_the_cure(directory, settings, name, reason):
    """The error names what was given, what is wrong with it, and what to give."""
    settings.OVER = str(directory / name)
    with pytest.raises(CommandError, match=f"{name}' cannot be shown .{reason}.*--over DIRECTORY"):
        call_command("gallery", port=0)


def test_over_comes_too_late_for_a_command_alone(directory):
    """Storages cannot be others once they are made, so the error says how to start."""
    with pytest.raises(CommandError, match=r"manage\.py gallery --over DIRECTORY"):
        call_command("gallery", port=0, over=str(directory))
