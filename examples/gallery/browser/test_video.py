"""A video seeks, because the player gets the ranges that it requests."""

import re

import pytest
from PIL import Image

from gallery.webm import key_frame, webm
from visitor import assert_message, seek, upload

SIZE, RATE, SECONDS = (640, 360), 6, 20
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Return a video of incompressible noise that is too large to be loaded at once."""
    noise = [key_frame(Image.effect_noise(SIZE, 110), quality=100) for _ in range(RATE)]
    path = tmp_path_factory.mktemp("video") / "noise.webm"
    path.write_bytes(webm(noise * SECONDS, SIZE, RATE))
    assert path.stat().st_size > 25 * MEBIBYTE
    return path


def ranges(responses):
    """Return the ranges that the server sent, as (start, end, size of the file)."""
    parts = [response.header_value("content-range") for response in responses]
    assert all(response.status == 206 for response in responses)
    # Chromium answers from its own cache without that header.
    return [tuple(map(int, re.findall(r"\d+", part))) for part in parts if part]


def test_player_gets_the_ranges_it_requests(page, site, video, recorder):
    """A player that seeks skips most of the file, and plays on from there."""
    page.goto(site)
    upload(page, video)
    assert_message(page, "1 file is added.")
    page.get_by_role("link", name="Noise").click()
    player = page.locator("video")
    recorder.responses.clear()
    assert seek(player, 17) == 17
    size = video.stat().st_size
    answers = recorder.fetched("/media/pictures/noise.webm")
    for response in answers:
        assert re.fullmatch(r"bytes=\d+-\d*", response.request.header_value("range"))
    sent = ranges(answers)
    assert {total for _, _, total in sent} == {size}
    # The index leads to the last fifth of the file, which only a range reaches.
    assert any(0.8 * size < start < end == size - 1 for start, end, _ in sent)


def test_player_goes_back_and_plays(page, site, video):
    """The video runs after a seek to the end and back."""
    page.goto(site)
    upload(page, video)
    page.get_by_role("link", name="Noise").click()
    player = page.locator("video")
    assert player.evaluate("video => video.duration") == SECONDS
    assert [seek(player, second) for second in (19, 3, 11)] == [19, 3, 11]
    player.evaluate("video => video.play()")
    page.wait_for_function("video => video.currentTime > 11.2", arg=player.element_handle())


def test_video_seeks_by_keyboard(page, shown_site):
    """The arrow keys move the player by a hundredth of the video."""
    page.goto(shown_site)
    page.get_by_role("link", name="A day in five seconds").click()
    player = page.locator("video")
    seek(player, 1)
    player.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("video => video.currentTime > 1.5", arg=player.element_handle())


def test_first_video_is_shown_in_the_grid(page, shown_site):
    """The video's card has a frame of it, in the size in which it was drawn."""
    page.goto(shown_site)
    still = page.locator(".card video")
    page.wait_for_function("video => video.readyState >= 2", arg=still.element_handle())
    assert still.evaluate("video => [video.videoWidth, video.videoHeight]") == [640, 360]
