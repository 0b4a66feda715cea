"""What jupyter-server-proxy asks for: how to start skipviz beside notebooks, behind their address.

The app is then at <address of the notebooks>/skipviz/. It is told so, because the paths of its
frames, its assets and its pages all begin with that.
"""

from __future__ import annotations

import os
from typing import Any

from skipviz.core import child_processes, places

_ALONE = {
    "SKIPVIZ_LIMIT_GUEST_RUNS": "20",
    "SKIPVIZ_LIMIT_GUEST_STEPS": "10000000",
    "SKIPVIZ_LIMIT_GUEST_PARAMETERS": "10000000000",
    "SKIPVIZ_LIMIT_GUEST_MEMORY_MB": "1000000",
    "SKIPVIZ_LIMIT_GUEST_STEP_S": "60",
    "SKIPVIZ_LIMIT_GUEST_MINUTES": "100000",
    "SKIPVIZ_LIMIT_LEASE_MINUTES": "100000",
}
"""Of the limits that a guest has, none that matters."""

START_S = 90
"""The first start on a slow machine: Streamlit is imported, every page is looked at."""


def _roles() -> dict[str, str]:
    """Everything comes through the notebooks' proxy: nobody is the lecturer by being at this
    machine (docs/security.md), and whoever passed the notebooks' own log-in may train. He is alone
    on his server, with no need to share it."""
    usual = {"SKIPVIZ_TRUST_LOCAL": "0", "SKIPVIZ_GUESTS": "run"} | _ALONE
    return {name: os.environ.get(name) or value for name, value in usual.items()}


def server() -> dict[str, Any]:
    """The entry point in `jupyter_serverproxy_servers`. jupyter-server-proxy fills in the braces:
    a free port, and the path of the notebooks' own server, with a slash at both ends."""
    options = ["--no-browser", "--address=127.0.0.1", "--port={port}"]
    return {
        "command": child_processes.command(
            "-m", "skipviz", "serve", *options, "--base-path={base_url}skipviz"
        ),
        "environment": child_processes.python_path() | _roles(),
        "absolute_url": True,
        "timeout": START_S,
        "launcher_entry": {
            "title": "skipviz",
            "icon_path": str(places.shipped() / "assets" / "logo.svg"),
        },
    }
