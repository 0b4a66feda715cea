"""One picture that somebody gave: checked, decoded, cut to a square.

Nothing is believed of a file but its bytes: its name is never a path, its format must be one of
FORMATS, and its size is read from its head before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from skipviz.knob import SpecError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
MOST_BYTES = 20_000_000
MOST_PIXELS = 30_000_000
LEAST_SIDE = 4


def decode(data: bytes) -> Image.Image:
    """The picture in `data`, grey ("L") or in colour ("RGB"); SpecError in a few words where it is
    none, or too large."""
    if not data:
        raise SpecError("the file is empty")
    if len(data) > MOST_BYTES:
        raise SpecError(f"larger than {MOST_BYTES // 10**6} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which is not kept
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(data)
    except SpecError:
        raise
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise SpecError("unpacks to too many pixels") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        name = type(error).__name__
        raise SpecError(f"not a whole {', '.join(FORMATS)} picture ({name})") from None


def _decoded(data: bytes) -> Image.Image:
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
        upright = ImageOps.exif_transpose(opened)
        grey = upright.mode in ("1", "L", "LA", "I", "I;16", "F")
        return upright.convert("L" if grey else "RGB")


def cutter(side: int) -> Any:
    """A function that makes a square uint8 array (C, side, side) of a picture: the shorter side
    scaled to `side`, the middle kept."""
    from torchvision import transforms

    steps = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])

    def cut(picture: Image.Image) -> np.ndarray:
        pixels = np.asarray(steps(picture), dtype=np.uint8)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    return cut


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """The same for an array of images (N, C, H, W), uint8."""
    import torch
    from torchvision.transforms import functional

    parts = []
    for start in range(0, len(images), 1024):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + 1024]))
        part = functional.resize(part, [side], antialias=True)
        parts.append(functional.center_crop(part, [side, side]).numpy())
    return np.concatenate(parts)
