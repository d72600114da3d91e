"""The private album, whose URLs are signed and expire."""

import time

import pytest
from django.conf import settings
from django.core.files.storage import storages

from gallery.models import Picture, PrivatePicture
from samples import image_at, picture_file, stored


@pytest.fixture
def later(monkeypatch):
    """Return a function that moves the clock forward by seconds."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr("time.time", lambda: now + seconds)


def test_album_shows_signed_thumbnails(client, private_picture):
    """The album's page has signed URLs that work."""
    page = client.get("/album/")
    (picture,) = page.context["page_obj"]
    url = picture.file["grid"].url
    assert "signature=" in url
    assert image_at(client, url).size == (480, 480)
    assert 'src="/private/thumbnails/album/diary.jpg' in page.content.decode()
    assert "signature=" in page.content.decode()


def test_private_files_have_their_own_storage(private_picture):
    """Neither the picture nor its thumbnail is in the public storage."""
    assert stored() == []
    assert len(storages["private"].listdir("thumbnails/album")[1]) == 2


def test_url_expires(client, private_picture, later):
    """A URL is refused after it expired, and the page says where the new ones are."""
    url = private_picture.file.url
    assert image_at(client, url).size == (640, 480)
    later(settings.ADDRESS_LIFETIME + 1)
    response = client.get(url)
    assert response.status_code == 403
    assert 'href="/album/"' in response.content.decode()


@pytest.mark.parametrize("change", [("diary", "other"), ("expires=", "expires=9"), ("?", "?x=")])
def test_altered_url_is_refused(client, private_picture, change):
    """A URL with another name or another time is refused."""
    assert client.get(private_picture.file.url.replace(*change)).status_code == 403


def test_unsigned_url_is_refused(client, private_picture):
    """A URL without a signature is refused."""
    assert client.get(private_picture.file.url.partition("?")[0]).status_code == 403


def test_private_names_are_not_in_the_public_storage(client, private_picture):
    """The public URL of a private name answers 404."""
    assert client.get(f"/media/{private_picture.file.name}").status_code == 404


def test_upload_to_the_album(upload):
    """The album's form keeps files in the album, and returns there."""
    page = upload(picture_file("diary.jpg"), address="/album/upload/")
    assert page.redirect_chain == [("/album/", 302)]
    assert (Picture.objects.count(), PrivatePicture.objects.count()) == (0, 1)
    assert stored() == []


def test_form_of_a_section_stays_in_it(client, db):
    """Each page sends files to its own section."""
    assert 'action="/upload/"' in client.get("/").content.decode()
    assert 'action="/album/upload/"' in client.get("/album/").content.decode()


def test_private_picture_is_deleted(client, private_picture, django_capture_on_commit_callbacks):
    """Deletion deletes the files and returns to the album."""
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post("/album/pictures/1/delete/", follow=True)
    assert page.redirect_chain == [("/album/", 302)]
    assert storages["private"].listdir("album")[1] == []
    assert storages["private"].listdir("thumbnails/album")[1] == []


def test_sections_have_their_own_neighbors(client, picture, private_picture):
    """A private picture links to no public one."""
    assert (private_picture.newer, private_picture.older) == (None, None)
    page = client.get(private_picture.get_absolute_url()).content.decode()
    assert picture.get_absolute_url() not in page.replace("/album/pictures", "")
