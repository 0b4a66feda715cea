"""Training throughput lost to 50 viewers and 300 phones that vote: percent of the steps a second of
the same run without them, measured before, between and after.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from pathlib import Path

from benchmarks.hall.live_run import Watcher, begun
from benchmarks.hall.phone import Phone
from benchmarks.hall.row import Row
from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import Store
from tests.browser.serving import Server, serving

VIEWERS, PHONES = 50, 300
TURNS, TURN_S = 3, 15.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    share = 10 if quick else 1
    room = Rooms(folder).room(word())
    room.show(sorted(registry.scenes())[0], Phase.VOTE)
    with serving(folder, SKIPVIZ_RUNNING="1") as server:
        run_id = begun(server)
        speeds = asyncio.run(_turns(server, run_id, room.code, share))
    alone, watched = (statistics.median(each) for each in speeds)
    return [Row("throughput-50", 25.0, 100 * (1 - watched / alone))]


async def _turns(
    server: Server, run_id: str, code: str, share: int
) -> tuple[list[float], list[float]]:
    """Steps a second alone and with everybody, in turn."""
    alone, watched = [await _speed(server, run_id)], list[float]()
    for _ in range(1 if share > 1 else TURNS):
        phones = [Phone(f"{server.url}/v/{code}") for _ in range(PHONES // share)]
        for phone in phones:
            await phone.open_page()
        tasks = [
            *(asyncio.create_task(each.follow(lambda: 3 * random.random())) for each in phones),
            *(
                asyncio.create_task(Watcher().watch(server.url, run_id))
                for _ in range(VIEWERS // share)
            ),
        ]
        await asyncio.sleep(3)
        watched.append(await _speed(server, run_id))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(2)
        alone.append(await _speed(server, run_id))
    return alone, watched


async def _speed(server: Server, run_id: str) -> float:
    """Steps a second, of a quarter of a minute."""
    store = Store(server.runs)
    first, began = store.status(run_id)["step"], time.perf_counter()
    await asyncio.sleep(TURN_S)
    return (store.status(run_id)["step"] - first) / (time.perf_counter() - began)
