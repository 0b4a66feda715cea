"""Whether the product holds in a lecture hall: a real server, real sockets, on this machine alone.

    python -m skipviz bench hall [--json] [--cases phones-300,burst-500] [--quick]

    phones-300   300 phones in one room; the lecturer's page asks something else every 5 s, all
                 vote, a third of them twice. p95 in ms from the lecturer's key to the phone, what
                 was dropped, lost or counted twice, and the cores that the web process took
    burst-500    500 phones come within 10 s from one address, a fifth of them reload, a tenth go
                 away without a word. p95 in ms of page and state, and how many were refused

The server is a child process on 127.0.0.1; the phones and the lecturer's page are sockets of this
process, so that both share the cores. The lecturer's page is a Streamlit session, asked over its
own protocol: the time of its script is within the figure. `--quick`: 3 questions, a tenth of the
phones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skipviz.cli import console
from skipviz.core import registry
from skipviz.store.rooms import word
from skipviz.store.store import read_json
from tests.browser.serving import Server, serving

EVERY_S, QUESTIONS, VOTING_S = 5.0, 12, 3.0
BURST_S = 10.0
PATIENCE_S = 60.0
GONE = (OSError, EOFError, WebSocketException)
FILES = ("phone.css", "ballot.js", "line.js", "phone.js")


@dataclass(frozen=True)
class Row:
    """One row of the table: a figure, and what it should be at most."""

    case: str
    goal: float
    figure: float

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case, "ratio": self.figure, "direction": "max", "goal": self.goal,
            "met": self.figure <= self.goal, "skipped": None,
        }  # fmt: skip


def p95(values: list[float]) -> float:
    """The 95th percentile; infinite where nothing came."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else float("inf")


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


