"""What pages say over Streamlit's socket, read once before Streamlit reads it.

What is none of its messages closes the socket, without a traceback. Streamlit closes it as well,
but raises at a text and writes a traceback at bytes that it cannot read
(streamlit/web/server/starlette/starlette_websocket.py): whoever sends such would fill the log.

A click counts once, however slow the browser is. Streamlit's page sends a click in a task of its
own (`setTimeout(…, 0)` in its widget manager). The clock of a fragment that runs by itself
(`run_every`) may tick between the click and that task: its message then carries the click as well,
and the click's own message follows. The server would run what belongs to the button twice: pause
and go on, two steps for one, two phases for one key.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

PROTOCOL_ERROR = 1002

_CLICKS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value")
"""The kinds of a widget's state that stand for an act, not for a value."""


class PageMessages:
    """ASGI middleware: closes a page's socket at the first thing that is no message of a page, and
    takes out of a clock's message the clicks that follow in their own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or not scope["path"].endswith("/_stcore/stream"):
            await self.app(scope, receive, send)
            return
        is_closed = False

        async def heard() -> Message:
            nonlocal is_closed
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            data = message.get("bytes")
            wish = parse(data)
            if wish is not None:
                return {**message, "bytes": without_clicks(wish) or data}
            is_closed = True
            await send({"type": "websocket.close", "code": PROTOCOL_ERROR})
            return {"type": "websocket.disconnect", "code": PROTOCOL_ERROR}

        async def sent(message: Message) -> None:
            if not is_closed:
                await send(message)

        await self.app(scope, heard, sent)


def parse(data: bytes | None) -> BackMsg | None:
    """What a page sent, as Streamlit reads it; None for what it cannot read."""
    if data is None:
        return None
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message


def without_clicks(message: BackMsg) -> bytes:
    """A clock's message without its clicks; empty where nothing has to be taken out of it."""
    if not message.rerun_script.is_auto_rerun:
        return b""
    states = message.rerun_script.widget_states.widgets
    values = [state for state in states if state.WhichOneof("value") not in _CLICKS]
    if len(values) == len(states):
        return b""
    del states[:]
    states.extend(values)
    return message.SerializeToString()
