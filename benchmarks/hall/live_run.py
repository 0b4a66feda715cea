"""A run under way, begun at the Lab's button, and those who watch it over the stream's sockets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import PackedKind
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from skipviz.stream.messages import _HEAD
from tests.browser.serving import Server
from tests.streamlit_page import streamlit_page

KNOBS = {"backbone": "dense", "depth": 50}
PAIR = Experiment(
    lanes=[Lane(family="plain", knobs=KNOBS), Lane(family="resnet", knobs=KNOBS)],
    data="digits", steps=1_000_000, lr=0.01, device="cpu",
)  # fmt: skip
PATIENCE_S = 240.0


def begun(server: Server, experiment: Experiment = PAIR) -> str:
    """The id of a run that has made its first steps."""
    with streamlit_page(server.url) as page:
        page.open("lab", urlencode(experiment.to_query(), doseq=True)).press("Train")
        run_id = page.query.rpartition("run=")[2]
    until = time.monotonic() + PATIENCE_S
    while Store(server.runs).status(run_id).get("step", 0) < 20:
        if time.monotonic() > until:
            raise TimeoutError("the run made no steps")
        time.sleep(0.1)
    return run_id


def stopped(server: Server, run_id: str) -> None:
    """Stops a run; returns when it has ended."""
    with streamlit_page(server.url) as page:
        page.open("lab", f"run={run_id}").press("Stop")
    until = time.monotonic() + PATIENCE_S
    while Store(server.runs).status(run_id)["state"] == "running" and time.monotonic() < until:
        time.sleep(0.1)


@dataclass
class Watcher:
    """One viewer: when which frame came."""

    arrived: list[tuple[int, float]] = field(default_factory=list)
    broke_off: bool = False

    async def watch(self, url: str, run_id: str) -> None:
        """Takes what comes, until it is cancelled."""
        address = f"{url.replace('http', 'ws')}/api/runs/{run_id}/live"
        options: dict[str, Any] = {"max_size": None, "compression": None, "origin": url}
        try:
            async with connect(address, open_timeout=PATIENCE_S, **options) as socket:
                async for message in socket:
                    if isinstance(message, bytes) and message[0] == PackedKind.UPDATE:
                        self.arrived.append((_HEAD.unpack_from(message)[4], time.time()))
            self.broke_off = True
        except asyncio.CancelledError:
            raise
        except Exception:
            self.broke_off = True


def waits_ms(server: Server, run_id: str, watchers: list[Watcher], since: float) -> list[float]:
    """Of every message after `since`: how long after its newest step it came, in ms. The worker
    writes down when each step was made, by the same clock."""
    store = Store(server.runs)
    began = store.status(run_id)["began"]
    made_at = FrameLog.open(store.folder(run_id) / "frames.arrow").column("time_s")
    return [
        1000 * (at - began - float(made_at[n - 1]))
        for watcher in watchers
        for n, at in watcher.arrived
        if at >= since and 0 < n <= len(made_at)
    ]
