"""How easy-thumbnails reads pictures."""

from easy_thumbnails.source_generators import pil_image
from PIL import Image


def first_frame(source, **options) -> Image.Image | None:
    """Return the first frame of a picture.

    easy-thumbnails resizes all frames of an animation in its format, and then cannot save them as a
    JPEG thumbnail. A copy has only the first frame.
    """
    image = pil_image(source, **options)
    return image and image.copy()
