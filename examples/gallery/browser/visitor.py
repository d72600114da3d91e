"""Actions of a visitor on the pages, and assertions about what the pages show."""

from contextlib import suppress

from playwright.sync_api import TimeoutError, expect

LOADED = "image => image.complete && image.naturalWidth > 0"
ARRIVED = "video => video.readyState >= video.HAVE_CURRENT_DATA && !video.seeking"


def upload(page, *files):
    """Choose files in the file chooser and send the form."""
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Add pictures and videos").click()
    chooser.value.set_files(files)
    page.get_by_role("button", name="Upload").click()


def drop(page, selector, *files):
    """Drag files from the desktop over an element and drop them there."""
    box = page.locator(selector).bounding_box()
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": step, **place, "data": data})
    session.detach()


def tab_to(page, name, key="Tab"):
    """Move to a control by the keyboard alone, with the focus visible."""
    for _ in range(40):
        page.keyboard.press(key)
        focused = page.locator(":focus")
        label = "e => `${e.innerText} ${e.labels?.[0]?.innerText} ${e.ariaLabel}`"
        if focused.count() and name in focused.evaluate(label):
            assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
            return focused
    raise AssertionError(f"{name!r} cannot be reached by {key}")


def press_for_chooser(page, key):
    """Press a key that opens the file chooser, again if a busy Chromium misses the first."""
    with suppress(TimeoutError):
        return chooser_by(page, key, timeout=10_000)
    return chooser_by(page, key, timeout=30_000)


def chooser_by(page, key, timeout):
    """Return the file chooser that a key opens within some milliseconds."""
    with page.expect_file_chooser(timeout=timeout) as chooser:
        page.keyboard.press(key)
    return chooser.value


def assert_message(page, text):
    """Assert that the page shows a message above its content."""
    expect(page.get_by_label("Messages")).to_contain_text(text)


def assert_shown(image):
    """Assert that a picture is decoded, not only linked."""
    image.page.wait_for_function(LOADED, arg=image.element_handle())


def seek(video, seconds):
    """Seek, wait for the frame, and return the player's position in seconds."""
    video.evaluate("(video, seconds) => { video.currentTime = seconds }", seconds)
    video.page.wait_for_function(ARRIVED, arg=video.element_handle())
    return video.evaluate("video => video.currentTime")
