"""The gallery's pages."""

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from easy_thumbnails.files import get_thumbnailer
from inmemorystorage import InMemoryStorage

from gallery.models import Picture
from samples import image_at, picture_file, stored


def test_empty_gallery_says_so(client, db):
    """The page of an empty gallery says that there are no pictures."""
    assert "No pictures yet" in client.get("/").content.decode()


def test_grid_shows_thumbnails(client, picture):
    """The page shows the thumbnail, not the picture."""
    page = client.get("/").content.decode()
    (thumbnail,) = [name for name in stored("thumbnails") if "480x480" in name]
    assert f'src="{default_storage.url(thumbnail)}"' in page
    assert f'src="{picture.file.url}"' not in page


def test_showing_a_page_writes_nothing(client, picture):
    """Showing a page stores no thumbnail, since the upload made them."""
    before = stored()
    client.get("/")
    assert stored() == before


def test_missing_thumbnail_is_made_again(client, picture):
    """The template's tag makes a missing thumbnail."""
    get_thumbnailer(picture.file).delete_thumbnails()
    assert stored("thumbnails") == []
    client.get("/")
    assert [name for name in stored("thumbnails") if "480x480" in name]


def test_pages_hold_twelve_pictures(client, db, settings):
    """The thirteenth picture is on the second page, and each page links to the other."""
    Picture.objects.bulk_create(Picture(title=f"No. {n}", file=f"{n}.jpg") for n in range(13))
    first, second = (client.get(f"/?page={n}").content.decode() for n in (1, 2))
    assert first.count('class="card"') == settings.PICTURES_PER_PAGE == 12
    assert second.count('class="card"') == 1
    assert 'href="/?page=2"' in first
    assert 'href="/?page=1"' in second


def test_page_beyond_the_last_is_not_found(client, picture):
    """A page beyond the last answers 404, with a link back."""
    response = client.get("/?page=9")
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


def test_picture_has_its_page(client, picture):
    """The page shows the picture with its size and title."""
    page = client.get(picture.get_absolute_url()).content.decode()
    assert f'<img src="{picture.file.url}" alt="Lake">' in page
    assert "640 \N{MULTIPLICATION SIGN} 480" in page


def test_picture_without_its_file_is_not_found(client, picture):
    """The page of a picture whose file was deleted answers 404, not 500."""
    Picture.objects.update(file="pictures/gone.jpg")
    response = client.get(picture.get_absolute_url())
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


def test_picture_is_served(client, picture):
    """The URL of the picture serves the picture."""
    assert image_at(client, picture.file.url).size == (640, 480)


def test_neighbors_are_linked(client, picture):
    """A picture links to the one before and the one after, and no further."""
    newer = Picture.objects.create(title="Sea", file=picture_file("sea.jpg"))
    assert (picture.newer, picture.older) == (newer, None)
    assert (newer.newer, newer.older) == (None, picture)
    assert newer.get_absolute_url() in client.get(picture.get_absolute_url()).content.decode()


def test_titles_are_escaped(client, picture):
    """A title is text, whatever it contains."""
    Picture.objects.update(title="<script>alert(1)</script>")
    for address in ("/", picture.get_absolute_url()):
        assert "<script>alert" not in client.get(address).content.decode()


def test_deletion_asks_first(client, picture):
    """A GET of the confirmation page deletes nothing."""
    page = client.get(reverse("pictures:delete", args=[picture.pk]))
    assert "Delete “Lake”?" in page.content.decode()
    assert Picture.objects.count() == 1


def test_deletion_removes_file_and_thumbnails(client, picture, django_capture_on_commit_callbacks):
    """Deletion removes the file and its thumbnails with the row."""
    assert len(stored()) == 3
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("pictures:delete", args=[picture.pk]))
    assert Picture.objects.count() == 0
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_rolled_back_deletion_keeps_the_files():
    """Deletion removes the files on commit, not before."""
    picture = Picture.objects.create(title="Lake", file=picture_file())
    before = stored()
    with transaction.atomic():
        picture.delete()
        transaction.set_rollback(True)
    assert stored() == before


@pytest.mark.parametrize("address", ["upload", "delete"])
def test_changes_need_the_form_token(picture, address):
    """A form without the site's token changes nothing, and gets a friendly page."""
    arguments = {"upload": [], "delete": [picture.pk]}[address]
    address = reverse(f"pictures:{address}", args=arguments)
    response = Client(enforce_csrf_checks=True).post(address)
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()
    assert Picture.objects.count() == 1


def test_other_hosts_are_refused(client):
    """The site serves only local host names."""
    response = client.get("/", headers={"host": "example.org"})
    assert response.status_code == 400
    assert "This request is not valid" in response.content.decode()


def test_error_page_is_friendly(client, db, monkeypatch, caplog):
    """The site logs an error, and shows the visitor a page instead of a traceback."""
    client.raise_request_exception = False
    monkeypatch.setattr(InMemoryStorage, "tree", lambda storage: 1 / 0)
    response = client.get("/storage/")
    assert response.status_code == 500
    assert "Something broke" in response.content.decode()
    assert "ZeroDivisionError" in caplog.text


def test_storage_page_lists_the_files(client, picture):
    """The page shows the storages' content as trees."""
    page = client.get("/storage/").content.decode()
    assert "lake.jpg" in page
    assert "/gallery-private/" in page


@pytest.mark.parametrize("debug", [False, True])
def test_listings_are_linked_in_debug(client, db, settings, debug):
    """The page links to the listings in DEBUG only, where they exist."""
    settings.DEBUG = debug
    page = client.get("/storage/").content.decode()
    assert ('href="/media/"' in page) is ('href="/private/"' in page) is debug


@pytest.mark.parametrize("name", ["gallery.css", "upload.js", "icon.svg"])
def test_static_files_are_served_without_debug(client, db, name, settings):
    """The site serves its own style, script and icon."""
    assert settings.DEBUG is False
    response = client.get(f"/static/gallery/{name}")
    assert response.status_code == 200
    response.close()


def test_migrations_are_complete(db):
    """makemigrations detects no change."""
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_checks_pass(db):
    """manage.py check reports nothing."""
    call_command("check", fail_level="WARNING")
