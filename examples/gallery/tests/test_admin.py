"""The pictures in the admin."""

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from inmemorystorage import InMemoryStorage

from gallery.models import Picture
from samples import BrokenStorage, damaged_file, image_at, picture_bytes, picture_file, stored

LIST = reverse("admin:gallery_picture_changelist")
ADD = reverse("admin:gallery_picture_add")


def change(picture):
    """Return the URL at which the admin changes a picture."""
    return reverse("admin:gallery_picture_change", args=[picture.pk])


def test_list_shows_thumbnails(admin_client, picture):
    """Each row has a small thumbnail that can be fetched."""
    page = admin_client.get(LIST).content.decode()
    (thumbnail,) = [name for name in stored("thumbnails") if "72x72" in name]
    url = default_storage.url(thumbnail)
    assert f'src="{url}"' in page
    assert image_at(admin_client, url).size == (72, 72)


def test_list_shows_a_dash_for_a_missing_file(admin_client, picture):
    """The list shows a dash for a picture without its file."""
    Picture.objects.update(file="pictures/gone.jpg")
    assert "—" in admin_client.get(LIST).content.decode()


def test_add_stores_the_file(admin_client):
    """The admin's form stores the file."""
    admin_client.post(ADD, {"title": "Sea", "file": picture_file("sea.webp", "WEBP")})
    assert Picture.objects.get().title == "Sea"
    with default_storage.open("pictures/sea.webp") as file:
        assert file.read() == picture_bytes("WEBP")


def test_damaged_picture_is_refused(admin_client):
    """The admin's form refuses a damaged picture, as the gallery's does."""
    page = admin_client.post(ADD, {"title": "Sea", "file": damaged_file()})
    assert "its end cannot be read" in page.content.decode()
    assert stored() == []


def test_new_title_keeps_the_file(admin_client, picture):
    """A new title leaves the file alone."""
    before = stored()
    admin_client.post(change(picture), {"title": "Pond"})
    assert Picture.objects.get().title == "Pond"
    assert stored() == before


def test_replaced_files_are_deleted(admin_client, picture, commit):
    """The admin deletes the previous file and its thumbnails when another file replaces it."""
    with commit():
        admin_client.post(change(picture), {"title": "Sea", "file": picture_file("sea.jpg")})
    assert len(stored()) == 3
    assert all("sea.jpg" in name for name in stored())


def test_delete_deletes_the_files(admin_client, picture, commit):
    """Deletion in the admin deletes the files."""
    address = reverse("admin:gallery_picture_delete", args=[picture.pk])
    with commit():
        admin_client.post(address, {"post": "yes"})
    assert stored() == []


def test_bulk_deletion_deletes_the_files(admin_client, picture, commit):
    """The list's action deletes the files of all marked pictures."""
    other = Picture.objects.create(title="Sea", file=picture_file("sea.jpg"))
    data = {"action": "delete_selected", "_selected_action": [picture.pk, other.pk], "post": "yes"}
    with commit():
        admin_client.post(LIST, data)
    assert Picture.objects.count() == 0
    assert stored() == []


def test_full_storage_is_reported(admin_client, use_storage):
    """The admin reports a full storage and stores nothing."""
    use_storage(InMemoryStorage(max_size=1024))
    page = admin_client.post(ADD, {"title": "Sea", "file": picture_file()}, follow=True)
    assert "The gallery is full" in page.content.decode()
    assert Picture.objects.count() == 0


def test_other_errors_are_not_hidden(admin_client, use_storage):
    """The admin raises any other error of the storage."""
    use_storage(BrokenStorage())
    with pytest.raises(OSError, match="broken"):
        admin_client.post(ADD, {"title": "Sea", "file": picture_file()})
