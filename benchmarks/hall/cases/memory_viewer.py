"""MB of the web process for each of 50 viewers of a run: a full page and the stream's socket, the
page asked for again once a minute; and what they grew by within ten minutes.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from benchmarks.hall.live_run import Watcher, begun, stopped
from benchmarks.hall.memory import measured
from benchmarks.hall.page_session import connected, drawn
from benchmarks.hall.row import Row
from tests.browser.serving import Server

VIEWERS, AGAIN_S = 50, 60.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    run_ids = list[str]()
    beginning = asyncio.Lock()

    async def client(server: Server, there: asyncio.Event) -> None:
        async with beginning:
            if not run_ids:
                run_ids.append(await asyncio.to_thread(begun, server))
                await asyncio.to_thread(stopped, server, run_ids[0])
        watcher = Watcher()
        watching = asyncio.ensure_future(watcher.watch(server.url, run_ids[0]))
        try:
            async with connected(server.url) as socket:
                await drawn(socket, "lab", f"run={run_ids[0]}")
                while not watcher.arrived:
                    await asyncio.sleep(0.05)
                there.set()
                while True:
                    await asyncio.sleep(AGAIN_S * (0.5 + random.random()))
                    await drawn(socket, "lab", f"run={run_ids[0]}")
        finally:
            watching.cancel()

    return measured("memory-viewer", 3.0, VIEWERS // 5 if quick else VIEWERS, folder, quick, client)
