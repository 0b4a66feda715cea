"""The whole way of a question, on the wall and on two phones: vote, talk, second vote, run, what
was seen, reveal, summary, the end of the room; once with choices, once with a curve."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from skipviz.core import registry
from tests.browser.serving import Server
from tests.browser.test_accessible import findings
from tests.browser.test_app import settled
from tests.browser.test_phones import choice, voted

CHOSEN, DRAWN = "shortcut_options", "gradients_at_init"
NARROW = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


@dataclass
class Hall:
    """The wall, at the question of a scene with another one before it, and two phones."""

    wall: Page
    phones: tuple[Page, Page]
    address: str

    def forward(self, title: str) -> None:
        """One step on, by the key, until the wall says where it is."""
        settled(self.wall)
        self.wall.keyboard.press("ArrowRight")
        expect(self.wall.locator(".skip-place small")).to_contain_text(title)

    def follow(self, step: str) -> None:
        """Both phones follow by themselves."""
        for phone in self.phones:
            expect(phone.locator("#step")).to_have_text(step)

    def answered(self, count: int) -> None:
        expect(self.wall.locator(".skip-answered b")).to_have_text(str(count))


def _hall(server: Server, new_page: Callable[..., Page], key: str) -> Hall:
    wall = new_page()
    wall.goto(f"{server.url}/lecture?scenes=lesion,{key}&seeds=1&at=2&phase=0")
    code = wall.locator(".skip-address b").inner_text()
    phones = new_page(**NARROW), new_page(**NARROW)
    for phone in phones:
        phone.goto(f"{server.url}/v/{code}")
    hall = Hall(wall, phones, server.url)
    hall.follow("Vote")
    return hall


def _replayed_until_it_is_asked_what_was_seen(hall: Hall, key: str) -> None:
    settled(hall.wall)
    hall.wall.keyboard.press("p")
    expect(hall.wall.locator(".skip-place small")).to_contain_text("figure 1")
    hall.follow("Watch the wall")
    for number in range(1, len(registry.scenes()[key].figures)):
        hall.forward(f"figure {number + 1}")
    hall.forward("what did you see?")
    hall.follow("What did you see?")


def test_two_phones_and_the_wall_go_through_a_whole_question(
    recorded: Server, new_page: Callable[..., Page]
) -> None:
    choices = registry.scenes()[CHOSEN].choices
    hall = _hall(recorded, new_page, CHOSEN)
    one, other = hall.phones
    voted(one, choices[0])
    voted(other, choices[1])
    hall.answered(2)
    expect(hall.wall.locator(".skip-choices em")).to_have_count(0)
    hall.forward("talk to your neighbour")
    hall.follow("Talk to your neighbour")
    expect(one.locator("#clock")).to_have_text(re.compile(r"^[012]:\d\d$"))
    expect(one.locator("#aloud")).to_have_text(re.compile("left.$"))
    expect(one.locator("#choices")).to_be_hidden()
    assert findings(one) == []
    hall.forward("second vote")
    hall.follow("Second vote")
    voted(other, choices[0])
    hall.answered(1)
    _replayed_until_it_is_asked_what_was_seen(hall, CHOSEN)
    choice(one, choices[0]).click()
    choice(other, "I could not tell").click()
    hall.answered(2)
    one.reload()
    expect(choice(one, choices[0])).to_have_attribute("aria-pressed", "true")
    assert findings(one) == []
    hall.forward("in numbers")
    hall.follow("The result")
    bars = one.locator("#result li").first.locator("em")
    expect(bars).to_have_text(["1 · yours", "1", "1 · yours"])
    expect(one.locator("#result li.shown")).to_have_count(1)
    expect(other.locator("#status")).to_contain_text("After talking, A")
    expect(other.locator("#status")).to_contain_text("You could not tell")
    assert findings(one) == []
    one.set_viewport_size({"width": 180, "height": 370})  # 360 wide at 200 %
    assert one.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    expect(hall.wall.locator(".skip-compared > div")).to_have_count(len(choices) + 1)
    expect(hall.wall.locator(".skip-predicted")).to_contain_text("after talking")
    for title in ("caveat", "sources", "how the room did"):
        hall.forward(title)
    expect(hall.wall.locator(".skip-sum em")).to_have_count(3)
    _the_answers_are_a_file(hall)
    _the_room_is_deleted(hall)


def _the_answers_are_a_file(hall: Hall) -> None:
    link = hall.wall.get_by_role("link", name="Answers as CSV")
    answer = hall.wall.request.get(f"{hall.address}/{link.get_attribute('href')}")
    rows = list(csv.DictReader(io.StringIO(answer.text().lstrip("\ufeff"))))
    counts = {(row["stage"], row["answer"]): row["count"] for row in rows}
    assert counts["first vote", "B"] == counts["second vote", "A"] == counts["seen", "D"] == "1"
    assert {row["scene"] for row in rows} == {CHOSEN}


def _the_room_is_deleted(hall: Hall) -> None:
    settled(hall.wall)
    hall.wall.get_by_test_id("stPopover").get_by_role("button").click()
    hall.wall.get_by_role("button", name="Delete this room").click()
    expect(hall.wall.get_by_text("2 phones look at this room now")).to_be_visible()
    expect(hall.wall.get_by_text("2 phones gave 5 answers")).to_be_visible()
    expect(hall.wall.get_by_role("button", name="Yes, delete it")).to_be_in_viewport(ratio=1)
    hall.wall.get_by_role("button", name="Yes, delete it").click()
    for phone in hall.phones:
        expect(phone.locator("#status")).to_contain_text("has deleted this room")
        expect(phone.locator("#result")).to_be_hidden()
    expect(hall.wall.get_by_role("button", name="Begin")).to_be_visible()


def test_a_curve_is_drawn_or_typed_and_lies_on_the_wall_with_the_measured_one(
    recorded: Server, new_page: Callable[..., Page]
) -> None:
    hall = _hall(recorded, new_page, DRAWN)
    hand, keyboard = hall.phones
    expect(hand.locator("#question")).to_contain_text("Draw the norm")
    hand.get_by_role("button", name="Send my curve").click()
    expect(hand.get_by_role("alert")).to_contain_text("Draw the curve")
    box = hand.locator("#pad svg").bounding_box()
    assert box
    hand.mouse.move(box["x"] + 3, box["y"] + 0.75 * box["height"])
    hand.mouse.down()
    hand.mouse.move(box["x"] + box["width"] - 3, box["y"] + 0.25 * box["height"], steps=5)
    hand.mouse.up()
    hand.get_by_role("button", name="Send my curve").click()
    expect(hand.locator("#status")).to_contain_text("Your curve counts")
    points = hand.locator("#pad polyline").get_attribute("points") or ""
    assert len(points.split()) == 33
    _typed_by_keyboard(keyboard)
    hall.answered(2)
    expect(hall.wall.locator(".scatterlayer .trace")).to_have_count(0)
    hand.reload()
    expect(hand.locator("#pad polyline")).to_have_attribute("points", points)
    assert findings(hand) == [] and findings(keyboard) == []
    for phone in hall.phones:
        phone.set_viewport_size({"width": 180, "height": 370})
        assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for title in ("talk to your neighbour", "second vote", "what was drawn"):
        hall.forward(title)
    hall.follow("What was drawn")
    expect(hall.wall.locator(".scatterlayer .trace")).to_have_count(1)
    expect(hand.locator("#pad polyline")).to_have_attribute("points", points)
    expect(hand.get_by_role("button", name="Send my curve")).to_be_hidden()
    _replayed_until_it_is_asked_what_was_seen(hall, DRAWN)
    hall.forward("in numbers")
    expect(hall.wall.get_by_text("measured: plain-50")).to_be_visible()
    expect(hall.wall.locator(".scatterlayer .trace")).to_have_count(4)


def _typed_by_keyboard(phone: Page) -> None:
    """Five numbers, with keys alone; a wrong one is told, and the others stay."""
    phone.locator("summary").focus()
    phone.keyboard.press("Enter")
    for value in ("7", "1e-4", "1e-8", "1e-12", "1e-30"):
        phone.keyboard.press("Tab")
        phone.keyboard.type(value)
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("alert")).to_contain_text("Number 5 is to be from")
    expect(phone.locator("#pad input").nth(4)).to_be_focused()
    phone.keyboard.press("Control+A")
    phone.keyboard.type("1e-16")
    phone.keyboard.press("Enter")
    expect(phone.locator("#status")).to_contain_text("Your curve counts")
