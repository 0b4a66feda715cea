"""What jupyter-server-proxy asks for: how to start skipviz beside notebooks, behind their address.

The app is then at <address of the notebooks>/skipviz/. It is told so, because the paths of its
frames, its assets and its pages all begin with that.
"""

from __future__ import annotations

from typing import Any

from skipviz.core import child_processes, places

START_S = 90
"""The first start on a slow machine: Streamlit is imported, every page is looked at."""


def server() -> dict[str, Any]:
    """The entry point in `jupyter_serverproxy_servers`. jupyter-server-proxy fills in the braces:
    a free port, and the path of the notebooks' own server, with a slash at both ends."""
    options = ["--no-browser", "--address=127.0.0.1", "--port={port}"]
    return {
        "command": child_processes.command(
            "-m", "skipviz", "serve", *options, "--base-path={base_url}skipviz"
        ),
        "environment": child_processes.python_path(),
        "absolute_url": True,
        "timeout": START_S,
        "launcher_entry": {
            "title": "skipviz",
            "icon_path": str(places.shipped() / "assets" / "logo.svg"),
        },
    }
