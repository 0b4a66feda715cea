"""`skipviz serve`: the server, as `streamlit run app.py` starts it in a checkout."""

from __future__ import annotations

import argparse

from streamlit.web import cli as streamlit

from skipviz.core import places


def serve(args: argparse.Namespace) -> int:
    """Runs until it is interrupted. The configuration beside app.py goes before the one in the
    working directory."""
    options = {
        "server.address": args.address,
        "server.port": args.port,
        "server.baseUrlPath": args.base_path,
        "server.headless": "true" if args.no_browser else None,
    }
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    app = str(places.shipped() / "app.py")
    streamlit.main(["run", app, *words], prog_name="streamlit", standalone_mode=False)
    return 0
