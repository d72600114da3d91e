"""The view that answers with the files."""

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
def test_the_content_type_follows_the_name(client, picture, format):
    """A browser is told what it gets."""
    name = default_storage.save(f"pictures/x.{FORMATS[format]}", ContentFile(picture_bytes(format)))
    response = client.get(f"/media/{name}")
    assert response["Content-Type"] == f"image/{format.lower()}"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content) == picture_bytes(format)
    response.close()


def test_the_length_is_told(client, picture):
    """The answer says how long it is."""
    response = client.get(picture.image.url)
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


def test_a_file_that_has_not_changed_is_not_sent_again(client, picture):
    """With If-Modified-Since the answer is 304 and empty."""
    first = client.get(picture.image.url)
    again = client.get(picture.image.url, headers={"if-modified-since": first["Last-Modified"]})
    first.close()
    assert again.status_code == 304


def test_head_is_answered_without_content(client, picture):
    """HEAD has the headers of GET."""
    response = client.head(picture.image.url)
    assert response.status_code == 200
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_missing_names_are_not_found(client, picture, name):
    """Whatever is asked for, only files of the storage are given."""
    assert client.generic("GET", f"/media/{name}").status_code == 404
