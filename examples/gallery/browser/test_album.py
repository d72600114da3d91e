"""The private album: its addresses are signed, and expire."""

import time

import pytest
from PIL import Image
from playwright.sync_api import expect

from deeds import assert_message, assert_shown, upload

LIFETIME = 3


@pytest.fixture
def album(start_site):
    """Give the address of an empty album whose addresses are good for three seconds."""
    return start_site(GALLERY_ADDRESS_LIFETIME=str(LIFETIME)) + "/album/"


@pytest.fixture
def diary(page, album, tmp_path):
    """Give the absolute address of a picture that was put into the album, and is seen there."""
    path = tmp_path / "diary.png"
    Image.radial_gradient("L").save(path)
    page.goto(album)
    upload(page, path)
    assert_message(page, "1 file is added.")
    image = page.locator(".card img")
    assert_shown(image)
    return image.evaluate("image => image.src")


def wait_until_expired(page, url):
    """Ask until the address is refused; its time is over soon."""
    deadline = time.monotonic() + 10 * LIFETIME
    while page.request.get(url).ok:
        assert time.monotonic() < deadline, f"{url} does not expire"
        time.sleep(0.2)


def test_an_address_expires_and_the_page_has_a_new_one(page, diary, recorder):
    """A copied address is refused after its time; the album itself goes on."""
    (first,) = recorder.fetched(diary)
    assert first.status == 200
    wait_until_expired(page, diary)
    assert page.goto(diary).status == 403
    recorder.expect("403")
    page.get_by_role("link", name="To the private album").click()
    assert_shown(page.locator(".card img"))


def test_an_altered_address_is_refused(page, diary):
    """Neither a later time, nor another name, nor no signature at all is taken."""
    later = diary.replace("expires=", "expires=9")
    other = diary.replace("/thumbnails/", "/")
    bare = diary.partition("?")[0]
    assert [page.request.get(url).status for url in (later, other, bare)] == [403, 403, 403]


def test_the_album_is_apart(page, diary, album):
    """A private picture is not among the pictures for everybody."""
    page.goto(album.replace("album/", ""))
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
