"""Streamlit's socket takes Streamlit's messages: all else closes it, without a traceback."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from skipviz.ui.whole_messages import PROTOCOL_ERROR, WholeMessages


def _played(path: str, message: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """What the application hears of one message, and what reaches the other side."""
    heard, reached = list[Any](), list[Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        await send({"type": "websocket.send", "text": "late"})

    async def receive() -> Any:
        return message

    async def send(message: Any) -> None:
        reached.append(message)

    scope = {"type": "websocket", "path": path}
    asyncio.run(WholeMessages(app)(scope, receive, send))
    return heard, reached


@pytest.mark.parametrize("content", [{"text": "{}"}, {"bytes": b"\xff\xff\xff"}, {"bytes": None}])
def test_what_is_no_message_closes_the_socket_and_nothing_is_sent_after(content: Any) -> None:
    message = {"type": "websocket.receive", **content}
    heard, reached = _played("/base/_stcore/stream", message)
    assert heard == [{"type": "websocket.disconnect", "code": PROTOCOL_ERROR}]
    assert reached == [{"type": "websocket.close", "code": PROTOCOL_ERROR}]
    assert _played("/v/KQTRPM/live", message)[0] == [message]


def test_a_message_passes_as_it_is() -> None:
    wish = BackMsg()
    wish.rerun_script.query_string = "a=1"
    for message in (
        {"type": "websocket.receive", "bytes": wish.SerializeToString()},
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1001},
    ):
        heard, reached = _played("/_stcore/stream", message)
        assert heard == [message] and [each["type"] for each in reached] == ["websocket.send"]
