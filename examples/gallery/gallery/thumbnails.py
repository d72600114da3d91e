"""How easy-thumbnails reads the pictures."""

from easy_thumbnails.source_generators import pil_image
from PIL import Image


def first_frame(source, **options) -> Image.Image | None:
    """Return the picture as a still.

    easy-thumbnails resizes all frames of an animation, as the format that it came in, and then
    cannot save them as the JPEG that a thumbnail is. A copy has the first frame alone.
    """
    image = pil_image(source, **options)
    return image and image.copy()
