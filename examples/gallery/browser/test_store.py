"""Two processes of `runserver` on one store show each other's changes."""

import pytest
from engines.redis import redis_server
from playwright.sync_api import expect

from samples import picture_bytes, video_file, write
from site_process import migrate, running_server
from visitor import assert_message, assert_shown, seek, upload


@pytest.fixture
def sites(tmp_path):
    """Yield the URLs of two processes that share nothing but a Redis server."""
    pytest.importorskip("redis")
    with redis_server() as redis:
        environment = {"GALLERY_STORE": redis.uri, "GALLERY_SHARED": str(tmp_path / "shared")}
        migrate(**environment)
        logs = (tmp_path / "first.log", tmp_path / "second.log")
        with (
            running_server(log=logs[0], **environment) as first,
            running_server(log=logs[1], **environment) as second,
        ):
            yield first, second


@pytest.fixture
def pages(sites, new_page):
    """Yield a page of each process, each in its own browser, closed before the processes end."""
    pages = new_page(), new_page()
    for page, site in zip(pages, sites, strict=True):
        page.goto(site)
    yield pages
    for page in pages:
        page.context.close()


def test_picture_appears_in_the_other_process(pages, tmp_path, screenshot):
    """The other process shows an uploaded picture in its grid, and whole on its page."""
    first, second = pages
    write(tmp_path / "pond.jpg", picture_bytes())
    expect(second.get_by_role("heading", name="No pictures yet")).to_be_visible()
    upload(first, tmp_path / "pond.jpg")
    assert_message(first, "1 file is added.")
    second.reload()
    expect(second.locator(".card .title")).to_have_text(["Pond"])
    assert_shown(second.locator(".card img"))
    expect(second.locator("footer")).to_contain_text("in redis://127.0.0.1:")
    screenshot(second, "store")
    second.get_by_role("link", name="Pond").click()
    assert_shown(second.get_by_role("img", name="Pond"))


def test_deleted_picture_disappears_from_the_other_process(pages, tmp_path):
    """The other process loses the picture's card, page and file."""
    first, second = pages
    write(tmp_path / "pond.jpg", picture_bytes())
    upload(first, tmp_path / "pond.jpg")
    first.get_by_role("link", name="Pond").click()
    image = first.get_by_role("img", name="Pond").evaluate("image => image.src")
    assert first.request.get(image).status == 200
    second.reload()
    second.get_by_role("link", name="Pond").click()
    second.get_by_role("link", name="Delete…").click()
    second.get_by_role("button", name="Delete it").click()
    assert_message(second, "“Pond” is deleted")
    assert [first.request.get(url).status for url in (image, first.url)] == [404, 404]
    first.get_by_role("link", name="All of them").click()
    expect(first.get_by_role("heading", name="No pictures yet")).to_be_visible()


def test_video_seeks_in_the_other_process(pages, tmp_path):
    """The player gets the ranges that it requests from the store."""
    first, second = pages
    write(tmp_path / "waves.webm", video_file(seconds=8).read())
    upload(first, tmp_path / "waves.webm")
    assert_message(first, "1 file is added.")
    second.reload()
    second.get_by_role("link", name="Waves").click()
    assert [seek(second.locator("video"), time) for time in (6, 1)] == [6, 1]


def test_album_is_shared(pages, sites, tmp_path):
    """A URL signed by one process is valid in the other, and the bare URL in neither."""
    first, second = pages
    write(tmp_path / "diary.jpg", picture_bytes())
    for page in pages:
        page.get_by_role("link", name="Private album").click()
    upload(first, tmp_path / "diary.jpg")
    assert_message(first, "1 file is added.")
    second.reload()
    assert_shown(second.locator(".card img"))
    signed = first.locator(".card img").evaluate("image => image.src")
    there = signed.replace(*sites)
    assert second.request.get(there).body() == first.request.get(signed).body()
    assert second.request.get(there.partition("?")[0]).status == 403
