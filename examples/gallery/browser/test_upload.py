"""Files are uploaded by file chooser and by drag and drop, shown, and deleted."""

import pytest
from PIL import Image
from playwright.sync_api import expect

from visitor import assert_message, assert_shown, drop, upload


@pytest.fixture
def pictures(tmp_path):
    """Return two pictures on the disk."""
    paths = [tmp_path / "lake.png", tmp_path / "summer_sea.jpg"]
    for path in paths:
        Image.radial_gradient("L").resize((640, 480)).convert("RGB").save(path)
    return paths


def test_upload_by_file_chooser(page, site, pictures):
    """Chosen files appear in the grid and on their pages."""
    page.goto(site)
    upload(page, *pictures)
    assert_message(page, "2 files are added.")
    expect(page.locator(".card")).to_have_text(["Summer sea", "Lake"])
    for image in page.locator(".card img").all():
        assert_shown(image)
    page.get_by_role("link", name="Lake").click()
    assert_shown(page.get_by_role("img", name="Lake"))
    expect(page.locator("dl")).to_contain_text("640 \N{MULTIPLICATION SIGN} 480")


def test_upload_by_drag_and_drop(page, site, pictures):
    """Files dropped on the form are listed, and sent with it."""
    page.goto(site)
    drop(page, "[data-upload]", *pictures)
    expect(page.locator("[data-chosen] li")).to_have_text(["lake.png", "summer_sea.jpg"])
    page.get_by_role("button", name="Upload").click()
    assert_message(page, "2 files are added.")
    for image in page.locator(".card img").all():
        assert_shown(image)


def test_refused_file_is_reported(page, site, pictures, tmp_path):
    """A drawing with scripts is refused by name, and the picture beside it is kept."""
    drawing = tmp_path / "drawing.svg"
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    page.goto(site)
    drop(page, "[data-upload]", drawing, pictures[0])
    page.get_by_role("button", name="Upload").click()
    assert_message(page, "drawing.svg: Only JPEG")
    expect(page.locator(".card")).to_have_text(["Lake"])


def test_picture_is_deleted(page, site, pictures):
    """Deletion asks for confirmation; then the page and the file are gone."""
    page.goto(site)
    upload(page, pictures[0])
    page.get_by_role("link", name="Lake").click()
    file = page.get_by_role("img", name="Lake").get_attribute("src")
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete it").click()
    assert_message(page, "“Lake” is deleted")
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    assert page.request.get(site + file).status == 404


def test_animation_moves(page, site, tmp_path):
    """A GIF is served unchanged: the browser shows one frame, then another."""
    frames = [Image.new("RGB", (64, 64), color) for color in ("red", "blue")]
    path = tmp_path / "flag.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, loop=0)
    page.goto(site)
    upload(page, path)
    page.get_by_role("link", name="Flag").click()
    image = page.get_by_role("img", name="Flag")
    assert_shown(image)
    first = image.screenshot()
    for _ in range(100):
        if image.screenshot() != first:
            return
    raise AssertionError("The animation stands still.")
