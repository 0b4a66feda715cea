"""/healthz: whether the server can do its work, for whoever restarts it or sends it guests.

200 where at least one worker is warm, or where none is wanted because torch is not installed; 503
while the first is warming up, where no worker can start, and when the server leaves. A full queue
is no illness: a restart would lose what waits.

Answered from memory, without a lock and to anybody: it has no secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from skipviz.core import base_path, packages
from skipviz.core.strict_json import dumps
from skipviz.server.dispatcher import Dispatcher


class Workers(TypedDict):
    """How many workers are there, warm, at a run and at a measurement."""

    started: int
    warm: int
    training: int
    measuring: int


class Health(TypedDict):
    """What /healthz says.

    status   ok, starting, broken or leaving
    waiting  runs in the queue
    trouble  why no worker can start; empty where one can
    """

    status: str
    trains: bool
    workers: Workers
    waiting: int
    trouble: str


def health(dispatcher: Dispatcher, *, trains: bool = True) -> Health:
    """How the server is now; `trains`: whether torch is installed."""
    workers = list(dispatcher.workers)
    warm = sum(worker.ready for worker in workers)
    status = "ok"
    if dispatcher.closing:
        status = "leaving"
    elif trains and not warm:
        status = "broken" if dispatcher.trouble else "starting"
    return {
        "status": status,
        "trains": trains,
        "workers": {
            "started": len(workers),
            "warm": warm,
            "training": sum(worker.run is not None for worker in workers),
            "measuring": sum(worker.job is not None for worker in workers),
        },
        "waiting": dispatcher.waiting,
        "trouble": dispatcher.trouble,
    }


def routes(dispatcher: Callable[[], Dispatcher], *, base: str = "") -> list[BaseRoute]:
    """Its route, under `base` (Streamlit's server.baseUrlPath)."""

    async def healthz(request: Request) -> Response:
        now = health(dispatcher(), trains=not packages.untrainable())
        status = 200 if now["status"] == "ok" else 503
        headers = {"Cache-Control": "no-store"}
        return Response(dumps(now) + "\n", status, headers, media_type="application/json")

    return [Route(base_path.prefix(base) + "/healthz", healthz)]