class Pages:
    """One connection for pages, as a browser keeps it: a library's would cost this process more
    than the answers cost the server."""

    def __init__(self, address: str) -> None:
        self.host = address.partition("://")[2].partition("/")[0]

    async def __aenter__(self) -> Pages:
        name, _, port = self.host.partition(":")
        self._reader, self._writer = await asyncio.open_connection(name, int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def get(self, address: str, cookie: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in small letters) and body."""
        path = "/" + address.partition(f"{self.host}/")[2]
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {self.host}",
            *([f"Cookie: {cookie}"] * bool(cookie)),
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        headers = {name.lower(): value for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body


@dataclass
class Phone:
    """One phone: its cookie, when it heard of which question, and what it voted."""

    home: str
    cookie: str = ""
    heard_at: dict[str, float] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    broke_off: bool = False

    async def open_page(self, *, is_new: bool = True) -> bool:
        """Loads the page, and its files the first time; False where anything was refused."""
        async with Pages(self.home) as pages:
            status, headers, body = await pages.get(self.home, self.cookie)
            if status != 200:
                return False
            if is_new:
                self.cookie = headers["set-cookie"].partition(";")[0]
                version = body.partition(b"files/")[2].partition(b"/")[0].decode()
                files = f"{self.home.rpartition('/')[0]}/files/{version}/"
                statuses = [(await pages.get(files + name, self.cookie))[0] for name in FILES]
                return statuses == [200] * len(FILES)
            return True

    def connected(self) -> Any:
        """Its socket, as an asynchronous context."""
        return connect(
            self.home.replace("http", "ws") + "/live",
            additional_headers={"Cookie": self.cookie},
            origin=self.home.partition("/v/")[0],
            open_timeout=PATIENCE_S,
        )

    async def follow(self, change: Callable[[], float]) -> None:
        """Votes on every question after a while, a third of them twice, until it is cancelled.
        `change` gives seconds to wait."""
        try:
            async with self.connected() as socket:
                voting: asyncio.Task[None] | None = None
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "room":
                        self.heard_at.setdefault(message["ballot"], time.perf_counter())
                        voting = asyncio.create_task(self._vote(socket, message, change))
                    elif message["type"] == "vote" and message["choice"] is not None:
                        self.counted[message["ballot"]] = message["choice"]
                self.broke_off = voting is not None
        except GONE:
            self.broke_off = True

    async def _vote(
        self, socket: ClientConnection, room: Mapping[str, Any], change: Callable[[], float]
    ) -> None:
        with suppress(*GONE):
            for _ in range(2 if random.random() < 1 / 3 else 1):
                await asyncio.sleep(change())
                choice = random.randrange(len(room["choices"]))
                await socket.send(json.dumps({"ballot": room["ballot"], "choice": choice}))


async def phones(server: Server, count: int, questions: int) -> list[Row]:
    """Phones that follow a lecture and vote."""
    scenes = sorted(registry.scenes())[: questions + 1]
    async with Wall(server, scenes) as wall:
        home = f"{server.url}/v/{wall.file['code']}"
        crowd = [Phone(home) for _ in range(count)]
        following = []
        for phone in crowd:
            assert await phone.open_page(), "a phone was refused"
            following.append(
                asyncio.create_task(phone.follow(lambda: VOTING_S * random.random() / 2))
            )
        until = time.monotonic() + PATIENCE_S
        while any(not phone.counted for phone in crowd) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        process = psutil.Process(server.process.pid)
        busy, began = process.cpu_times(), time.perf_counter()
        for number in range(1, questions + 1):
            await wall.ask(number)
            await asyncio.sleep(EVERY_S)
        after, took_s = process.cpu_times(), time.perf_counter() - began
        await asyncio.sleep(1.0)
        waits = [
            1000 * (phone.heard_at[ballot] - asked_at)
            for ballot, asked_at in list(wall.asked_at.items())[1:]
            for phone in crowd
            if ballot in phone.heard_at
        ]
        for task in following:
            task.cancel()
        lost = _lost(wall, crowd) + sum(phone.broke_off for phone in crowd)
        lost += questions * count - len(waits)
    cores = (after.user + after.system - busy.user - busy.system) / took_s
    return [
        Row("phones-300", 500.0, p95(waits)),
        Row("phones-300-lost", 0.0, lost),
        Row("phones-300-cores", 0.5, cores),
    ]


def _lost(wall: Wall, crowd: list[Phone]) -> int:
    """Votes that were acknowledged and are not in the room's file, and those in it that nobody
    was told of: by number, for each choice of each scene."""
    wrong = 0
    for scene in wall.scenes:
        choices_kept = list(wall.file.get("votes", {}).get(scene, {}).values())
        acknowledged = [phone.counted.get(f"{scene}.0") for phone in crowd]
        for choice in range(len(registry.scenes()[scene].choices)):
            wrong += abs(choices_kept.count(choice) - acknowledged.count(choice))
        wrong += acknowledged.count(None)
    return wrong


async def burst(server: Server, count: int) -> list[Row]:
    """The start of class."""
    waits: list[float] = []
    refused = 0
    leave = asyncio.Event()

    async def arrive(phone: Phone, number: int) -> None:
        nonlocal refused
        await asyncio.sleep(BURST_S * random.random())
        for reload in range(2 if number % 5 == 0 else 1):
            began = time.perf_counter()
            try:
                opened = await phone.open_page(is_new=not reload)
                async with phone.connected() as socket:
                    state = json.loads(await socket.recv())
                    if not opened or state["type"] != "room":
                        refused += 1
                        return
                    waits.append(1000 * (time.perf_counter() - began))
                    if number % 10 == 1:
                        socket.transport.abort()
                        return
                    if reload or number % 5:
                        await leave.wait()
            except GONE:
                refused += not leave.is_set()
                return

    async with Wall(server, sorted(registry.scenes())[:1]) as wall:
        home = f"{server.url}/v/{wall.file['code']}"
        arriving = [asyncio.create_task(arrive(Phone(home), i)) for i in range(count)]
        expected = count + -(-count // 5)
        until = time.monotonic() + BURST_S + PATIENCE_S
        while len(waits) + refused < expected and time.monotonic() < until:
            await asyncio.sleep(0.1)
        missing = expected - len(waits)
        leave.set()
        await asyncio.gather(*arriving)
    return [Row("burst-500", 1000.0, p95(waits)), Row("burst-500-refused", 0.0, missing)]


GROUPS = {"phones-300": phones, "burst-500": burst}


def run(chosen: list[str], quick: bool) -> list[Row]:
    """Each chosen case on a server of its own."""
    rows: list[Row] = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="skipviz-bench-") as folder:
            with serving(Path(folder), SKIPVIZ_FUSED="0") as server:
                count = int(name.partition("-")[2]) // (10 if quick else 1)
                if name == "burst-500":
                    rows += asyncio.run(burst(server, count))
                else:
                    rows += asyncio.run(phones(server, count, 3 if quick else QUESTIONS))
    return rows


def line(row: Row) -> str:
    """A row for people."""
    verdict = "met" if row.figure <= row.goal else "MISSED"
    return f"{row.case:24} {row.figure:8.3g}   ≤ {row.goal:<6g}   {verdict}"


def main() -> int:
    console.legible()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a tenth of the phones")
    args = parser.parse_args()
    chosen = [name for name in args.cases.split(",") if name] or list(GROUPS)
    wrong = next((name for name in chosen if name not in GROUPS), None)
    if wrong is not None:
        print(f"case '{wrong}': must be one of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows = run(chosen, args.quick)
    about = {"processor": platform.processor() or platform.machine(), "cores": psutil.cpu_count(),
             "load_at_start": round(load, 1)}  # fmt: skip
    if args.json:
        print(json.dumps({"cases": [row.to_json() for row in rows], "machine": about}))
    else:
        print("\n".join(line(row) for row in rows))
        print(f"{about['processor']}, {about['cores']} cores; load average at the start {load:.1f}")
    return 1 if any(row.figure > row.goal for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
