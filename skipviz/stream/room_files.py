"""What a room answered, as a file for the lecturer.

GET   /api/rooms/{id}/answers.csv   `store.room_table`; the doors let only the lecturer pass
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from skipviz.core import base_path, registry
from skipviz.store.room_table import table
from skipviz.store.rooms import rooms_of

NO_ROOM = "There is no such room; it may have been deleted."


def routes(root: Callable[[], Path], *, base: str = "") -> list[BaseRoute]:
    """The route of the file, under `base` (Streamlit's server.baseUrlPath); `root` gives the folder
    of the store."""

    def answers(request: Request) -> Response:
        room = rooms_of(root()).find(request.path_params["room"])
        if room is None or not room.exists:
            return PlainTextResponse(NO_ROOM, 404)
        headers = {
            "Content-Disposition": f'attachment; filename="answers-{room.code}.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        text = table(room, registry.scenes())
        return Response(text.encode("utf-8-sig"), 200, headers, media_type="text/csv")

    home = base_path.prefix(base)
    return [Route(f"{home}/api/rooms/{{room}}/answers.csv", answers)]
