"""A button that copies the page's address: what is on the screen, for whoever opens it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_HTML = """
<button class="sv-copy" type="button" title="Copy the link to what this page shows">
<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path fill="none"
stroke="currentColor" stroke-width="2" stroke-linecap="round" d="M9 15l6-6M10 6.5l2-2a4.2 4.2 0 0 1
6 6l-2.6 2.6M14 17.5l-2 2a4.2 4.2 0 0 1-6-6l2.6-2.6"/></svg><span aria-live="polite">Copy link
</span></button>
"""

_CSS = """
.sv-copy {
  display: inline-flex; align-items: center; justify-content: center; gap: 0.35rem; width: 100%;
  min-height: 2.5rem; padding: 0.25rem 0.5rem; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius, 0.5rem); background: none; color: var(--st-text-color);
  font: inherit; font-family: var(--st-font); white-space: nowrap; cursor: pointer;
}
.sv-copy:hover { border-color: var(--st-primary-color); }
.sv-copy:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.sv-copy svg { flex: none; }
.sv-copy { container-type: inline-size; }
@container (max-width: 6.6rem) { .sv-copy span:not([data-said]) { display: none; } }
"""

# navigator.clipboard is there on https and on this machine alone; a hall's projector may well be
# shown over plain http from another one, where the old way still works.
_JS = """
async function copied(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* the old way */ }
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
export default function ({ parentElement }) {
  const button = parentElement.querySelector(".sv-copy"), word = button.querySelector("span");
  let later = 0;
  button.onclick = async () => {
    const done = await copied(location.href);
    word.textContent = done ? "Copied" : "Copy it from the address bar";
    word.dataset.said = "";
    clearTimeout(later);
    later = setTimeout(() => { word.textContent = "Copy link"; delete word.dataset.said; }, 2500);
    button.focus();
  };
  button.setAttribute("aria-label", "Copy link");
  return () => clearTimeout(later);
}
"""

_component = st.components.v2.component(
    "skipviz.copy_link", html=_HTML.strip(), css=_CSS, js=_JS, isolate_styles=False
)


def copy_link(box: DeltaGenerator, key: str) -> None:
    """The button, in `box`."""
    with box:
        _component(key=key)
