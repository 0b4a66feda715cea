"""A guest's browser: it watches and changes nothing; with a key it is the lecturer's.

`hall.localhost` is this machine to Chromium, and no loopback Host to the server: a guest's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

from skipviz.access.keys import Keys
from skipviz.core.experiment import Experiment, Lane
from skipviz.store.store import Store
from tests.browser.serving import Server
from tests.browser.test_app import settled

LANE = Lane(family="plain", knobs={"backbone": "dense", "depth": 4})
LONG = Experiment(lanes=[LANE], data="digits", steps=1_000_000, record_every=100, device="cpu")
BUTTONS = ("Train", "Stop", "Pause", "Step")


def _far(server: Server) -> str:
    return server.url.replace("127.0.0.1", "hall.localhost")


def _kept(folder: Path) -> dict[str, bytes]:
    """Every room's file, and which runs there are."""
    rooms = {path.name: path.read_bytes() for path in sorted(folder.glob("rooms/*.json"))}
    return rooms | dict.fromkeys(Store(folder).runs(), b"")


def _button(page: Page, name: str) -> Locator:
    """The button of this word, between an icon and a key."""
    return page.get_by_role("button", name=re.compile(rf"(^|\s){name}(\s|$)"))


def _buttons(page: Page) -> int:
    return sum(_button(page, name).count() for name in BUTTONS)


def test_a_guest_watches_and_changes_nothing_and_is_the_lecturer_with_a_key(
    server: Server, page: Page, new_page: Callable[..., Page]
) -> None:
    page.goto(f"{server.url}/lab?{urlencode(LONG.to_query(), doseq=True)}")
    settled(page)
    _button(page, "Train").click()
    page.wait_for_url("**run=*")
    run_id = page.url.rpartition("run=")[2]
    expect(_button(page, "Pause")).to_be_visible()
    settled(page)  # until then a button may stand there twice, the old one and the new
    assert _buttons(page) == len(BUTTONS)
    guest = new_page()
    guest.goto(f"{_far(server)}/lab?run={run_id}")
    expect(guest.locator(".sv-chip")).to_have_attribute("data-state", "running")
    settled(guest)
    assert _buttons(guest) == 0
    before = _kept(server.runs)
    for keys in ("Control+Enter", "p", "n", "Escape"):
        guest.keyboard.press(keys)
    settled(guest)
    _a_lecture_is_only_looked_at(guest, _far(server))
    assert _kept(server.runs) == before
    assert Store(server.runs).status(run_id)["state"] == "running"
    key = Keys(server.runs).new_key()
    guest.goto(f"{_far(server)}/lecturer?key={key}")
    assert guest.url == f"{_far(server)}/"
    guest.goto(f"{_far(server)}/lab?run={run_id}")
    expect(_button(guest, "Pause")).to_be_visible()
    settled(guest)
    _button(guest, "Stop").click()
    expect(guest.locator(".sv-chip")).to_have_attribute("data-state", "stopped")
    cookie = next(each for each in guest.context.cookies() if each["name"] == "skipviz_lecturer")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    log = (server.runs / "server.log").read_text(encoding="utf-8")
    assert key not in log and cookie["value"] not in log
    _logged_out(guest, _far(server), run_id)


def _a_lecture_is_only_looked_at(guest: Page, address: str) -> None:
    guest.goto(f"{address}/lecture?scenes=degradation&at=1&phase=0&room=KQTRPMKQ")
    expect(guest.get_by_text("You look on")).to_be_visible()
    settled(guest)
    guest.keyboard.press("Enter")
    guest.keyboard.press("ArrowRight")
    settled(guest)
    assert "phase=0" in guest.url


def _logged_out(guest: Page, address: str, run_id: str) -> None:
    """Logging out in one tab takes the buttons from the other by itself: its socket is closed."""
    other = guest.context.new_page()
    other.goto(f"{address}/lecturer")
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_text("You are logged out")).to_be_visible()
    guest.goto(f"{address}/lab?run={run_id}")
    expect(guest.locator(".sv-chip")).to_have_attribute("data-state", "stopped")
    settled(guest)
    assert _buttons(guest) == 0
