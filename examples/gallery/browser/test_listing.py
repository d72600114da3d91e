"""The listing of the files at the media URL, in DEBUG."""

from playwright.sync_api import expect

from visitor import assert_shown


def test_files_are_found_by_folder(page, shown_site, recorder):
    """Links lead from the storage's page to the folder and to the file, with previews."""
    page.goto(shown_site + "/storage/")
    page.get_by_role("link", name="Look at the files").first.click()
    page.get_by_role("link", name="pictures/").click()
    expect(page.get_by_role("rowheader")).to_contain_text(["dawn.jpg", "day.webm", "lagoon.jpg"])
    expect(page.get_by_role("row").filter(has_text="dawn.jpg")).to_contain_text("38.8")
    assert_shown(page.get_by_role("row").filter(has_text="dawn.jpg").locator("img"))
    page.get_by_role("link", name="nordlicht-ü.webp").click()
    assert_shown(page.locator("img"))


def test_private_files_are_listed_without_links(page, shown_site):
    """The listing names private files, without a link that the album signs."""
    page.goto(shown_site + "/private/album/")
    expect(page.get_by_role("row").filter(has_text="moonlight.jpg")).to_be_visible()
    expect(page.get_by_role("link", name="moonlight.jpg")).to_have_count(0)
    expect(page.locator("img")).to_have_count(0)
