"""Phones in a real browser: they keep their vote through a reload, a lost network, a sleep and a
restart of the server, vote where sockets are barred, and can be used by everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from skipviz.core import registry
from skipviz.stream.phones import NO_ROOM
from tests.browser.serving import Server, serving
from tests.browser.test_accessible import SCHEMES, findings
from tests.browser.test_app import settled

SCENE = "shortcut_options"
CHOICES = registry.scenes()[SCENE].choices
QUESTION = f"lecture?scenes={SCENE}&seeds=1&at=1&phase=0"
COUNTS = re.compile("^Your vote counts")


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app below a path, as behind a proxy."""
    runs = tmp_path_factory.mktemp("runs")
    with serving(runs, base="under", SKIPVIZ_FUSED="0") as started:
        yield started


@pytest.fixture
def wall(hall: Server, new_page: Callable[..., Page]) -> Page:
    """The lecturer's page, at a question of a new room."""
    page = new_page()
    page.goto(f"{hall.url}/{QUESTION}")
    expect(page.locator(".skip-address b")).to_be_visible()
    return page


def code_of(wall: Page) -> str:
    return wall.locator(".skip-address b").inner_text()


def choice(phone: Page, text: str) -> Locator:
    """The button of a choice."""
    return phone.get_by_role("button", name=text)


def voted(phone: Page, text: str) -> None:
    """Taps on a choice, and waits until the server has it."""
    choice(phone, text).click()
    expect(choice(phone, text)).to_have_attribute("aria-pressed", "true")
    expect(phone.locator("#status")).to_have_text(COUNTS)


def answered(wall: Page, count: int) -> None:
    expect(wall.locator(".skip-answered b")).to_have_text(str(count))


@pytest.fixture
def phone(wall: Page, hall: Server, new_page: Callable[..., Page]) -> Page:
    """A phone that has opened the address on the wall; its console stays empty."""
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto(f"{hall.url}/v/{code_of(wall)}")
    expect(page.locator("#status")).to_contain_text("Choose one")
    return page


def test_a_vote_outlives_a_reload_and_a_lost_network_and_the_phone_follows_by_itself(
    wall: Page, phone: Page
) -> None:
    console: list[str] = []
    phone.on("console", lambda message: console.append(message.text))
    voted(phone, CHOICES[0])
    phone.reload()
    expect(phone.locator("#status")).to_have_text(COUNTS)
    expect(choice(phone, CHOICES[0])).to_have_attribute("aria-pressed", "true")
    assert console == [], "nothing on the page is against its own policy"
    phone.context.set_offline(True)
    expect(phone.locator("#status")).to_contain_text("No connection")
    choice(phone, CHOICES[2]).tap()
    expect(phone.locator("#status")).to_contain_text("is sent as soon as")
    phone.context.set_offline(False)
    expect(phone.locator("#status")).to_have_text(COUNTS)
    expect(choice(phone, CHOICES[2])).to_have_attribute("aria-pressed", "true")
    answered(wall, 1)
    wall.keyboard.press("p")  # a recorded run: the vote is closed
    expect(phone.locator("#status")).to_contain_text(f"You predicted C: {CHOICES[2]}.")
    expect(phone.locator("#result")).to_be_hidden()
    expect(choice(phone, CHOICES[2])).to_be_hidden()
    wall.get_by_role("button", name="Reset").click()  # votes are taken back
    expect(phone.locator("#status")).to_contain_text("Choose one")
    expect(phone.locator("[aria-pressed=true]")).to_have_count(0)


