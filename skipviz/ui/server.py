"""What the ASGI app needs beside Streamlit: routes that carry frames, the doors, a lifespan that
owns workers."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa
import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from skipviz.access import announce, login, proxies, settings
from skipviz.access.doors import Doors
from skipviz.access.embedding import Embedding
from skipviz.access.headers import SafeHeaders
from skipviz.core import console, events, places
from skipviz.core.events import Event
from skipviz.core.knob import SpecError
from skipviz.exchange.export_route import Exports
from skipviz.operate import health, logs, metrics
from skipviz.operate.leaving import leaving
from skipviz.server import manager
from skipviz.stream import room_files
from skipviz.stream.phones import Phones
from skipviz.stream.routes import Streams
from skipviz.ui import account, home, shell
from skipviz.ui.page_messages import PageMessages
from skipviz.ui.vanished_viewers import Gone

# With files in pages/, Streamlit answers the first deep link after a start with the bare page
# file, without app.py's frame. The flag is private; a test follows a cold deep link to every page.
PagesManager.uses_pages_directory = False

try:
    settings.current()
    places.check_writable(places.runs())
except SpecError as error:
    raise SystemExit(str(error)) from None

BASE = str(st.get_option("server.baseUrlPath") or "")

STREAMS = Streams(lambda run_id: manager.current().find(run_id))
PHONES = Phones(lambda: manager.current().store.root, BASE)
FIGURES = metrics.Figures(lambda: manager.current().dispatcher, STREAMS, PHONES)

EXPORTS = Exports(lambda: manager.current().store, BASE)

ROUTES = [
    *EXPORTS.routes(),
    *STREAMS.routes(BASE),
    *PHONES.routes(),
    *room_files.routes(lambda: manager.current().store.root, base=BASE),
    *login.routes(BASE, account.providers),
    *health.routes(lambda: manager.current().dispatcher, base=BASE),
    *metrics.routes(FIGURES, base=BASE),
]

MIDDLEWARE = [
    Middleware(ProxyHeadersMiddleware, trusted_hosts=proxies.hosts(settings.current().proxies)),
    Middleware(Embedding, base=BASE),
    Middleware(SafeHeaders),
    Middleware(Doors, base=BASE),
    Middleware(PageMessages),
    Middleware(Gone),
]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_LARGE_BYTES = 64 * 2**10


def _give_memory_back() -> None:
    """Frames that are let go go back to the system: Arrow's own pool keeps what it once had, and
    glibc learns to keep ever larger pieces unless it is told a size. Elsewhere this does nothing.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def _announce() -> None:
    """Prints the lecturer's address, where one is needed, and opens it where a browser may be
    opened; Streamlit opens none for an app with routes of its own."""
    address, port = str(st.get_option("server.address") or ""), int(st.get_option("server.port"))
    tls = bool(st.get_option("server.sslCertFile"))
    sys.stdout.write(announce.at_start(address, port, base=BASE, tls=tls))
    sys.stdout.flush()
    if not st.get_option("server.headless"):
        page = announce.to_open(address, port, base=BASE, tls=tls)
        threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()


def _leave() -> None:
    """Whoever waits is answered now, and comes back when another server is there."""
    events.tell(Event.SERVER, outcome="leaves")
    STREAMS.leave()
    PHONES.leave()


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Starts the workers, takes what start-up made off the garbage collector, ends the workers."""
    console.legible()  # `streamlit run app.py` is no command of ours
    if settings.current().log is settings.LogForm.JSON:
        logs.write_json_lines()
    _give_memory_back()
    _announce()
    account.check()
    home.picture()
    shell.pages()
    gc.collect()
    gc.freeze()
    events.tell(Event.SERVER, outcome="started")
    try:
        with leaving(_leave):
            yield
    finally:
        await to_thread.run_sync(manager.close)
        events.tell(Event.SERVER, outcome="ended")
