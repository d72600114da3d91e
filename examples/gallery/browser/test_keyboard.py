"""The whole site works by keyboard alone."""

from PIL import Image
from playwright.sync_api import expect

from visitor import assert_message, assert_shown, press_for_chooser, tab_to


def test_upload_look_and_delete_by_keyboard(page, site, tmp_path):
    """A visitor uploads, sees and deletes with Tab and Enter, and always sees the focus."""
    path = tmp_path / "lake.png"
    Image.radial_gradient("L").save(path)
    page.goto(site)
    tab_to(page, "Add pictures and videos")
    press_for_chooser(page, "Enter").set_files(path)
    tab_to(page, "Upload")
    page.keyboard.press("Enter")
    assert_message(page, "1 file is added.")
    tab_to(page, "Lake")
    page.keyboard.press("Enter")
    assert_shown(page.get_by_role("img", name="Lake"))
    tab_to(page, "Delete…")
    page.keyboard.press("Enter")
    tab_to(page, "Delete it")
    page.keyboard.press("Enter")
    assert_message(page, "“Lake” is deleted")


def test_browsing_by_keyboard(page, shown_site):
    """A visitor goes from picture to picture, to the album and to the storage."""
    page.goto(shown_site)
    tab_to(page, "Dawn")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dawn")).to_be_visible()
    tab_to(page, "Older")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A day in five seconds")).to_be_visible()
    tab_to(page, "Newer", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dawn")).to_be_visible()
    for name in ("Private album", "Storage"):
        tab_to(page, name)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_first_tab_skips_to_the_content(page, shown_site):
    """The first link of a page skips to the content."""
    page.goto(shown_site)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
