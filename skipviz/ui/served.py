"""Where a component in the browser finds what this server serves, whatever stands before it.

Streamlit sends a component's text again with every mount, so ours only fetch their module by its
address (`runs.assets`).
"""

from __future__ import annotations

import streamlit as st

HOME_JS = """
function homeOf(base) {
  const script = document.querySelector('script[src*="static/js/"]');
  const near = new URL("./", document.baseURI).pathname;
  const path = base ? `/${base}/` :
    script ? new URL(script.src).pathname.replace(/static\\/js\\/.*$/, "") : near;
  return new URL(path, location.origin).href;
}
"""
"""homeOf(base): the address of the app, with a slash at the end."""


def base() -> str:
    """The path below which the app is served, without slashes; mostly empty."""
    return str(st.get_option("server.baseUrlPath") or "").strip("/")
