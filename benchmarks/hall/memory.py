"""What a client costs the web process in memory, and whether that stays so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from benchmarks.hall.row import Row
from tests.browser.serving import Server, serving

FLAT_S = 600.0
Client = Callable[[Server, asyncio.Event], Awaitable[None]]
"""One client: comes, sets that it is there, stays until it is cancelled."""


def measured(
    name: str, goal_mb: float, count: int, folder: Path, quick: bool, client: Client
) -> list[Row]:
    """MB of the web process for each of `count` clients, and by how much all of them grew in ten
    minutes, for each (with `quick` in 20 s)."""
    with serving(folder, SKIPVIZ_FUSED="0") as server:
        of_one, growth = asyncio.run(_cost(server, count, client, 20.0 if quick else FLAT_S))
    return [Row(name, goal_mb, of_one), Row(f"{name}-growth", goal_mb / 10, growth)]


async def _cost(server: Server, count: int, client: Client, flat_s: float) -> tuple[float, float]:
    process = psutil.Process(server.process.pid)
    warm = await _come(server, max(3, count // 10), client)
    await asyncio.sleep(5)
    before = process.memory_info().rss
    clients = await _come(server, count, client)
    await asyncio.sleep(5)
    with_all = process.memory_info().rss
    await asyncio.sleep(flat_s)
    after = process.memory_info().rss
    for task in (*warm, *clients):
        task.cancel()
    await asyncio.gather(*warm, *clients, return_exceptions=True)
    return (with_all - before) / count / 2**20, max(0, after - with_all) / count / 2**20


async def _come(server: Server, count: int, client: Client) -> list[asyncio.Future[None]]:
    """So many clients, ten at a time; all of them are there when this returns."""
    there = [asyncio.Event() for _ in range(count)]
    tasks = list[asyncio.Future[None]]()
    until = time.monotonic() + 300
    for number, event in enumerate(there):
        tasks.append(asyncio.ensure_future(client(server, event)))
        while number % 10 == 9 and not all(each.is_set() for each in there[: number + 1]):
            if time.monotonic() > until:
                raise TimeoutError("the clients did not come")
            await asyncio.sleep(0.05)
    await asyncio.wait_for(asyncio.gather(*(each.wait() for each in there)), 300)
    return tasks
