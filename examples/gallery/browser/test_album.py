"""The private album: its URLs are signed, and expire."""

import time

import pytest
from PIL import Image
from playwright.sync_api import expect

from visitor import assert_message, assert_shown, upload

LIFETIME = 3


@pytest.fixture
def album(start_site):
    """Return the URL of an empty album whose URLs expire after three seconds."""
    return start_site(GALLERY_ADDRESS_LIFETIME=str(LIFETIME)) + "/album/"


@pytest.fixture
def diary(page, album, tmp_path):
    """Return the absolute URL of a picture that was added to the album, and is visible there."""
    path = tmp_path / "diary.png"
    Image.radial_gradient("L").save(path)
    page.goto(album)
    upload(page, path)
    assert_message(page, "1 file is added.")
    image = page.locator(".card img")
    assert_shown(image)
    return image.evaluate("image => image.src")


def wait_until_expired(page, url):
    """Request a URL until it is refused, after a few seconds."""
    deadline = time.monotonic() + 10 * LIFETIME
    while page.request.get(url).ok:
        assert time.monotonic() < deadline, f"{url} does not expire"
        time.sleep(0.2)


def test_url_expires_and_the_page_has_a_new_one(page, diary, recorder):
    """A copied URL is refused after it expired; the album still works."""
    (first,) = recorder.fetched(diary)
    assert first.status == 200
    wait_until_expired(page, diary)
    assert page.goto(diary).status == 403
    recorder.expect("403")
    page.get_by_role("link", name="To the private album").click()
    assert_shown(page.locator(".card img"))


def test_altered_url_is_refused(page, diary):
    """A URL with a later time, another name or no signature is refused."""
    later = diary.replace("expires=", "expires=9")
    other = diary.replace("/thumbnails/", "/")
    bare = diary.partition("?")[0]
    assert [page.request.get(url).status for url in (later, other, bare)] == [403, 403, 403]


def test_private_pictures_stay_in_the_album(page, diary, album):
    """A private picture is not among the public ones."""
    page.goto(album.replace("album/", ""))
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
