"""MB of the web process for each of 300 phones in a room, and what they grew by within ten minutes
in which each voted now and then.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from benchmarks.hall.memory import measured
from benchmarks.hall.phone import Phone
from benchmarks.hall.row import Row
from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import Rooms, word
from tests.browser.serving import Server

PHONES = 300


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    room = Rooms(folder).room(word())
    room.show(sorted(registry.scenes())[0], Phase.VOTE)

    async def client(server: Server, there: asyncio.Event) -> None:
        phone = Phone(f"{server.url}/v/{room.code}")
        await phone.open_page()
        following = asyncio.ensure_future(phone.follow(lambda: 20 * random.random()))
        try:
            while not phone.heard_at:
                await asyncio.sleep(0.05)
            there.set()
            await following
        finally:
            following.cancel()

    return measured("memory-phone", 0.1, PHONES // 10 if quick else PHONES, folder, quick, client)
