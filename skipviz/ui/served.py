"""Where a component in the browser finds what this server serves, whatever stands before it.

Streamlit sends a component's text again with every mount, so ours only fetch their module by its
address (`stream.assets`).
"""

from __future__ import annotations

import streamlit as st

from skipviz.access.embedding import PATH
from skipviz.core import places
from skipviz.ui import access


def text(name: str) -> str:
    """The text of a file of `assets/components/`."""
    return (places.shipped() / "assets" / "components" / name).read_text(encoding="utf-8")


def base() -> str:
    """The path below which the app is served to this page, without slashes; mostly empty."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    here = access.connection()
    return f"{path}/{PATH}".lstrip("/") if here is not None and here.embedded else path