SET_HIDDEN = """(hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
BACK_FROM_THE_CACHE = """() => {
    window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
}"""


@dataclass
class Sleeper:
    """A phone that can sleep: its timers stand still, and a line from before brings nothing."""

    phone: Page
    sleeps: int = 0

    def __post_init__(self) -> None:
        self.phone.clock.install()
        self.phone.route_web_socket(re.compile("/live$"), self._opened)

    def _opened(self, line: WebSocketRoute) -> None:
        server, age = line.connect_to_server(), self.sleeps
        server.on_message(lambda text: line.send(text) if age == self.sleeps else None)

    def _ahead(self, seconds: int) -> float:
        now: float = self.phone.evaluate("() => Date.now() / 1000")
        return now + seconds

    def sleep(self) -> None:
        """It is put away for an hour, of which it knows nothing."""
        if not self.sleeps:
            self.phone.clock.pause_at(self._ahead(60))
        self.sleeps += 1
        self.phone.evaluate(SET_HIDDEN, True)
        self.phone.clock.set_system_time(self._ahead(3600))


def test_a_phone_that_slept_while_the_lecturer_went_on_kept_its_vote_and_is_where_the_wall_is(
    wall: Page, hall: Server, new_page: Callable[..., Page]
) -> None:
    phone = new_page(viewport={"width": 360, "height": 740})
    sleeper = Sleeper(phone)
    phone.goto(f"{hall.url}/v/{code_of(wall)}")
    voted(phone, CHOICES[0])
    sleeper.sleep()
    for title in ("talk to your neighbour", "second vote"):
        settled(wall)
        wall.keyboard.press("ArrowRight")
        expect(wall.locator(".skip-place small")).to_contain_text(title)
    expect(phone.locator("#step")).to_have_text("Vote")
    phone.evaluate(SET_HIDDEN, False)  # somebody looks at it again
    expect(phone.locator("#step")).to_have_text("Second vote")
    expect(phone.locator("#status")).to_contain_text("Your first vote was A.")
    voted(phone, CHOICES[2])
    answered(wall, 1)
    sleeper.sleep()
    settled(wall)
    wall.keyboard.press("p")
    expect(wall.locator(".skip-place small")).to_contain_text("figure 1")
    expect(phone.locator("#step")).to_have_text("Second vote")
    phone.evaluate(BACK_FROM_THE_CACHE)
    expect(phone.locator("#step")).to_have_text("Watch the wall")
    expect(phone.locator("#status")).to_contain_text(f"You predicted A: {CHOICES[0]}.")
    expect(phone.locator("#status")).to_contain_text(f"After talking, C: {CHOICES[2]}.")


def test_a_vote_outlives_a_restart_of_the_server(
    tmp_path: Path, new_page: Callable[..., Page]
) -> None:
    wall, phone = new_page(), new_page(viewport={"width": 390, "height": 740})
    with serving(tmp_path, SKIPVIZ_FUSED="0") as first:
        port = int(first.url.rpartition(":")[2])
        wall.goto(f"{first.url}/{QUESTION}")
        expect(wall.locator(".skip-address b")).to_be_visible()
        phone.goto(f"{first.url}/v/{code_of(wall)}")
        voted(phone, CHOICES[1])
        wall.goto("about:blank")
    expect(phone.locator("#status")).to_contain_text("Your vote is kept")
    choice(phone, CHOICES[0]).click()
    with serving(tmp_path, port=port, SKIPVIZ_FUSED="0"):
        expect(phone.locator("#status")).to_have_text(COUNTS)
        expect(choice(phone, CHOICES[0])).to_have_attribute("aria-pressed", "true")
        phone.reload()
        expect(choice(phone, CHOICES[0])).to_have_attribute("aria-pressed", "true")


def test_where_sockets_are_barred_a_phone_votes_and_follows_all_the_same(
    wall: Page, hall: Server, new_page: Callable[..., Page]
) -> None:
    phone = new_page(viewport={"width": 360, "height": 740})
    phone.route_web_socket(re.compile("/live$"), lambda socket: socket.close())
    phone.goto(f"{hall.url}/v/{code_of(wall)}")
    voted(phone, CHOICES[1])
    answered(wall, 1)
    wall.keyboard.press("p")
    expect(phone.locator("#status")).to_contain_text(f"You predicted B: {CHOICES[1]}.")


def test_the_address_of_before_there_were_codes_and_a_wrong_code_lead_on(
    wall: Page, hall: Server, new_page: Callable[..., Page]
) -> None:
    phone, code = new_page(viewport={"width": 360, "height": 740}), code_of(wall)
    phone.goto(f"{hall.url}/v/XXXXXX")
    expect(phone.get_by_role("heading")).to_have_text(NO_ROOM)
    phone.get_by_label("Code of the room").fill(code.lower())
    phone.keyboard.press("Enter")
    expect(phone.locator("#status")).to_contain_text("Choose one")
    assert phone.url == f"{hall.url}/v/{code}"
    room = re.search(r"room=([\w-]+)", wall.url)
    assert room
    phone.goto(f"{hall.url}/vote?room={room[1]}&me=somebody")
    expect(phone.locator("#status")).to_contain_text("Choose one")
    assert phone.url == f"{hall.url}/v/{code}"


def test_a_phone_that_keeps_no_cookies_is_told_so(
    wall: Page, hall: Server, new_page: Callable[..., Page]
) -> None:
    phone = new_page(viewport={"width": 360, "height": 740})

    def without_cookie(route: Route) -> None:
        answer = route.fetch()
        phone.context.clear_cookies()
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        route.fulfill(response=answer, headers=headers)

    phone.route(re.compile(r"/v/\w+$"), without_cookie)
    phone.goto(f"{hall.url}/v/{code_of(wall)}")
    expect(phone.locator("#status")).to_contain_text("keeps no cookies")
    expect(phone.locator("#choices")).to_be_hidden()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_on_a_phone_and_it_can_be_read_at_200_percent(
    scheme: Any, wall: Page, phone: Page, hall: Server
) -> None:
    phone.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert findings(phone) == []
    phone.keyboard.press("Tab")
    phone.keyboard.press("Space")
    expect(phone.locator("#status")).to_have_text(COUNTS)
    assert findings(phone) == []
    sizes = phone.locator("#choices button").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert len(sizes) == len(CHOICES) and min(sizes) >= 44
    phone.set_viewport_size({"width": 180, "height": 370})  # 360 wide at 200 %
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    phone.set_viewport_size({"width": 360, "height": 740})
    phone.goto(f"{hall.url}/v/XXXXXX")
    assert findings(phone) == []
