"""Viewers that go away: a browser that closes its tab while something is being sent to it is no
fault, and prints no traceback.

Streamlit, told by a failed `send` that nobody is there any more, closes the socket again, and what
is closed twice raises (streamlit/web/server/starlette/starlette_websocket.py, `RuntimeError`).
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Gone:
    """ASGI middleware: what is sent to a socket whose other side is gone goes nowhere, silently;
    that it is gone the application hears as always, from `receive`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        gone = False

        async def heard() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "websocket.disconnect"
            return message

        async def sent(message: Message) -> None:
            nonlocal gone
            if gone:
                return
            try:
                await send(message)
            except OSError:
                gone = True

        await self.app(scope, heard, sent)
