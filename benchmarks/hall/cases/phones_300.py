"""300 phones in one room; the lecturer's page asks something else every 5 s, all vote, a third of
them twice: p95 in ms from the lecturer's key to the phone, what was dropped, lost or counted twice,
and the cores that the web process took.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import psutil

from benchmarks.hall.phone import PATIENCE_S, Phone
from benchmarks.hall.row import Row, p95
from benchmarks.hall.wall import Wall
from skipviz.core import registry
from tests.browser.serving import Server, serving

PHONES, QUESTIONS = 300, 12
EVERY_S, VOTING_S = 5.0, 3.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    count, questions = (PHONES // 10, 3) if quick else (PHONES, QUESTIONS)
    with serving(folder, SKIPVIZ_FUSED="0") as server:
        return asyncio.run(phones(server, count, questions))


async def phones(server: Server, count: int, questions: int) -> list[Row]:
    """Phones that follow a lecture and vote."""
    known = registry.scenes()
    scenes = sorted(key for key in known if known[key].sketch is None)[: questions + 1]
    async with Wall(server, scenes) as wall:
        home = f"{server.url}/v/{wall.file['code']}"
        crowd = [Phone(home) for _ in range(count)]
        following = []
        for phone in crowd:
            assert await phone.open_page(), "a phone was refused"
            following.append(
                asyncio.create_task(phone.follow(lambda: VOTING_S * random.random() / 2))
            )
        until = time.monotonic() + PATIENCE_S
        while any(not phone.counted for phone in crowd) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        process = psutil.Process(server.process.pid)
        busy, began = process.cpu_times(), time.perf_counter()
        for number in range(1, questions + 1):
            await wall.ask(number)
            await asyncio.sleep(EVERY_S)
        after, took_s = process.cpu_times(), time.perf_counter() - began
        await asyncio.sleep(1.0)
        waits = [
            1000 * (phone.heard_at[ballot] - asked_at)
            for ballot, asked_at in list(wall.asked_at.items())[1:]
            for phone in crowd
            if ballot in phone.heard_at
        ]
        for task in following:
            task.cancel()
        lost = _lost(wall, crowd) + sum(phone.broke_off for phone in crowd)
        lost += questions * count - len(waits)
    cores = (after.user + after.system - busy.user - busy.system) / took_s
    return [
        Row("phones-300", 500.0, p95(waits)),
        Row("phones-300-lost", 0.0, lost),
        Row("phones-300-cores", 0.5, cores),
    ]


def _lost(wall: Wall, crowd: list[Phone]) -> int:
    """Votes that were acknowledged and are not in the room's file, and those in it that nobody
    was told of: by number, for each choice of each scene."""
    wrong = 0
    for scene in wall.scenes:
        choices_kept = list(wall.file.get("votes", {}).get(scene, {}).values())
        acknowledged = [phone.counted.get(f"{scene}.0") for phone in crowd]
        for choice in range(len(registry.scenes()[scene].choices)):
            wrong += abs(choices_kept.count(choice) - acknowledged.count(choice))
        wrong += acknowledged.count(None)
    return wrong
