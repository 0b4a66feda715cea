"""Small pictures for a page: arrays of numbers as PNG, inside the page's own text."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image


def data_address(values: Any, top: float | None = None) -> str:
    """An image as a data: address. values: (C, H, W) with C of 1 or 3, or (H, W).

    Scaled from 0 to `top`; without it from the smallest to the largest value.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 3:
        array = array[0] if len(array) == 1 else np.moveaxis(array[:3], 0, 2)
    low, high = (0.0, top) if top is not None else (float(array.min()), float(array.max()))
    scaled = (array - low) / ((high - low) or 1.0) * 255
    image = Image.fromarray(scaled.clip(0, 255).astype(np.uint8))
    out = io.BytesIO()
    image.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def picture(values: Any, px: int, alt: str, top: float | None = None) -> str:
    """An <img> of `px` pixels, its own pixels kept sharp."""
    source = data_address(values, top)
    return f'<img src="{source}" width="{px}" height="{px}" alt="{alt}" class="skip-pixels">'
