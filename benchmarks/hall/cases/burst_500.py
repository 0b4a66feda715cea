"""The start of class: 500 phones come within 10 s from one address, a fifth of them reload, a tenth
go away without a word: p95 in ms of page and state, and how many were refused.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

from benchmarks.hall.phone import GONE, PATIENCE_S, Phone
from benchmarks.hall.row import Row, p95
from benchmarks.hall.wall import Wall
from skipviz.core import registry
from tests.browser.serving import Server, serving

PHONES = 500
BURST_S = 10.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    with serving(folder, SKIPVIZ_FUSED="0") as server:
        return asyncio.run(burst(server, PHONES // 10 if quick else PHONES))


async def burst(server: Server, count: int) -> list[Row]:
    """The start of class."""
    waits: list[float] = []
    refused = 0
    leave = asyncio.Event()

    async def arrive(phone: Phone, number: int) -> None:
        nonlocal refused
        await asyncio.sleep(BURST_S * random.random())
        for reload in range(2 if number % 5 == 0 else 1):
            began = time.perf_counter()
            try:
                opened = await phone.open_page(is_new=not reload)
                async with phone.connected() as socket:
                    state = json.loads(await socket.recv())
                    if not opened or state["type"] != "room":
                        refused += 1
                        return
                    waits.append(1000 * (time.perf_counter() - began))
                    if number % 10 == 1:
                        socket.transport.abort()
                        return
                    if reload or number % 5:
                        await leave.wait()
            except GONE:
                refused += not leave.is_set()
                return

    async with Wall(server, sorted(registry.scenes())[:1]) as wall:
        home = f"{server.url}/v/{wall.file['code']}"
        arriving = [asyncio.create_task(arrive(Phone(home), i)) for i in range(count)]
        expected = count + -(-count // 5)
        until = time.monotonic() + BURST_S + PATIENCE_S
        while len(waits) + refused < expected and time.monotonic() < until:
            await asyncio.sleep(0.1)
        missing = expected - len(waits)
        leave.set()
        await asyncio.gather(*arriving)
    return [Row("burst-500", 1000.0, p95(waits)), Row("burst-500-refused", 0.0, missing)]
