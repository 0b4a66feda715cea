"""A click counts once, however slow the browser is.

Streamlit's page sends a click in a task of its own (`setTimeout(…, 0)` in its widget manager). The
clock of a fragment that runs by itself (`run_every`) may tick between the click and that task: its
message then carries the click as well, and the click's own message follows. The server would run
what belongs to the button twice: pause and go on, two steps for one, two phases for one key.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

_CLICKS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value")
"""The kinds of a widget's state that stand for an act, not for a value."""


class ClicksOnce:
    """ASGI middleware: takes out of a clock's message the clicks that follow in their own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def heard() -> Message:
            message = await receive()
            data = message.get("bytes")
            return {**message, "bytes": without_clicks(data)} if data else message

        await self.app(scope, heard, send)


def without_clicks(data: bytes) -> bytes:
    """A page's message to the server; a clock's without any click. Other messages, and what is no
    message at all, stay as they are, byte for byte."""
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return data
    if not message.rerun_script.is_auto_rerun:
        return data
    states = message.rerun_script.widget_states.widgets
    values = [state for state in states if state.WhichOneof("value") not in _CLICKS]
    if len(values) == len(states):
        return data
    del states[:]
    states.extend(values)
    return message.SerializeToString()
