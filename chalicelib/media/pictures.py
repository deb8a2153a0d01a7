"""Pictures, by Pillow: their size, smaller ones of them, and one that stands for a video. Pure.

Only JPEG and PNG are ever decoded, and none of more pixels than memory has room for.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 25_000_000}
"""A JPEG is decoded no larger than it is needed, a PNG whole."""
PREVIEW = 720
"""The longer side of a preview, in pixels: what a phone shows in a chat."""
PREVIEW_BYTES = 1 << 20
"""LINE's limit of a preview."""
IMAGEMAP_WIDTHS = (1040, 700, 460, 300, 240)
"""The widths in which LINE asks for an image map's picture."""


class Unreadable(ValueError):
    """The picture cannot be decoded."""


@dataclass(frozen=True)
class TooManyPixels(Exception):
    """The picture is larger than is decoded here."""

    has: int
    most: int


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height as shown (a phone's photo may lie on its side). Raises Unreadable, TooManyPixels."""
    picture = _open(data)
    width, height = picture.size
    try:
        turned = picture.getexif().get(0x0112, 1) in {5, 6, 7, 8}
    except Exception as error:
        raise Unreadable from error
    return (height, width) if turned else (width, height)


def preview_of(data: bytes) -> bytes:
    """A JPEG whose longer side has ``PREVIEW`` pixels at most. Raises Unreadable, TooManyPixels."""
    return _as_jpeg(_scaled(data, PREVIEW, PREVIEW))


def for_imagemap(data: bytes) -> dict[int, bytes]:
    """The picture in each of LINE's widths."""
    widest = _scaled(data, IMAGEMAP_WIDTHS[0], 1 << 16)
    return {width: _as_jpeg(_to_width(widest, width)) for width in IMAGEMAP_WIDTHS}


def placeholder(width: int, height: int) -> bytes:
    """A calm picture of a video's proportions, with the mark that it can be played."""
    from PIL import Image, ImageDraw

    scale = PREVIEW / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.new("RGB", size, (38, 50, 56))
    x, y, r = size[0] / 2, size[1] / 2, min(size) / 7
    pen = ImageDraw.Draw(picture)
    pen.ellipse((x - 2 * r, y - 2 * r, x + 2 * r, y + 2 * r), fill=(255, 255, 255))
    pen.polygon(((x - 0.6 * r, y - r), (x - 0.6 * r, y + r), (x + 1.1 * r, y)), fill=(38, 50, 56))
    return _as_jpeg(picture)


def _open(data: bytes) -> Image:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the number of pixels is asked below
        try:
            picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        except Image.DecompressionBombError as error:
            raise TooManyPixels(2 * (Image.MAX_IMAGE_PIXELS or 0), min(MOST_PIXELS.values())) from error
        except Exception as error:
            raise Unreadable from error
    pixels, most = picture.width * picture.height, MOST_PIXELS.get(str(picture.format), 0)
    if pixels > most:
        raise TooManyPixels(pixels, most)
    return picture


def _scaled(data: bytes, width: int, height: int) -> Image:
    """The picture upright, without transparency, no larger than this."""
    from PIL import Image, ImageOps

    picture = _open(data)
    try:
        picture.draft("RGB", (2 * width, 2 * min(height, width)))
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((width, height), reducing_gap=2.0)
        clear = upright.convert("RGBA")
    except Exception as error:
        raise Unreadable from error
    ground = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, clear).convert("RGB")


def _to_width(picture: Image, width: int) -> Image:
    return picture.resize((width, max(1, round(picture.height * width / picture.width))))


def _as_jpeg(picture: Image) -> bytes:
    """As JPEG, within the limit of previews."""
    for quality in (88, 75, 60, 40):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= PREVIEW_BYTES:
            break
    return file.getvalue()
