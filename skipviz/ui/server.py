"""What the ASGI app needs beside Streamlit: routes that carry frames, a lifespan that owns
workers."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from anyio import to_thread
from streamlit.runtime.pages_manager import PagesManager

from skipviz.runs import manager
from skipviz.runs.stream import routes
from skipviz.ui import frame, home

# With files in pages/, Streamlit answers the first deep link after a start with the bare page
# file, without app.py's frame. The flag is private; a test follows a cold deep link to every page.
PagesManager.uses_pages_directory = False

ROUTES = routes(
    lambda run_id: manager.current().find(run_id),
    base=str(st.get_option("server.baseUrlPath") or ""),
)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Starts the workers, takes what start-up made off the garbage collector, ends the workers."""
    home.picture()
    frame.pages()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        await to_thread.run_sync(manager.close)
