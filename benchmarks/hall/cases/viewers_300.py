"""300 viewers of one live run of a plain and a residual net of 50 layers, over sockets: p95 in ms
from the step to the message, how many broke off or heard nothing, and the cores that the web
process took.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

from benchmarks.hall.live_run import Watcher, begun, stopped, waits_ms
from benchmarks.hall.row import Row, p95
from tests.browser.serving import serving

VIEWERS, WATCHED_S = 300, 30.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    count, watched_s = (VIEWERS // 10, 10.0) if quick else (VIEWERS, WATCHED_S)
    with serving(folder, SKIPVIZ_RUNNING="1") as server:
        run_id = begun(server)
        process = psutil.Process(server.process.pid)
        watchers, since, cores = asyncio.run(
            _watched(server.url, run_id, count, watched_s, process)
        )
        stopped(server, run_id)
        waits = waits_ms(server, run_id, watchers, since)
    silent = sum(not any(at >= since for _, at in each.arrived) for each in watchers)
    dropped = silent + sum(each.broke_off for each in watchers)
    return [
        Row("viewers-300", 500.0, p95(waits)),
        Row("viewers-300-dropped", 0.0, dropped),
        Row("viewers-300-cores", 0.5, cores),
    ]


async def _watched(
    url: str, run_id: str, count: int, watched_s: float, process: psutil.Process
) -> tuple[list[Watcher], float, float]:
    """The viewers, from when on they count, and the cores of the server since then."""
    watchers = [Watcher() for _ in range(count)]
    watching = [asyncio.create_task(each.watch(url, run_id)) for each in watchers]
    until = time.monotonic() + 60
    while any(not each.arrived for each in watchers) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)
    busy, since, began = process.cpu_times(), time.time(), time.perf_counter()
    await asyncio.sleep(watched_s)
    after, took_s = process.cpu_times(), time.perf_counter() - began
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    cores = (after.user + after.system - busy.user - busy.system) / took_s
    return watchers, since, cores
