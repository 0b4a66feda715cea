"""A square to draw in, with mouse, finger or pen; what was drawn comes back as numbers."""

from __future__ import annotations

import io
import re
from typing import Any

import streamlit as st
from PIL import Image

from skipviz.ui import served

_HTML = """
<canvas class="skip-draw" width="240" height="240" tabindex="0" role="img"
        aria-label="Square to draw in"></canvas>
<div><button class="skip-add" type="button" hidden></button>
<button class="skip-clear" type="button">Clear</button></div>
"""

_component = st.components.v2.component(
    "skipviz.draw",
    html=_HTML,
    css=served.text("draw.css"),
    js=served.text("draw.js"),
    isolate_styles=False,
)

SIDE = 64
"""Pixels a side of the drawings that become a data set, before they are made as small as it is."""

_PLANE = re.compile(f"[0-9a-f]{{{2 * SIDE * SIDE}}}")


def draw(shape: tuple[int, int, int], key: str) -> str:
    """The drawing as hexadecimal values of a (channels, height, width) picture; "" while empty."""
    channels, height, width = shape
    size = {"channels": channels, "height": height, "width": width, "pen": 26}
    result = _component(key=key, data=size, on_pixels_change=lambda: None)
    return str(result.get("pixels") or "")


def draw_many(label: str, seen: int, key: str) -> list[tuple[int, str, bytes]]:
    """Drawings that were added and have a number above `seen`, in their order: number, the label
    that stood on the button, and a grey PNG. Nothing can be added while `label` is empty."""
    data = {"channels": 1, "height": SIDE, "width": SIDE, "pen": 16, "label": label, "seen": seen}
    result = _component(key=key, data=data, on_drawn_change=lambda: None)
    return new_pictures(result.get("drawn"), seen)


def new_pictures(sent: Any, seen: int) -> list[tuple[int, str, bytes]]:
    """What the browser told, read as `draw_many` gives it; what is no drawing is passed over."""
    drawings = []
    for entry in sent if isinstance(sent, list) else []:
        match entry:
            case [int(number), str(label), str(pixels)] if number > seen:
                if label and _PLANE.fullmatch(pixels):
                    out = io.BytesIO()
                    image = Image.frombytes("L", (SIDE, SIDE), bytes.fromhex(pixels))
                    image.save(out, "PNG")
                    drawings.append((number, label, out.getvalue()))
    return drawings
