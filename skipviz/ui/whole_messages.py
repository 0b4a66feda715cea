"""What comes over Streamlit's socket and is none of its messages closes it, without a traceback.

Streamlit closes it as well, but raises at a text and writes a traceback at bytes that it cannot
read (streamlit/web/server/starlette/starlette_websocket.py): whoever sends such would fill the log.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

PROTOCOL_ERROR = 1002


class WholeMessages:
    """ASGI middleware: closes a page's socket at the first thing that is no message of a page."""

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
            if message["type"] != "websocket.receive" or is_message(message.get("bytes")):
                return message
            is_closed = True
            await send({"type": "websocket.close", "code": PROTOCOL_ERROR})
            return {"type": "websocket.disconnect", "code": PROTOCOL_ERROR}

        async def sent(message: Message) -> None:
            if not is_closed:
                await send(message)

        await self.app(scope, heard, sent)


def is_message(data: bytes | None) -> bool:
    """Can Streamlit read this?"""
    if data is None:
        return False
    try:
        BackMsg().ParseFromString(data)
    except DecodeError:
        return False
    return True
