"""A page of the app as one of many clients: asked over Streamlit's own protocol, without a
browser."""

from __future__ import annotations

from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

PATIENCE_S = 120.0


def connected(url: str) -> Any:
    """A page's socket, as an asynchronous context."""
    return connect(
        url.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"],  # type: ignore
        max_size=None, origin=url, open_timeout=PATIENCE_S, compression=None,  # type: ignore
    )  # fmt: skip


async def drawn(socket: Any, page: str, query: str = "") -> None:
    """Asks for a page and returns when the server has sent all of it."""
    wish = BackMsg()
    wish.rerun_script.query_string, wish.rerun_script.page_name = query, page
    await socket.send(wish.SerializeToString())
    while True:
        message = ForwardMsg()
        message.ParseFromString(await socket.recv(decode=False))
        if message.WhichOneof("type") == "script_finished":
            return
