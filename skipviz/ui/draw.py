"""A square to draw in, with mouse, finger or pen; what was drawn comes back as numbers."""

from __future__ import annotations

import streamlit as st

_HTML = """
<canvas class="skip-draw" width="240" height="240" tabindex="0" role="img"
        aria-label="Square to draw in"></canvas>
<div><button class="skip-clear" type="button">Clear</button></div>
"""

_CSS = """
.skip-draw { background: #000; border-radius: 0.5rem; touch-action: none; cursor: crosshair;
             border: 2px solid var(--st-border-color); }
.skip-clear { font: inherit; margin-top: 0.4rem; padding: 0.3rem 0.9rem; border-radius: 0.5rem;
              border: 1px solid var(--st-border-color); background: transparent;
              color: var(--st-text-color); cursor: pointer; }
"""

_JS = """
const known = new WeakSet();
export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  if (known.has(canvas)) return;
  known.add(canvas);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const wipe = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, 240, 240); };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * 240 / box.width,
            (event.clientY - box.top) * 240 / box.height];
  };
  const tell = () => {
    const small = document.createElement("canvas");
    small.width = data.width; small.height = data.height;
    const shrunk = small.getContext("2d");
    shrunk.imageSmoothingQuality = "high";
    shrunk.drawImage(canvas, 0, 0, data.width, data.height);
    const pixels = shrunk.getImageData(0, 0, data.width, data.height).data;
    let plane = "";
    for (let i = 0; i < pixels.length; i += 4) plane += pixels[i].toString(16).padStart(2, "0");
    setStateValue("pixels", plane.repeat(data.channels));
  };
  wipe();
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId); last = at(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = at(event);
    pen.strokeStyle = "#fff"; pen.lineWidth = 26; pen.lineCap = "round";
    pen.beginPath(); pen.moveTo(...last); pen.lineTo(...now); pen.stroke();
    last = now;
  });
  canvas.addEventListener("pointerup", () => { if (last) tell(); last = null; });
  parentElement.querySelector(".skip-clear").addEventListener("click", () => {
    wipe(); setStateValue("pixels", "");
  });
}
"""

_component = st.components.v2.component(
    "skipviz.draw", html=_HTML, css=_CSS, js=_JS, isolate_styles=False
)


def draw(shape: tuple[int, int, int], key: str) -> str:
    """The drawing as hexadecimal values of a (channels, height, width) picture; "" while empty."""
    channels, height, width = shape
    size = {"channels": channels, "height": height, "width": width}
    result = _component(key=key, data=size, on_pixels_change=lambda: None)
    return str(result.get("pixels") or "")
