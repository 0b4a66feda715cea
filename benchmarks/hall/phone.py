"""A phone: its pages, its socket, its votes."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from skipviz.core.strict_json import dumps

PATIENCE_S = 60.0
GONE = (OSError, EOFError, WebSocketException)


def files_of(page: bytes) -> list[str]:
    """The addresses of the files that a browser loads with this page."""
    return [each.decode() for each in re.findall(rb'(?:src|href)="(files/[^"]+)"', page)]


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

    async def cookie(self, address: str, host: str) -> str:
        """The cookie that a browser is given with a page, asked for by another name of its host."""
        path = "/" + address.partition(f"{self.host}/")[2]
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: text/html", "Connection: close"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        given = {name.lower(): value for name, _, value in pairs}
        return given.get("set-cookie", "").partition(";")[0]

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
                below = self.home.rpartition("/")[0]
                for each in files_of(body):
                    status, _, _ = await pages.get(f"{below}/{each}", self.cookie)
                    if status != 200:
                        return False
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
                await socket.send(dumps({"ballot": room["ballot"], "choice": choice}))
