"""A lecture in a real browser: by keyboard alone, with a vote from a phone, reloaded on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from skipviz.core import registry
from skipviz.ui.lecture.lecture import phases
from tests.browser.serving import Server
from tests.browser.test_app import settled
from tests.browser.test_phones import choice, voted

CHOICES = [key for key, scene in registry.scenes().items() if scene.sketch is None]
QUICK = sorted(CHOICES, key=lambda key: registry.scenes()[key].seconds)[:2]


def press(page: Page, key: str) -> None:
    page.keyboard.press(key)


def place(page: Page) -> tuple[int, int]:
    """Scene and phase, as the address has them."""
    found = re.search(r"at=(\d+)&phase=(\d+)", page.url)
    assert found, page.url
    return int(found[1]), int(found[2])


def is_at(page: Page, at: int, phase: int, title: str) -> None:
    """Waits until a scene's phase is in the address, and its title on the page."""
    expect(page).to_have_url(re.compile(f"at={at}&phase={phase}(&|$)"))
    expect(page.locator(".skip-place small")).to_contain_text(f"Scene {at} of ")
    expect(page.locator(".skip-place small")).to_contain_text(title)


def onward(page: Page, until: str, titles: list[str], *, has_phone: bool = False) -> None:
    """Turns pages with one key each until a phase of this scene is there; a phone is asked what it
    saw before the numbers."""
    at, phase = place(page)
    while titles[phase] != until:
        phase += 1
        press(page, "ArrowRight")
        if titles[phase] == "in numbers" and has_phone:
            is_at(page, at, phase, "what did you see?")
            press(page, "ArrowRight")
        is_at(page, at, phase, titles[phase])


def titles_of(key: str) -> list[str]:
    return [phase.title for phase in phases(registry.scenes()[key])]


def test_two_scenes_by_keyboard_with_a_vote_and_a_reload(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{server.url}/lecture?scenes={','.join(QUICK)}&seeds=1")
    expect(page.get_by_role("button", name="Begin")).to_be_enabled()
    settled(page)
    press(page, "Enter")  # begin
    expect(page.locator(".skip-question")).to_be_visible()
    is_at(page, 1, 0, "question")
    _vote_from_a_phone(page, server, new_page)
    for number, key in enumerate(QUICK, start=1):
        scene, titles = registry.scenes()[key], titles_of(key)
        is_at(page, number, 0, "question")
        expect(page.locator(".skip-place b")).to_have_text(scene.title)
        press(page, "Enter")  # run
        is_at(page, number, 1, titles[1])
        onward(page, "in numbers", titles, has_phone=True)
        expect(page.locator(".skip-verdict")).to_have_count(len(scene.expects))
        expect(page.locator(".skip-choices [data-right]")).to_have_count(1)
        if number == 1:
            expect(page.get_by_text("of 1 predicted what this run shows")).to_be_visible()
        if number == len(QUICK):
            _is_the_same_after_a_reload(page)
        onward(page, "sources", titles, has_phone=True)
        expect(page.get_by_text("Worksheet to print")).to_be_visible()
        press(page, "ArrowRight")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    _the_room_is_told_how_it_did(page)
    _votes_are_kept_without_names(server)


def _is_the_same_after_a_reload(page: Page) -> None:
    before, shown = page.url, page.locator(".skip-saw").inner_text()
    page.reload()
    expect(page.locator(".skip-saw")).to_have_text(shown)
    settled(page)  # a key that comes before the page listens to keys is nobody's
    assert page.url == before


def _the_room_is_told_how_it_did(page: Page) -> None:
    said = re.compile(r"^[01] of 1 predictions were right$")
    expect(page.locator(".skip-question")).to_have_text(said)
    rows = page.locator(".skip-sum > div")
    expect(rows).to_have_count(len(QUICK))
    expect(rows.first.locator("em")).to_have_text(re.compile(r"^[01] of 1$"))
    expect(page.locator(".skip-sum strong").nth(1)).to_contain_text("✓")


def _vote_from_a_phone(page: Page, server: Server, new_page: Callable[..., Page]) -> None:
    """A phone votes for the second choice; the wall says how many have answered, and what only
    when the lecturer wants it."""
    scene = registry.scenes()[QUICK[0]]
    code = page.locator(".skip-address b").inner_text()
    phone = new_page(viewport={"width": 390, "height": 800})
    phone.goto(f"{server.url}/v/{code}")
    voted(phone, scene.choices[0])
    phone.reload()  # a phone that comes back has one vote, and may change it
    expect(choice(phone, scene.choices[0])).to_have_attribute("aria-pressed", "true")
    voted(phone, scene.choices[1])
    expect(page.locator(".skip-answered b")).to_have_text("1")
    expect(page.locator(".skip-choices em")).to_have_count(0)
    page.get_by_text("Show the votes").click()
    expect(page.locator(".skip-choices em").nth(1)).to_have_text("1")
    expect(page.locator(".skip-choices em").nth(0)).to_have_text("0")
    page.get_by_text("Show the votes").click()
    expect(page.locator(".skip-choices em")).to_have_count(0)
    settled(page)


def _votes_are_kept_without_names(server: Server) -> None:
    kept = [
        json.loads(path.read_text(encoding="utf-8")) for path in server.runs.glob("*/votes.json")
    ]
    assert len(kept) == 1
    assert set(kept[0]) == {"question", "choices", "counts", "shown"}
    assert sum(kept[0]["counts"]) == 1


def test_a_lecture_of_no_scene_gets_one_sentence(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/lecture?scenes=nonsense&at=1")
    expect(page.get_by_text("There is no such scene")).to_be_visible()
