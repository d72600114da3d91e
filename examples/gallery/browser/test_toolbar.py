"""The panel of django-debug-toolbar shows the storages' operations of a page."""

import re

import pytest
from playwright.sync_api import expect

from samples import picture_bytes, write
from site_process import running_site, running_test_server
from visitor import upload


def open_panel(page):
    """Open the panel in the toolbar, and return it."""
    page.locator("#djShowToolBarButton").click()
    page.locator("#djdt-StoragePanel a").click()
    panel = page.locator("#StoragePanel")
    expect(panel.locator("table").first).to_be_visible()
    return panel


def cells(panel, row):
    """Return the texts of a row's cells."""
    return panel.locator("tbody tr", has_text=row).first.locator("td").all_inner_texts()


@pytest.fixture
def site(tmp_path):
    """Yield the URL of a gallery with its first pictures and the toolbar."""
    with running_site(log=tmp_path / "log", GALLERY_TOOLBAR="1") as address:
        yield address


@pytest.fixture
def bucket_site(tmp_path):
    """Yield the URL of an empty gallery on a bucket in memory, with the toolbar."""
    environment = {"GALLERY_TOOLBAR": "1", "GALLERY_BUCKET": "pictures"}
    fixture = tmp_path / "rows.json"  # the command wants one
    fixture.write_text('[{"model": "auth.group", "fields": {"name": "Visitors"}}]')
    with running_test_server(fixture, log=tmp_path / "log", **environment) as address:
        yield address


def test_operations(site, new_page, screenshot):
    """The panel shows a page's operations, with the lines of templates that called them."""
    page = new_page()
    page.goto(site)
    panel = open_panel(page)
    counted = panel.locator("tbody tr").count()
    expect(panel.locator("h3")).to_have_text(f"{counted} operations")
    shown = page.locator("#djdt-StoragePanel small")
    expect(shown).to_have_text(re.compile(rf"{counted} operations, \d+\.\d ms"))
    expect(panel.locator("h4")).to_have_text(re.compile(rf"default: {counted} operations, "))
    operation, name, size, time, line = cells(panel, "pictures/day.webm")
    assert (operation, name, size) == ("url", "pictures/day.webm", "")
    assert re.fullmatch(r"\d+\.\d\d\sms", time)
    assert line == "gallery/templates/gallery/still.html:1 in template"
    screenshot(page, "toolbar")


def test_requests(bucket_site, new_page, tmp_path, screenshot):
    """On a bucket, the panel shows requests too, and marks what one line repeats."""
    page = new_page()
    page.goto(bucket_site)
    write(tmp_path / "lake.jpg", picture_bytes())
    upload(page, tmp_path / "lake.jpg")
    page.goto(f"{bucket_site}/storage/")
    panel = open_panel(page)
    operations, requests = (panel.locator("table").nth(position) for position in (0, -1))
    name, key = "pictures/lake.jpg", "s3://pictures/pictures/lake.jpg"
    line = re.compile(r"gallery/store\.py:\d+ in lines")
    # The picture and two thumbnails.
    for table, shown in ((operations, ["size", name]), (requests, ["HeadObject (HEAD)", key])):
        row = table.locator("tbody tr", has_text="lake.jpg").first
        expect(row).to_have_class("djDebugRowWarning")
        expect(row.locator("td").first).to_have_text(shown[0])
        expect(row.locator("td").nth(1)).to_have_text(f"{shown[1]} 3 times from this line")
        expect(row.locator("td").last).to_have_text(line)
    expect(requests.locator("tbody tr", has_text="ListObjects").first).to_be_visible()
    screenshot(page, "toolbar-requests")
