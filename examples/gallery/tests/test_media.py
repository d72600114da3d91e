"""The files, as `inmemorystorage.serving` serves them."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from samples import FORMATS, picture_bytes

HOSTILE = [
    "../../etc/passwd",
    "pictures/../../etc/passwd",
    "/etc/passwd",
    "..\\..\\etc\\passwd",
    "pictures/lake.jpg/more",
    "pictures",
    "nothing.jpg",
    "a\0b.jpg",
    "..",
    ".",
    "x" * 5000,
]


@pytest.mark.parametrize("format", FORMATS)
def test_content_type_follows_the_name(client, picture, format):
    """The site takes the Content-Type from the suffix."""
    name = default_storage.save(f"pictures/x.{FORMATS[format]}", ContentFile(picture_bytes(format)))
    response = client.get(f"/media/{name}")
    assert response["Content-Type"] == f"image/{format.lower()}"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content) == picture_bytes(format)
    response.close()


def test_length_is_sent(client, picture):
    """The site sends the Content-Length."""
    response = client.get(picture.file.url)
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


def test_unchanged_file_is_not_sent_again(client, picture):
    """A request with If-Modified-Since gets an empty 304."""
    first = client.get(picture.file.url)
    again = client.get(picture.file.url, headers={"if-modified-since": first["Last-Modified"]})
    first.close()
    assert again.status_code == 304


def test_head_has_no_content(client, picture):
    """HEAD has the headers of GET."""
    response = client.head(picture.file.url)
    assert response.status_code == 200
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


def test_range_is_sent_alone(client, picture):
    """A player that requests a range gets the range and no more."""
    response = client.get(picture.file.url, headers={"range": "bytes=100-299"})
    size = len(picture_bytes())
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes 100-299/{size}"
    assert b"".join(response.streaming_content) == picture_bytes()[100:300]
    response.close()


@pytest.mark.parametrize("name", ["drawing.svg", "page.html", "feed.xml"])
def test_scripts_are_sandboxed(client, db, name):
    """A file in the storage cannot act in the name of the site."""
    default_storage.save(f"pictures/{name}", ContentFile(b"<script>alert(1)</script>"))
    response = client.get(f"/media/pictures/{name}")
    assert "sandbox" in response["Content-Security-Policy"]
    response.close()


def test_files_are_listed_only_in_debug(client, picture):
    """A listing answers 404 without DEBUG."""
    assert client.get("/media/").status_code == 404


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_missing_names_are_not_found(client, picture, name):
    """A request reaches only files of the storage."""
    assert client.generic("GET", f"/media/{name}").status_code == 404
