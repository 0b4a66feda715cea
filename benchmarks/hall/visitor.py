"""Somebody with a page of the app open: a session of Streamlit's own protocol, no browser."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import parse_qs, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.hall.phone import Pages
from skipviz.core.experiment import Experiment
from tests.browser.serving import Server

FAR = "hall.localhost"
"""A name of this machine that is no loopback Host to the server: whoever uses it is a guest."""


class Visitor:
    """A page of the Lab, opened with an experiment.

    lecturer   whether it is the lecturer's, at this machine
    buttons    the ids of its buttons, by label
    run_id     the run that its address names
    """

    def __init__(self, server: Server, experiment: Experiment, *, lecturer: bool = False) -> None:
        self.server, self.lecturer = server, lecturer
        self.query = urlencode(experiment.to_query(), doseq=True)
        self.buttons: dict[str, str] = {}
        self.run_id = self.cookie = ""

    async def visit(self) -> None:
        """Loads the page: a guest's browser is given its cookie, the page is drawn."""
        host = self.server.url.partition("://")[2]
        if not self.lecturer:
            host = host.replace("127.0.0.1", FAR)
            async with Pages(self.server.url) as pages:
                self.cookie = await pages.cookie(f"{self.server.url}/lab", host)
        port = int(host.rpartition(":")[2])
        self.socket: ClientConnection = await connect(
            f"ws://{host}/_stcore/stream",
            host="127.0.0.1",  # where the name leads; Host and Origin say it
            port=port,
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            origin=f"http://{host}",  # type: ignore[arg-type]
            additional_headers={"Cookie": self.cookie} if self.cookie else None,
        )
        await self._run()

    async def close(self) -> None:
        await self.socket.close()

    async def press(self, label: str) -> float:
        """Presses a button and waits until its run stands in the address; the moment when it was
        pressed."""
        before, pressed_at = self.run_id, time.perf_counter()
        await self._run(self.buttons[label])
        while self.run_id == before:
            await self._heard()
        return pressed_at

    async def stop(self) -> None:
        """Presses Stop."""
        await self._run(self.buttons["Stop"])

    async def first_frame(self) -> float:
        """Watches the run that the address names; the moment of its first frame."""
        url = f"{self.server.url.replace('http', 'ws')}/api/runs/{self.run_id}/live"
        async with connect(url, max_size=None, origin=self.server.url) as socket:  # type: ignore[arg-type]
            async for message in socket:
                if isinstance(message, bytes):
                    return time.perf_counter()
        raise EOFError("the run's socket was closed before its first frame")

    async def _run(self, pressed: str = "") -> None:
        wish = BackMsg()
        wish.rerun_script.query_string = self.query
        wish.rerun_script.page_name = "lab"
        if pressed:
            state = wish.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = pressed, True
        await self.socket.send(wish.SerializeToString())
        while await self._heard() != "script_finished":
            pass

    async def _heard(self) -> str | None:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(self.socket.recv(decode=False), 60))
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "button":
                self.buttons[element.button.label] = element.button.id
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
            self.run_id = parse_qs(self.query).get("run", [self.run_id])[0]
        return kind
