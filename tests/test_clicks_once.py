"""A click that a clock's message carries too is taken out of it; everything else stays."""

from __future__ import annotations

import asyncio
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from skipviz.ui.clicks_once import ClicksOnce, without_clicks


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


def test_a_clocks_message_loses_its_clicks_and_keeps_its_values() -> None:
    assert widgets(without_clicks(message(is_clock=True))) == ["depth"]


def test_a_clicks_own_message_and_what_is_no_message_stay_as_they_are() -> None:
    for data in (message(is_clock=False), b"\xff\xff\xff", b"{}"):
        assert without_clicks(data) == data


def played(scope: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """What an application behind the middleware hears of one message."""
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())

    async def receive() -> dict[str, Any]:
        return sent

    asyncio.run(ClicksOnce(app)(scope, receive, receive))
    return dict(heard[0])


def test_only_what_comes_through_a_socket_is_looked_at() -> None:
    socket, sent = {"type": "websocket"}, {"type": "websocket.receive", "bytes": message(True)}
    assert widgets(played(socket, sent)["bytes"]) == ["depth"]
    for other in ({"type": "websocket.connect"}, {"type": "websocket.receive", "text": "x"}):
        assert played(socket, other) == other
    body = {"type": "http.request", "body": message(True)}
    assert played({"type": "http"}, body) == body


def test_the_app_has_it_around_every_socket() -> None:
    from skipviz.ui import server

    made: list[Any] = [each.cls for each in server.MIDDLEWARE]
    assert ClicksOnce in made
