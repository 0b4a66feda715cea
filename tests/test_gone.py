"""A browser that goes away leaves no traceback: on a real server, with Streamlit's own socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from skipviz.ui.vanished_viewers import Gone


def played(app: Any, heard: list[dict[str, Any]], *, breaks_at: int) -> list[str]:
    """The types of what reached the other side of a socket, which is gone at the send of this
    number."""
    reached: list[str] = []

    async def receive() -> dict[str, Any]:
        return heard.pop(0)

    async def send(message: Any) -> None:
        if len(reached) == breaks_at:
            raise OSError("the other side is gone")
        reached.append(message["type"])

    asyncio.run(app({"type": "websocket", "headers": [], "path": "/"}, receive, send))
    return reached


async def as_streamlit_does(scope: Any, receive: Any, send: Any) -> None:
    """Accepts, sends, and closes where its socket has no other side: the endpoint's own order."""
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    try:
        await socket.send_bytes(b"1")
    except WebSocketDisconnect:
        pass  # the sender's task ends
    try:
        while True:
            try:
                await socket.receive_bytes()
            except RuntimeError:
                await socket.close()
                raise
    except WebSocketDisconnect:
        pass


def coming_and_going() -> list[dict[str, Any]]:
    return [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "bytes": b"x", "text": None},
        {"type": "websocket.disconnect", "code": 1006},
    ]


def test_a_socket_whose_other_side_went_away_during_a_send_is_left_in_peace() -> None:
    with pytest.raises(RuntimeError):  # what stood on the console
        played(as_streamlit_does, coming_and_going(), breaks_at=1)
    assert played(Gone(as_streamlit_does), coming_and_going(), breaks_at=1) == ["websocket.accept"]


def test_what_is_sent_after_the_goodbye_goes_nowhere() -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "1"})
        await send({"type": "websocket.send", "text": "2"})
        await send({"type": "websocket.close"})

    assert played(Gone(late), coming_and_going(), breaks_at=9) == ["websocket.send"] * 2


def test_other_faults_are_not_hidden() -> None:
    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        played(Gone(faulty), [], breaks_at=0)


def test_the_app_has_it_around_every_socket() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[1] / "app.py").read_text(encoding="utf-8")
    assert "middleware=server.MIDDLEWARE" in text
    from skipviz.ui import server

    made: list[Callable[..., Any]] = [each.cls for each in server.MIDDLEWARE]
    assert Gone in made
