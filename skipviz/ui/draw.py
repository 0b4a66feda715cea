"""A square to draw in, with mouse, finger or pen; what was drawn comes back as numbers."""

from __future__ import annotations

import io
import re
from typing import Any

import streamlit as st
from PIL import Image

_HTML = """
<canvas class="skip-draw" width="240" height="240" tabindex="0" role="img"
        aria-label="Square to draw in"></canvas>
<div><button class="skip-add" type="button" hidden></button>
<button class="skip-clear" type="button">Clear</button></div>
"""

_CSS = """
.skip-draw { background: #000; border-radius: 0.5rem; touch-action: none; cursor: crosshair;
             border: 2px solid var(--st-border-color); }
.skip-clear, .skip-add { font: inherit; margin-top: 0.4rem; padding: 0.3rem 0.9rem;
              border-radius: 0.5rem; border: 1px solid var(--st-border-color);
              background: transparent; color: var(--st-text-color); cursor: pointer; }
.skip-add { background: var(--st-primary-color); border-color: var(--st-primary-color);
            color: #fff; max-width: 15rem; overflow: hidden; text-overflow: ellipsis;
            white-space: nowrap; vertical-align: bottom; }
.skip-add:disabled { background: transparent; border-color: var(--st-border-color);
                     color: var(--st-text-color); opacity: 0.75; cursor: default; }
"""

# Many drawings one after the other: each is numbered and sent again until the page says that it has
# `seen` its number, so that none is lost while the page is busy.
_JS = """
const known = new WeakMap();
export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  if (known.has(canvas)) { known.get(canvas)(data); return; }
  const add = parentElement.querySelector(".skip-add");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const many = data.seen !== undefined;
  let last = null, drawn = false, waiting = [];
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * 240 / box.width,
            (event.clientY - box.top) * 240 / box.height];
  };
  const plane = () => {
    const small = document.createElement("canvas");
    small.width = data.width; small.height = data.height;
    const shrunk = small.getContext("2d");
    shrunk.imageSmoothingQuality = "high";
    shrunk.drawImage(canvas, 0, 0, data.width, data.height);
    const pixels = shrunk.getImageData(0, 0, data.width, data.height).data;
    let text = "";
    for (let i = 0; i < pixels.length; i += 4) text += pixels[i].toString(16).padStart(2, "0");
    return text.repeat(data.channels);
  };
  const line = (from, to) => {
    pen.strokeStyle = "#fff"; pen.lineWidth = data.pen; pen.lineCap = "round";
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
    drawn = true;
  };
  const show = () => {
    if (!many) return;
    waiting = waiting.filter(([number]) => number > data.seen);
    add.hidden = false;
    add.disabled = !drawn || !data.label;
    add.textContent = data.label ? `Add to “${data.label}”` : "Name the class first";
  };
  const wipe = () => {
    pen.fillStyle = "#000"; pen.fillRect(0, 0, 240, 240); drawn = false; show();
  };
  known.set(canvas, (news) => { data = news; show(); });
  wipe();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId); last = at(event); line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = at(event);
    line(last, now);
    last = now;
  });
  const lift = () => {
    if (last && !many) setStateValue("pixels", plane());
    last = null; show();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  parentElement.querySelector(".skip-clear").addEventListener("click", () => {
    wipe(); if (!many) setStateValue("pixels", "");
  });
  add.addEventListener("click", () => {
    const number = Math.max(data.seen, ...waiting.map(([each]) => each)) + 1;
    waiting.push([number, data.label, plane()]);
    setStateValue("drawn", [...waiting]);
    wipe();
  });
}
"""

_component = st.components.v2.component(
    "skipviz.draw", html=_HTML, css=_CSS, js=_JS, isolate_styles=False
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
