"""The first pictures: gradients and patterns drawn by Pillow, and a video of them."""

import io
import math
import random
from collections.abc import Callable, Iterator

from django.core.files.base import ContentFile
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .models import AbstractPicture, Picture, PrivatePicture
from .webm import key_frame, webm

LANDSCAPE, PORTRAIT, SQUARE = (1200, 800), (800, 1100), (1000, 1000)


def gradient(size: tuple[int, int], *colors: str) -> Image.Image:
    """Return an image with a vertical gradient of colors."""
    strip = Image.new("RGB", (1, len(colors)))
    for row, color in enumerate(colors):
        ImageDraw.Draw(strip).point((0, row), color)
    return strip.resize(size, Image.Resampling.BICUBIC)


def ridge(width: int, level: float, height: float, waves: float, phase: float) -> list:
    """Return the points of a wavy line: two sines of unlike length look like hills or water."""
    return [
        (x, level + height * (math.sin(t := x / width * waves + phase) + 0.4 * math.sin(2.7 * t)))
        for x in range(0, width + 8, 8)
    ]


def layers(image: Image.Image, colors: list[str], start: float, height: float, waves: float):
    """Draw one wavy layer per color, the last one nearest to the bottom."""
    width, bottom = image.size
    draw = ImageDraw.Draw(image)
    for index, color in enumerate(colors):
        level = bottom * (start + (1 - start) * index / len(colors))
        line = ridge(width, level, height, waves + index, index * 2.1)
        draw.polygon([*line, (width, bottom), (0, bottom)], color)


def glow(image: Image.Image, center: tuple[int, int], radius: int, color: str) -> Image.Image:
    """Return the image with a shining disc on it."""
    light = Image.new("RGB", image.size)
    ImageDraw.Draw(light).circle(center, radius * 1.6, color)
    light = light.filter(ImageFilter.GaussianBlur(radius))
    image = ImageChops.screen(image, light)
    ImageDraw.Draw(image).circle(center, radius, color)
    return image


