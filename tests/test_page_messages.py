"""Streamlit's socket takes Streamlit's messages: all else closes it, without a traceback; a click
that a clock's message carries too is taken out of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from skipviz.ui.page_messages import PROTOCOL_ERROR, PageMessages

PAGE = "/base/_stcore/stream"


def message(is_clock: bool) -> bytes:
    """What a page sends after a click: a value, the click, and a component's act."""
    sent = BackMsg()
    sent.rerun_script.is_auto_rerun = is_clock
    sent.rerun_script.fragment_id = "row"
    sent.rerun_script.widget_states.widgets.extend(
        [
            WidgetState(id="depth", int_value=20),
            WidgetState(id="step", trigger_value=True),
            WidgetState(id="draw", json_trigger_value="[1]"),
        ]
    )
    return sent.SerializeToString()


def widgets(data: bytes) -> list[str]:
    heard = BackMsg()
    heard.ParseFromString(data)
    assert heard.rerun_script.fragment_id == "row"
    return [state.id for state in heard.rerun_script.widget_states.widgets]


def played(
    message: dict[str, Any], path: str = PAGE, kind: str = "websocket"
) -> tuple[list[Any], list[Any]]:
    """What the application hears of one message, and what reaches the other side."""
    heard, reached = list[Any](), list[Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        await send({"type": "websocket.send", "text": "late"})

    async def receive() -> Any:
        return message

    async def send(message: Any) -> None:
        reached.append(message)

    asyncio.run(PageMessages(app)({"type": kind, "path": path}, receive, send))
    return heard, reached


@pytest.mark.parametrize("content", [{"text": "{}"}, {"bytes": b"\xff\xff\xff"}, {"bytes": None}])
def test_what_is_no_message_closes_the_socket_and_nothing_is_sent_after(content: Any) -> None:
    message = {"type": "websocket.receive", **content}
    heard, reached = played(message)
    assert heard == [{"type": "websocket.disconnect", "code": PROTOCOL_ERROR}]
    assert reached == [{"type": "websocket.close", "code": PROTOCOL_ERROR}]
    assert played(message, "/v/KQTRPM/live")[0] == [message]


def test_a_clock_s_message_loses_its_clicks_and_keeps_its_values() -> None:
    (heard,), reached = played({"type": "websocket.receive", "bytes": message(is_clock=True)})
    assert widgets(heard["bytes"]) == ["depth"]
    assert [each["type"] for each in reached] == ["websocket.send"]


def test_every_other_message_passes_byte_for_byte() -> None:
    wish, clock = BackMsg(), BackMsg()
    wish.rerun_script.query_string = "a=1"
    clock.rerun_script.is_auto_rerun = True
    for sent in (
        {"type": "websocket.receive", "bytes": message(is_clock=False)},
        {"type": "websocket.receive", "bytes": wish.SerializeToString()},
        {"type": "websocket.receive", "bytes": clock.SerializeToString()},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1001},
    ):
        heard, reached = played(sent)
        assert heard == [sent] and [each["type"] for each in reached] == ["websocket.send"]


def test_only_what_comes_through_a_page_s_socket_is_looked_at() -> None:
    sent = {"type": "websocket.receive", "bytes": message(is_clock=True)}
    assert played(sent, "/v/KQTRPM/live")[0] == [sent]
    body = {"type": "http.request", "body": message(is_clock=True)}
    assert played(body, kind="http")[0] == [body]


def test_the_app_has_it_around_every_socket() -> None:
    from skipviz.ui import server

    made: list[Any] = [each.cls for each in server.MIDDLEWARE]
    assert PageMessages in made
