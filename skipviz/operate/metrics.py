"""/metrics: the server's figures in the form that Prometheus reads, where `metrics` is set.

skipviz_workers{state}           workers that are warming up, idle, training or measuring
skipviz_runs_waiting             runs in the queue
skipviz_pages_waiting            pages that wait until another one is drawn
skipviz_viewers                  browsers that watch a run over a socket of ours
skipviz_phones                   phones in rooms
skipviz_frames_encoded_total     messages to viewers that were packed, each once for all of them
skipviz_events_total{event, outcome}   what `skipviz/core/events.py` tells
skipviz_cpu_seconds_total{part}  CPU time of the web process and of its children that live
skipviz_resident_bytes{part}     memory of the same

The lecturer may read it, and a program with the token (`Authorization: Bearer …`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import psutil
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from skipviz.access import settings
from skipviz.core import base_path, events
from skipviz.operate.turns import PAGES
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.process import AnyWorker
from skipviz.stream.phones import Phones
from skipviz.stream.routes import Streams

OFF = "Figures are off: set `metrics = true` in skipviz.toml."


@dataclass(frozen=True)
class Figures:
    """The figures of one server, read when they are asked for."""

    dispatcher: Callable[[], Dispatcher]
    streams: Streams
    phones: Phones

    def collect(self) -> Iterator[Metric]:
        yield from self._work()
        yield from self._audience()
        yield from self._machine()
        told = CounterMetricFamily(
            "skipviz_events", "Events since the start.", labels=["event", "outcome"]
        )
        for labels, count in sorted(events.counts().items()):
            told.add_metric(labels, count)
        yield told

    def _work(self) -> Iterator[Metric]:
        dispatcher = self.dispatcher()
        states = dict.fromkeys(("warming", "idle", "training", "measuring"), 0)
        for worker in list(dispatcher.workers):
            states[_state(worker)] += 1
        workers = GaugeMetricFamily("skipviz_workers", "Worker processes.", labels=["state"])
        for state, count in states.items():
            workers.add_metric([state], count)
        yield workers
        yield GaugeMetricFamily("skipviz_runs_waiting", "Runs in the queue.", dispatcher.waiting)
        yield GaugeMetricFamily("skipviz_pages_waiting", "Pages to be drawn.", PAGES.waiting)

    def _audience(self) -> Iterator[Metric]:
        watched = list(self.streams.broadcasts.values())
        rooms = list(self.phones.broadcasts.values())
        viewers = sum(each.viewers for each in watched)
        phones = sum(each.room.phones for each in rooms)
        yield GaugeMetricFamily("skipviz_viewers", "Viewers of runs.", viewers)
        yield GaugeMetricFamily("skipviz_phones", "Phones in rooms.", phones)
        yield CounterMetricFamily(
            "skipviz_frames_encoded", "Messages packed for viewers.", self.streams.packed.encoded
        )

    def _machine(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily("skipviz_cpu_seconds", "CPU time.", labels=["part"])
        memory = GaugeMetricFamily("skipviz_resident_bytes", "Memory.", labels=["part"])
        web = psutil.Process()
        for part, processes in (("web", [web]), ("children", web.children(recursive=True))):
            used = [_used(process) for process in processes]
            cpu.add_metric([part], sum(seconds for seconds, _ in used))
            memory.add_metric([part], sum(resident for _, resident in used))
        yield cpu
        yield memory


def _state(worker: AnyWorker) -> str:
    if not worker.ready:
        return "warming"
    return "training" if worker.run else "measuring" if worker.job else "idle"


def _used(process: psutil.Process) -> tuple[float, int]:
    """CPU time in s and memory in bytes of a process; of one that is gone, nothing."""
    try:
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:
        return 0.0, 0


def routes(figures: Figures, *, base: str = "") -> list[BaseRoute]:
    """Its route, under `base` (Streamlit's server.baseUrlPath)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(cast(Collector, figures))

    async def metrics(request: Request) -> Response:
        if not settings.current().metrics:
            return PlainTextResponse(OFF, 404)
        text = await asyncio.to_thread(generate_latest, registry)
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)

    return [Route(base_path.prefix(base) + "/metrics", metrics)]