def dawn(size: tuple[int, int]) -> Image.Image:
    """Draw hills before a rising sun."""
    image = gradient(size, "#2b2d6e", "#7a4a8c", "#e0726c", "#ffc98b", "#ffe9c4")
    image = glow(image, (size[0] * 2 // 3, size[1] // 2), size[0] // 16, "#fff1cf")
    layers(image, ["#b0607e", "#7c4677", "#4b3264", "#2a2148"], 0.55, size[1] / 22, 7)
    return image


def lagoon(size: tuple[int, int]) -> Image.Image:
    """Draw waves, from pale to deep."""
    image = gradient(size, "#fdf3dd", "#f6d9b8", "#bfe3dc")
    blues = ["#a4dcd3", "#6cc5c1", "#3ba5ae", "#22809a", "#185f84", "#123f68", "#0c264a"]
    layers(image, blues, 0.3, size[1] / 40, 10)
    return image


def aurora(size: tuple[int, int]) -> Image.Image:
    """Draw northern lights over a forest of hills."""
    dice, (width, height) = random.Random(7), size
    image = gradient(size, "#050b24", "#0b1b3f", "#123d55")
    draw = ImageDraw.Draw(image)
    for _ in range(260):
        spot = dice.randrange(width), dice.randrange(height)
        draw.circle(spot, dice.choice([1, 1, 2, 3]), f"hsl(210, 40%, {dice.randrange(50, 95)}%)")
    for hue, level in [(158, 0.36), (172, 0.46), (285, 0.26)]:
        veil = Image.new("RGB", size)
        line = ridge(width, height * level, height / 14, 8, hue)
        ImageDraw.Draw(veil).line(line, f"hsl({hue}, 85%, 50%)", height // 7, joint="curve")
        image = ImageChops.screen(image, veil.filter(ImageFilter.GaussianBlur(height // 14)))
    layers(image, ["#08222f", "#04141d"], 0.82, height / 30, 14)
    return image


def bubbles(size: tuple[int, int]) -> Image.Image:
    """Draw soap bubbles on a transparent ground."""
    dice, image = random.Random(3), Image.new("RGBA", size)
    for _ in range(70):
        layer = Image.new("RGBA", size)
        radius = dice.randrange(size[0] // 40, size[0] // 8)
        spot = dice.randrange(size[0]), dice.randrange(size[1])
        hue, draw = dice.randrange(170, 330), ImageDraw.Draw(layer)
        red, green, blue = Image.new("RGB", (1, 1), f"hsl({hue}, 80%, 62%)").getpixel((0, 0))
        draw.circle(spot, radius, (red, green, blue, 90), (red, green, blue, 230), radius // 14)
        shine = spot[0] - radius * 0.35, spot[1] - radius * 0.4
        draw.circle(shine, radius * 0.16, (255, 255, 255, 190))
        image.alpha_composite(layer)
    return image


def ribbons(size: tuple[int, int]) -> Image.Image:
    """Draw Truchet's tiles: quarter circles, turned at random, join into ribbons."""
    dice, image, side = random.Random(12), Image.new("RGB", size), size[0] // 10
    tile = ribbon_tile(side)
    choices = [tile, tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for x in range(0, size[0], side):
        for y in range(0, size[1], side):
            image.paste(dice.choice(choices), (x, y))
    return image


def ribbon_tile(side: int) -> Image.Image:
    """Return a tile with a ribbon around two opposite corners."""
    tile = Image.new("RGB", (side, side), "#f4ead7")
    draw = ImageDraw.Draw(tile)
    bands = [(0.68, "#1d3557"), (0.6, "#e76f51"), (0.4, "#1d3557"), (0.32, "#f4ead7")]
    for corner in [(0, 0), (side, side)]:
        for radius, color in bands:
            draw.circle(corner, radius * side, color)
    return tile


def sunflower(size: tuple[int, int]) -> Image.Image:
    """Draw seeds set by the golden angle."""
    image = gradient(size, "#10231c", "#1d3b2f")
    draw, center = ImageDraw.Draw(image), size[0] / 2
    for index in range(900):
        angle, distance = index * math.pi * (3 - math.sqrt(5)), math.sqrt(index / 900)
        spot = [center + center * 0.92 * distance * turn(angle) for turn in (math.cos, math.sin)]
        hue, light = 18 + 36 * distance, 38 + 24 * distance
        draw.circle(spot, center * (0.008 + 0.018 * distance), f"hsl({hue}, 88%, {light}%)")
    return image


def quilt(size: tuple[int, int]) -> Image.Image:
    """Draw squares in squares, each turned a little further."""
    image, side = Image.new("RGB", size, "#16213e"), size[0] // 4
    draw = ImageDraw.Draw(image)
    for x in range(side // 2, size[0], side):
        for y in range(side // 2, size[1] + side, side):
            for step in range(9):
                hue = (205 + 10 * step + x * 50 // size[0] + y * 40 // size[1]) % 360
                reach, angle = side * 0.66 * 0.84**step, step * 9
                color = f"hsl({hue}, 58%, {26 + 6 * step}%)"
                draw.regular_polygon((x, y, reach), 4, angle, color)
    return image


def orbit_frames(size: tuple[int, int], count: int = 24) -> Iterator[Image.Image]:
    """Yield the frames of twelve dots that follow each other on crossing lines."""
    middle, reach = size[0] / 2, size[0] * 0.4
    for frame in range(count):
        image = Image.new("RGB", size, "#191a2e")
        draw = ImageDraw.Draw(image)
        for dot in range(12):
            angle = dot * math.pi / 12
            swing = reach * math.cos(frame * math.tau / count + angle)
            spot = middle + swing * math.cos(angle), middle + swing * math.sin(angle)
            draw.circle(spot, size[0] / 28, f"hsl({dot * 30}, 80%, 66%)")
        yield image.reduce(2)


def smooth(draw: Callable, size: tuple[int, int]) -> Image.Image:
    """Draw at twice the size and reduce, which smooths the edges."""
    return draw((size[0] * 2, size[1] * 2)).reduce(2)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    """Return the content of an image file."""
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def animation() -> bytes:
    """Return a GIF of the orbit that repeats forever."""
    first, *others = orbit_frames((1000, 1000))
    return encoded(first, "GIF", save_all=True, append_images=others, duration=60, loop=0)


def moonlight(size: tuple[int, int]) -> Image.Image:
    """Draw a moon over the sea, with its path of light."""
    dice, (width, height) = random.Random(5), size
    image = gradient(size, "#0a1030", "#1b2a5c", "#4a5f94")
    image = glow(image, (width // 2, height // 3), width // 14, "#fbf3d8")
    layers(image, ["#22376b", "#1a2c5a", "#122149", "#0b1737"], 0.6, height / 90, 14)
    draw = ImageDraw.Draw(image)
    for _ in range(220):
        depth = dice.random()
        x, y = dice.gauss(width / 2, width * (0.03 + 0.07 * depth)), height * (0.62 + 0.36 * depth)
        length = width * (0.008 + 0.03 * depth) * dice.random()
        draw.line([(x - length, y), (x + length, y)], "#f3e3b3", round(1 + 5 * depth))
    return image


def contours(size: tuple[int, int]) -> Image.Image:
    """Draw a map of two hills: each line has one height."""
    image, (width, height) = Image.new("RGB", size, "#f3ecdc"), size
    draw = ImageDraw.Draw(image)
    for step in range(16, 0, -1):
        for x, y, phase in [(0.34, 0.4, 0.4), (0.68, 0.66, 2.6)]:
            line = [
                (
                    width * x + reach * math.cos(angle / 60 * math.tau),
                    height * y + reach * math.sin(angle / 60 * math.tau) * 0.8,
                )
                for angle in range(60)
                for reach in [width * 0.023 * step * bend(angle / 60 * math.tau + phase)]
            ]
            draw.polygon(line, f"hsl({40 + step * 6}, 38%, {42 + step * 3}%)", "#5c4b32", 3)
    return image


def bend(angle: float) -> float:
    """Return how far a contour line is from its circle at an angle."""
    return 1 + 0.16 * math.sin(2 * angle) + 0.09 * math.sin(3 * angle + 1)


def day_frames(size: tuple[int, int], count: int = 120) -> Iterator[Image.Image]:
    """Yield the frames of a day: the sun rises over hills, and sets behind them."""
    width, height = size
    night, day = gradient(size, *SKIES["night"]), gradient(size, *SKIES["day"])
    dark, bright = hills(size, *HILLS["night"]), hills(size, *HILLS["day"])
    mask = hills(size, "black", *["white"] * 4).convert("L")
    sun = smooth(sunshine, (width // 3, width // 3))
    for frame in range(count):
        angle = math.pi * (1.35 * frame / count - 0.06)
        light = max(0, math.sin(angle)) ** 0.6
        shine = Image.new("RGB", size)
        x, y = width * (0.5 - 0.42 * math.cos(angle)), height * (0.75 - 0.6 * light)
        if angle < math.pi * 1.05:
            shine.paste(sun, (round(x - sun.width / 2), round(y - sun.height / 2)))
        image = ImageChops.screen(Image.blend(night, day, light), shine)
        image.paste(Image.blend(dark, bright, light), mask=mask)
        yield image


def sunshine(size: tuple[int, int]) -> Image.Image:
    """Draw a sun that lights the dark."""
    return glow(Image.new("RGB", size), (size[0] // 2, size[1] // 2), size[0] // 7, SUN)


def hills(size: tuple[int, int], ground: str, *colors: str) -> Image.Image:
    """Return hills in their colors, the rest of the image in that of the ground."""
    image = Image.new("RGB", (size[0] * 2, size[1] * 2), ground)
    layers(image, colors, 0.62, size[1] / 9, 6)
    return image.reduce(2)


SKIES = {"night": ["#0b1030", "#3a2a5c", "#a9546a"], "day": ["#3f8fd8", "#8cc3ee", "#f6ead0"]}
# The ground is visible only at the edge.
HILLS = {
    "night": ["#3c2d57", "#3c2d57", "#2a2148", "#1b1736", "#100f26"],
    "day": ["#86b08c", "#86b08c", "#5f9a6b", "#3f7d54", "#27593f"],
}
SUN = "#fff0c0"


def film() -> bytes:
    """Return the day as a video of five seconds."""
    size = (640, 360)
    return webm(map(key_frame, day_frames(size)), size, rate=24)


def jpeg(draw: Callable, size: tuple[int, int]) -> bytes:
    """Return a drawing as JPEG."""
    return encoded(smooth(draw, size), "JPEG", quality=88)


SEEDS = [
    ("Quilt", "quilt.jpg", lambda: jpeg(quilt, LANDSCAPE)),
    ("Orbit, a GIF that moves", "orbit.gif", animation),
    ("Lagoon", "lagoon.jpg", lambda: jpeg(lagoon, PORTRAIT)),
    ("Soap bubbles", "soap bubbles.png", lambda: encoded(smooth(bubbles, SQUARE), "PNG")),
    ("Sunflower", "sunflower.webp", lambda: encoded(smooth(sunflower, SQUARE), "WEBP")),
    ("Ribbons", "ribbons.png", lambda: encoded(smooth(ribbons, SQUARE), "PNG")),
    ("Nordlicht über den Hügeln", "nordlicht-ü.webp", lambda: encoded(aurora(LANDSCAPE), "WEBP")),
    ("A day in five seconds", "day.webm", film),
    ("Dawn", "dawn.jpg", lambda: jpeg(dawn, LANDSCAPE)),
]
PRIVATE_SEEDS = [
    ("Two hills, from above", "hills.png", lambda: encoded(smooth(contours, SQUARE), "PNG")),
    ("Moonlight", "moonlight.jpg", lambda: jpeg(moonlight, LANDSCAPE)),
]


def seed(model: type[AbstractPicture], seeds: list) -> None:
    """Draw and save pictures, given as (title, file name, drawing function)."""
    for title, name, draw in seeds:
        model.objects.create(title=title, file=ContentFile(draw(), name))


def seed_all() -> None:
    """Fill each of the two sections that has no pictures."""
    for model, seeds in [(Picture, SEEDS), (PrivatePicture, PRIVATE_SEEDS)]:
        if not model.objects.exists():
            seed(model, seeds)
