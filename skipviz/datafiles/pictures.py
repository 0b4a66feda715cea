"""One picture that somebody gave: checked, decoded, cut to a square.

Nothing is believed of a file but its bytes: its name is never a path, its format must be one of
FORMATS, and its size is read from its head before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from skipviz.core.knob import SpecError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".gif",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
)
MOST_BYTES = 20_000_000
MOST_PIXELS = 30_000_000
LEAST_SIDE = 4
STRETCHES = (1.0, 4096.0)


@dataclass(frozen=True)
class Decoded:
    """One picture.

    image     grey ("L") or in colour ("RGB")
    clear     had it transparent parts? They lie on white
    deepest   of a picture of more than 8 bits the largest value, as a share of its format's
              largest; None of any other
    """

    image: Image.Image
    clear: bool
    deepest: float | None


def decode(data: bytes, stretch: float = 1.0) -> Decoded:
    """The picture in `data`; SpecError in a few words where it is none, or too large.

    Values of more than 8 bits are divided by the largest that their format can hold, whatever the
    picture's own largest is, and multiplied by `stretch`.
    """
    if not data:
        raise SpecError("the file is empty")
    if len(data) > MOST_BYTES:
        raise SpecError(f"larger than {MOST_BYTES // 10**6} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which is not kept
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(data, stretch)
    except SpecError:
        raise
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise SpecError("unpacks to too many pixels") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        name = type(error).__name__
        raise SpecError(f"not a whole {', '.join(FORMATS)} picture ({name})") from None


def _decoded(data: bytes, stretch: float) -> Decoded:
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            raise SpecError(f"{width}×{height} pixels, must be at most {MOST_PIXELS:,}")
        if min(width, height) < LEAST_SIDE:
            raise SpecError(f"{width}×{height} pixels, must be at least {LEAST_SIDE}×{LEAST_SIDE}")
        if max(width, height) > 20 * min(width, height):
            raise SpecError(f"{width}×{height} pixels, too narrow to cut a square from")
        if opened.format == "JPEG":
            opened.draft(None, (512, 512))
        bits = _bits(opened, data)
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith(("I", "F")):
            return _deep(upright, opened, bits, stretch)
        grey = upright.mode in ("1", "L", "LA", "La")
        if opened.format == "PNG":
            grey = grey or data[25] == 4  # grey of 16 bits with alpha, which Pillow makes RGBA
        return _shallow(upright, grey, bits, stretch)


def _bits(opened: Image.Image, data: bytes) -> int:
    """Bits of a value in the file. Pillow keeps the upper 8 of colours that have 16."""
    if opened.format == "PNG":
        return data[24]
    tags: Any = getattr(opened, "tag_v2", {})
    return int(max(np.atleast_1d(tags.get(_BITS_PER_SAMPLE, 8))))


_PHOTOMETRIC, _BITS_PER_SAMPLE, _SAMPLE_FORMAT = 262, 258, 339


def _deep(picture: Image.Image, opened: Image.Image, bits: int, stretch: float) -> Decoded:
    """A grey picture of 16 bits or of numbers with a point."""
    tags: Any = getattr(opened, "tag_v2", {})
    values = np.asarray(picture).astype(np.float64)  # (H, W)
    if picture.mode == "F":
        low, high = float(values.min()), float(values.max())
        if not 0 <= low <= high <= 1:
            raise SpecError(f"numbers with a point from {low:g} to {high:g}, must be from 0 to 1")
    elif bits > 16 or int(np.max(tags.get(_SAMPLE_FORMAT, 1))) == 2:
        raise SpecError(f"{bits}-bit numbers, must be of 8 or 16 bits without a sign")
    else:
        values /= 2**bits - 1
    if tags.get(_PHOTOMETRIC) == 0:  # white is 0
        values = 1 - values
    key = opened.info.get("transparency")
    clear = None
    if isinstance(key, int) and picture.mode != "F":
        clear = np.asarray(picture) == key
    visible_values = values if clear is None else values[~clear]
    stretched = np.clip(values * stretch, 0, 1)
    if clear is not None:
        stretched[clear] = 1
    image = Image.fromarray(np.rint(stretched * 255).astype(np.uint8))
    hidden = clear is not None and bool(clear.any())
    return Decoded(image, hidden, float(visible_values.max(initial=0)))


def _shallow(picture: Image.Image, grey: bool, bits: int, stretch: float) -> Decoded:
    """A picture of 8 bits, or of 16 of which Pillow kept the upper 8."""
    clear = None
    if picture.has_transparency_data:
        key = picture.info.get("transparency")
        if isinstance(key, tuple) and bits == 16:
            picture.info["transparency"] = tuple(v >> 8 for v in key)
        elif isinstance(key, int) and picture.mode == "L" and bits in (2, 4):
            picture.info["transparency"] = key * 255 // (2**bits - 1)
        unpremultiplied = {"La": "LA", "RGBa": "RGBA"}.get(picture.mode)
        layer = (picture.convert(unpremultiplied) if unpremultiplied else picture).convert("RGBA")
        clear = np.asarray(layer.getchannel("A"), dtype=np.float64)[:, :, None] / 255
        picture = layer
    image = picture.convert("L" if grey else "RGB")
    if bits <= 8 and clear is None:
        return Decoded(image, False, None)
    values = np.asarray(image, dtype=np.float64).reshape(image.height, image.width, -1)
    deepest = None
    if bits > 8:
        deepest = float((values * (1 if clear is None else clear > 0)).max()) / 255
        values = np.clip(values * stretch, 0, 255)
    if clear is not None:
        values = values * clear + 255 * (1 - clear)
    pixels = np.rint(values).astype(np.uint8)
    reduced = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    return Decoded(reduced, clear is not None and bool((clear < 1).any()), deepest)


def square(picture: Image.Image, side: int) -> Image.Image:
    """The shorter side scaled to `side` (bilinear, antialiased), the middle kept: pixel for pixel
    what torchvision's Resize and CenterCrop make of it."""
    width, height = picture.size
    shorter = min(width, height)
    wide, high = side * width // shorter, side * height // shorter
    scaled = picture.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = round((wide - side) / 2), round((high - side) / 2)
    return scaled.crop((left, top, left + side, top + side))


def cutter(side: int) -> Callable[[Image.Image], np.ndarray]:
    """A function that makes a square uint8 array (C, side, side) of a picture."""

    def cut(picture: Image.Image) -> np.ndarray:
        pixels = np.asarray(square(picture, side), dtype=np.uint8)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    return cut


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """The same for an array of images (N, C, H, W), uint8: each channel is a grey picture."""
    smaller = np.empty((*images.shape[:2], side, side), dtype=np.uint8)
    for place in np.ndindex(images.shape[:2]):
        smaller[place] = np.asarray(square(Image.fromarray(images[place]), side))
    return smaller
