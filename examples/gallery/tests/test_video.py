"""Videos are written, uploaded and shown."""

import struct
from functools import partialmethod

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from gallery.models import Picture
from gallery.webm import key_frame, webm
from samples import stored, video_file

CLUSTER, SEGMENT = bytes.fromhex("1F43B675"), bytes.fromhex("18538067")
CUE_POSITION = bytes.fromhex("F1")
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100)


def test_frames_are_key_frames_of_their_size():
    """A frame starts as in RFC 6386, section 9.1: a bit that is 0, a start code, the size."""
    frame = key_frame(Image.new("RGBA", (64, 48)))
    assert frame[0] & 1 == 0
    assert frame[3:6] == b"\x9d\x01\x2a"
    assert struct.unpack_from("<HH", frame, 6) == (64, 48)


def test_index_points_at_the_seconds():
    """Each second starts at its position in the index, counted from the segment's content."""
    video = webm([b"frame"] * 10, (64, 48), rate=4)
    start = video.index(SEGMENT) + 12
    index = video[start : video.index(CLUSTER)].split(CUE_POSITION + b"\x01" + bytes(6) + b"\x08")
    positions = [int.from_bytes(entry[:8], "big") for entry in index[1:]]
    assert len(positions) == 3
    assert all(video[start + position :].startswith(CLUSTER) for position in positions)


def test_lossless_picture_is_refused(monkeypatch):
    """key_frame() refuses a picture that Pillow does not write as a key frame."""
    save = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", partialmethod(save, lossless=True))
    with pytest.raises(ValueError, match="VP8L"):
        key_frame(Image.new("RGB", (64, 48)))


@pytest.mark.parametrize("name", ["waves.webm", "waves.bin", "waves.mp4"])
def test_webm_is_recognized_by_its_content(upload, name):
    """A video is stored unchanged, under a name of its format, whatever its name was."""
    upload(video_file(name))
    assert Picture.objects.get().is_video
    with default_storage.open("pictures/waves.webm") as file:
        assert file.read() == video_file().read()


def test_mp4_is_recognized_by_its_content(upload):
    """An MP4 is recognized by its own start."""
    upload(SimpleUploadedFile("holiday", MP4))
    assert stored() == ["pictures/holiday.mp4"]


def test_large_video_is_refused(upload, settings):
    """The form refuses a video larger than its limit in MAX_SIZES."""
    settings.MAX_SIZES = {"picture": 10**9, "video": 1024}
    page = upload(video_file())
    assert "A video may have up to 1.0" in page.content.decode()
    assert stored() == []


def test_video_has_no_thumbnails(upload, caplog):
    """The gallery makes no thumbnail of a video and logs nothing."""
    upload(video_file())
    assert stored("thumbnails") == []
    assert caplog.text == ""


def test_video_is_shown_with_controls(upload, client):
    """The picture's page plays the video; the grid and the confirmation page show a frame."""
    assert '<video src="/media/pictures/waves.webm#t=' in upload(video_file()).content.decode()
    picture = Picture.objects.get()
    page = client.get(picture.get_absolute_url()).content.decode()
    assert '<video src="/media/pictures/waves.webm" controls preload="metadata"' in page
    page = client.get(f"/pictures/{picture.pk}/delete/").content.decode()
    assert '<video src="/media/pictures/waves.webm#t=' in page


def test_admin_shows_a_video(upload, admin_client):
    """The admin's list shows a frame of the video."""
    upload(video_file())
    page = admin_client.get("/admin/gallery/picture/").content.decode()
    assert '<video src="/media/pictures/waves.webm"' in page


def test_range_of_a_video_is_sent_alone(upload, client):
    """A player that requests a range gets the range."""
    upload(video_file())
    url, content = Picture.objects.get().file.url, video_file().read()
    response = client.get(url, headers={"range": "bytes=500-"})
    assert response.status_code == 206
    assert response["Content-Type"] == "video/webm"
    assert response["Content-Range"] == f"bytes 500-{len(content) - 1}/{len(content)}"
    assert b"".join(response.streaming_content) == content[500:]
    response.close()
