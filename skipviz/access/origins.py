"""Whether a page of another site asks."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def same_host(headers: Mapping[str, str]) -> bool:
    """Does the page that asks come from this server? (Others send no Origin.)

    Streamlit checks its own socket alone; without this, any web page could read a local run.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
        port = page.port or {"http": 80, "https": 443}.get(page.scheme)
        for host in [headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")]:
            here = urlsplit(f"//{host.strip()}")
            # A proxy may hand on the host without its port; a port that is there must fit.
            if here.hostname and here.hostname == page.hostname and here.port in (None, port):
                return True
    except ValueError:
        pass
    return False
