"""The files, as `inmemorystorage.serving` answers with them."""

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
    response = client.get(picture.file.url)
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


def test_a_file_that_has_not_changed_is_not_sent_again(client, picture):
    """With If-Modified-Since the answer is 304 and empty."""
    first = client.get(picture.file.url)
    again = client.get(picture.file.url, headers={"if-modified-since": first["Last-Modified"]})
    first.close()
    assert again.status_code == 304


def test_head_is_answered_without_content(client, picture):
    """HEAD has the headers of GET."""
    response = client.head(picture.file.url)
    assert response.status_code == 200
    assert int(response["Content-Length"]) == len(picture_bytes())
    response.close()


def test_a_part_of_a_file_is_sent_alone(client, picture):
    """A player that seeks asks for a range, and gets that and no more."""
    response = client.get(picture.file.url, headers={"range": "bytes=100-299"})
    size = len(picture_bytes())
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes 100-299/{size}"
    assert b"".join(response.streaming_content) == picture_bytes()[100:300]
    response.close()


@pytest.mark.parametrize("name", ["drawing.svg", "page.html", "feed.xml"])
def test_what_could_run_scripts_is_sandboxed(client, db, name):
    """Whatever gets into the storage cannot act in the name of the site."""
    default_storage.save(f"pictures/{name}", ContentFile(b"<script>alert(1)</script>"))
    response = client.get(f"/media/pictures/{name}")
    assert "sandbox" in response["Content-Security-Policy"]
    response.close()


def test_files_are_listed_in_debug_alone(client, picture):
    """Without DEBUG nobody sees what there is."""
    assert client.get("/media/").status_code == 404


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_missing_names_are_not_found(client, picture, name):
    """Whatever is asked for, only files of the storage are given."""
    assert client.generic("GET", f"/media/{name}").status_code == 404
