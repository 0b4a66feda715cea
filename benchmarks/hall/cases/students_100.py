"""100 students open a full page within 2 s, a different one each: p95 in ms until the server has
sent all of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from benchmarks.hall.page_session import connected, drawn
from benchmarks.hall.row import Row, p95
from tests.browser.serving import Server, serving

STUDENTS, WITHIN_S = 100, 2.0
PAGES = ("", "plain_vs_residual", "lab", "architecture", "why_depth", "reference")


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    with serving(folder, SKIPVIZ_FUSED="0") as server:
        return asyncio.run(_opened(server, STUDENTS // 10 if quick else STUDENTS))


async def _opened(server: Server, count: int) -> list[Row]:
    waits: list[float] = []

    async def open_page(number: int) -> None:
        await asyncio.sleep(WITHIN_S * random.random())
        began = time.perf_counter()
        async with connected(server.url) as socket:
            await drawn(socket, PAGES[number % len(PAGES)])
            waits.append(1000 * (time.perf_counter() - began))

    for page in PAGES:  # each was opened once, as by the lecturer before class
        async with connected(server.url) as socket:
            await drawn(socket, page)
    opened = await asyncio.gather(*map(open_page, range(count)), return_exceptions=True)
    lost = sum(isinstance(each, BaseException) for each in opened)
    return [Row("students-100", 1000.0, p95(waits)), Row("students-100-lost", 0.0, lost)]
