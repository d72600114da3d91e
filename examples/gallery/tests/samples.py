"""Pictures for the tests, made by Pillow, and helpers that look at the storage."""

import errno
import io
import os

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from inmemorystorage import InMemoryStorage
from PIL import Image

from gallery.webm import key_frame, webm

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp"}


def picture_bytes(format="JPEG", size=(640, 480), **options):
    """Return the content of a picture with a diagonal gradient, so that crops differ."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def picture_file(name="lake.jpg", format="JPEG", size=(640, 480)):
    """Return a picture as a browser uploads it."""
    return SimpleUploadedFile(name, picture_bytes(format, size))


def damaged_file(name="damaged.jpg"):
    """Return a JPEG truncated in the middle of its pixels."""
    content = picture_bytes()
    return SimpleUploadedFile(name, content[: len(content) // 2])


def video_file(name="waves.webm", seconds=3):
    """Return a video of four frames a second, each slightly brighter than the one before."""
    frames = [Image.new("RGB", (64, 48), (index * 8, 40, 90)) for index in range(4 * seconds)]
    return SimpleUploadedFile(name, webm(map(key_frame, frames), (64, 48), rate=4))


class BrokenStorage(InMemoryStorage):
    """A storage that fails with an error other than ENOSPC."""

    def save(self, *args, **kwargs):
        """Fail like a broken disk."""
        raise OSError(errno.EIO, "broken")


def stored(directory=""):
    """Return the sorted names of all files below a directory of the default storage."""
    if directory and not default_storage.exists(directory):
        return []
    directories, files = default_storage.listdir(directory)
    prefix = f"{directory}/" if directory else ""
    below = [name for each in directories for name in stored(prefix + each)]
    return sorted([prefix + name for name in files] + below)


def image_at(client, url):
    """Return the picture that the site serves at a URL, decoded by Pillow."""
    response = client.get(url)
    assert response.status_code == 200
    image = Image.open(io.BytesIO(b"".join(response.streaming_content)))
    image.load()
    response.close()
    return image


def write(path, content=None, modified=1_000_000_000):
    """Write a file, by default a picture, last changed in 2001, so that any change shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes() if content is None else content)
    os.utime(path, (modified, modified))


def state(directory):
    """Return a directory's present state, to the last byte and nanosecond."""
    found = {}
    for path in [directory, *directory.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[path] = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, content)
    return found
