"""The lecturer's page as a client of Streamlit's own protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from skipviz.store.rooms import word
from skipviz.store.store import read_json
from tests.browser.serving import Server


class Wall:
    """The lecturer's page: a Streamlit session that is asked for one scene after the other."""

    def __init__(self, server: Server, scenes: list[str]) -> None:
        self.server, self.scenes, self.room = server, scenes, word()
        self.asked_at: dict[str, float] = {}

    async def __aenter__(self) -> Wall:
        address = self.server.url.replace("http", "ws") + "/_stcore/stream"
        self._socket = await connect(
            address, subprotocols=["streamlit"], max_size=None, origin=self.server.url
        )
        await self.ask(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def ask(self, number: int) -> None:
        """Goes to the question of a scene; returns when the page has been drawn."""
        wish = BackMsg()
        wish.rerun_script.query_string = (
            f"scenes={','.join(self.scenes)}&seeds=1&at={number + 1}&phase=0&room={self.room}"
        )
        wish.rerun_script.page_name = "lecture"
        self.asked_at[f"{self.scenes[number]}.0"] = time.perf_counter()
        await self._socket.send(wish.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(await self._socket.recv(decode=False))
            if message.WhichOneof("type") == "script_finished":
                return

    @property
    def file(self) -> Mapping[str, Any]:
        """The room's file, as it is now."""
        return read_json(self.server.runs / "rooms" / f"{self.room}.json")
