"""60 guests' runs wait while the lecturer presses Train, 20 times: p95 in ms from his click to the
first frame that his page is sent.

Guests and lecturer are pages of the Lab, opened over Streamlit's own protocol, on a server whose
guests may run nets; the lecturer's click, the page's script and the frame's socket are within the
figure. Each of his runs is stopped before the next, so that a guest's run trains when he presses.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.hall.row import Row, p95
from benchmarks.hall.visitor import Visitor
from skipviz.core.experiment import Experiment, Lane
from skipviz.store.store import Store
from tests.browser.serving import Server, serving

GUESTS, CLICKS = 60, 20
PAUSE_S = 1.5
"""A guest's run is under way again when the lecturer presses next."""


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    environment = {"SKIPVIZ_GUESTS": "run", "SKIPVIZ_RUNNING": "1"}
    environment["SKIPVIZ_LIMIT_LEASE_MINUTES"] = "600"  # no guest watches a chart here
    guests, clicks = (GUESTS // 10, 4) if quick else (GUESTS, CLICKS)
    with serving(folder, **environment) as server:
        waits, alive = asyncio.run(_clicks(server, guests, clicks))
    return [
        Row("lecturer-first", 2000.0, p95(waits)),
        Row("lecturer-first-gone", 0.0, guests - alive),
    ]


def _experiment(seed: int, steps: int = 20_000) -> Experiment:
    lane = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 20})
    return Experiment(lanes=[lane], data="digits", steps=steps, seed=seed, device="cpu")


async def _clicks(server: Server, guests: int, clicks: int) -> tuple[list[float], int]:
    """The milliseconds of each click, and how many guests' runs still wait or train at the end."""
    hall = [Visitor(server, _experiment(seed)) for seed in range(guests)]
    lecturer = Visitor(server, _experiment(10_000), lecturer=True)
    for visitor in hall:
        await visitor.visit()
        await visitor.press("Train")
    await lecturer.visit()
    await hall[0].first_frame()  # the workers are warm
    waits = []
    for _ in range(clicks):
        await asyncio.sleep(PAUSE_S)
        pressed_at = await lecturer.press("Train")
        waits.append(1000 * (await lecturer.first_frame() - pressed_at))
        await lecturer.stop()
    states = [Store(server.runs).status(visitor.run_id)["state"] for visitor in hall]
    for visitor in (*hall, lecturer):
        await visitor.close()
    return waits, states.count("queued") + states.count("running")
