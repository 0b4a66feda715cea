"""A QR code of what a page shows, for phones and laptops in the same network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.access.announce import network_address

FIXED = "fixed"
"""In an address: the page shows what it shows, and none of its controls."""

OF_CHARTS = ("step", "quantity", "curve", "hidden")
"""In an address: what is chosen in a run's live charts. The browser keeps it there by itself
(`assets/components/address.js`); the server knows what it was when the page was opened."""

_PLACE = "share_place"


def address(query: Mapping[str, list[str]]) -> str:
    """The page's address with this query, as others in the same network can reach it."""
    here = urlsplit(st.context.url or "http://localhost:8501/")
    host = here.hostname or "localhost"
    listens = str(st.get_option("server.address") or "")
    if host in ("localhost", "127.0.0.1") and listens in ("", "0.0.0.0"):
        host = network_address() or host
    port = f":{here.port}" if here.port else ""
    words = f"?{urlencode(query, doseq=True, safe=':,')}" if query else ""
    return f"{here.scheme}://{host}{port}{here.path}{words}"


def is_fixed() -> bool:
    """Does the address say that this page's controls are hidden?"""
    return st.query_params.get(FIXED) == "1"


def share(box: DeltaGenerator, key: str) -> None:
    """A box with the QR code of what the page shows; made only while it is open."""
    if is_fixed():
        return
    opened = box.popover("QR code", icon=":material/qr_code_2:", key=key, on_change="rerun")
    if not opened.open:
        st.session_state.pop(_PLACE, None)
        return
    with opened:
        fixes = st.toggle(
            "Without its controls", key=f"{key}_fixed",
            help="Whoever opens it sees this page with its controls hidden. That is for a lesson's"
            " sake and keeps nobody from anything: what guests may do is set on the server.",
        )  # fmt: skip
        st.session_state[_PLACE] = st.empty(), fixes
    redraw({name: st.query_params.get_all(name) for name in st.query_params})


def redraw(query: Mapping[str, list[str]]) -> None:
    """Draws the open code anew, of what the page's address is now."""
    if _PLACE not in st.session_state:
        return
    place, fixes = st.session_state[_PLACE]
    known = {name: words for name, words in query.items() if name not in OF_CHARTS}
    whole = address({**known, FIXED: ["1"]} if fixes else known)
    picture = segno.make(whole, error="l").svg_data_uri(scale=5, border=2, light="white")
    with place.container():
        st.html(f'<img class="skip-code" alt="QR code of {escape(whole)}" src="{picture}">')
        st.code(whole, language=None, wrap_lines=True)
        if (urlsplit(whole).hostname or "") in ("localhost", "127.0.0.1"):
            st.caption(
                "This server listens on this machine alone. To let others in, start it with"
                " `streamlit run app.py --server.address 0.0.0.0`."
            )
