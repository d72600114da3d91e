"""The look of the pages: at any width, light and dark."""

import io
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

PAGES = {
    "pictures": "/",
    "album": "/album/",
    "picture": "/pictures/9/",
    "video": "/pictures/8/",
    "delete": "/pictures/9/delete/",
    "storage": "/storage/",
    "files": "/media/",
    "files-pictures": "/media/pictures/",
    "files-private": "/private/album/",
}
WIDTHS = {"phone": 390, "desktop": 1280}
SCHEMES = {"light": (200, 255), "dark": (0, 60)}  # and the background's brightness, of 255
DOCS_IMAGES = Path(__file__).parents[3] / "docs" / "images"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
LIMIT = 250_000  # bytes of a picture in the README
ALL_LOADED = "() => [...document.querySelectorAll('video')].every(video => video.readyState > 2)"


def open_page(page, url):
    """Open a page and wait until it is complete."""
    page.goto(url, wait_until="networkidle")
    page.wait_for_function(ALL_LOADED)


def reduced(picture):
    """Return a picture in 256 colors, dithered."""
    palette = picture.quantize(256, method=Image.Quantize.FASTOCTREE)
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_its_window(page, shown_site, screenshot, name):
    """A page does not scroll sideways, and is legible in the visitor's color scheme."""
    open_page(page, shown_site + PAGES[name])
    for (device, width), scheme in product(WIDTHS.items(), SCHEMES):
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        picture = Image.open(io.BytesIO(screenshot(page, f"{name}-{device}-{scheme}")))
        light = picture.convert("L").getpixel((2, picture.height // 2))
        assert SCHEMES[scheme][0] <= light <= SCHEMES[scheme][1]
        assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_readme_has_a_picture(new_page, shown_site, screenshot, pytestconfig, scheme, tmp_path):
    """--docs-images writes the README's pictures, which are small."""
    page = new_page(height=800, color_scheme=scheme)
    open_page(page, shown_site)
    directory = DOCS_IMAGES if pytestconfig.getoption("docs_images") else tmp_path
    path = directory / f"gallery-{scheme}.png"
    picture = Image.open(io.BytesIO(screenshot(page, f"readme-{scheme}")))
    reduced(picture.convert("RGB")).save(path, optimize=True)
    assert path.stat().st_size < LIMIT
