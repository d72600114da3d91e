"""A directory of pictures, which the site never changes."""

import pytest
from playwright.sync_api import expect

from samples import picture_bytes, state, video_file, write
from site_process import running_site
from visitor import assert_message, assert_shown, seek, upload


@pytest.fixture
def directory(tmp_path):
    """Return a directory with two pictures and a video in its folders, and other files."""
    directory = tmp_path / "photos"
    write(directory / "notes.txt", b"Buy bread.")
    write(directory / "lake.jpg", picture_bytes())
    write(directory / "2024 août" / "sea #1.png", picture_bytes("PNG"), modified=1_100_000_000)
    write(directory / "2024 août" / "waves.webm", video_file().read(), modified=1_200_000_000)
    return directory


@pytest.fixture
def site_over(directory, tmp_path):
    """Yield the URL of a gallery over the directory, which must be unchanged afterwards."""
    before = state(directory)
    with running_site("--over", str(directory), log=tmp_path / "log") as address:
        yield address
    assert state(directory) == before


@pytest.fixture
def page(site_over, page):
    """Return a page that shows the pictures of the directory; it is closed before the site is."""
    page.goto(site_over)
    return page


def test_pictures_of_a_directory_are_shown(page):
    """The grid and the pages show the pictures on the disk, the newest first."""
    expect(page.locator(".card .title")).to_have_text(["Waves video", "Sea #1", "Lake"])
    for image in page.locator(".card img").all():
        assert_shown(image)
    page.get_by_role("link", name="Sea #1").click()
    assert_shown(page.get_by_role("img", name="Sea #1"))
    expect(page.locator("dl")).to_contain_text("2024 août/sea #1.png, in the directory")


def test_video_of_a_directory_seeks(page):
    """The player gets the ranges that it requests from the disk."""
    page.get_by_role("link", name="Waves").click()
    assert seek(page.locator("video"), 2) == 2


def test_upload_is_shown_with_the_directory(page, tmp_path):
    """An upload is shown first, and is not written into the directory."""
    write(tmp_path / "pond.jpg", picture_bytes())
    upload(page, tmp_path / "pond.jpg")
    assert_message(page, "1 file is added.")
    expect(page.locator(".card .title")).to_have_text(["Pond", "Waves video", "Sea #1", "Lake"])
    assert_shown(page.locator(".card img").first)


def test_deleting_hides_a_picture_of_a_directory(page, site_over, screenshot):
    """A deleted picture disappears from page and URL, after the site says that its file stays."""
    page.get_by_role("link", name="Lake").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_text("stays in the directory")).to_be_visible()
    screenshot(page, "over-delete")
    page.get_by_role("button", name="Delete it").click()
    assert_message(page, "“Lake” is deleted")
    expect(page.locator(".card .title")).to_have_text(["Waves video", "Sea #1"])
    screenshot(page, "over")
    assert page.request.get(site_over + "/media/lake.jpg").status == 404
