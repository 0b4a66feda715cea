"""A lecture in a real browser: by keyboard alone, with a vote from a phone, reloaded on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from skipviz import discover
from tests.browser.serving import Server, serving
from tests.browser.test_app import WAIT_MS, settled

QUICK = sorted(discover.scenes(), key=lambda key: discover.scenes()[key].seconds)[:3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("runs")) as started:
        yield started


def press(page: Page, key: str) -> None:
    page.keyboard.press(key)
    settled(page)


def onward(page: Page) -> None:
    """The next phase, or the next scene. A key that meets a page just being built is lost; whoever
    sees nothing happen presses it again."""
    before, changed = page.url, re.compile(f"^(?!{re.escape(page.url)}$)")
    for wait_ms in (5_000, 5_000, WAIT_MS):
        press(page, "ArrowRight")
        try:
            return expect(page).to_have_url(changed, timeout=wait_ms)
        except AssertionError:
            assert page.url == before and wait_ms < WAIT_MS


def place(page: Page) -> tuple[str, str]:
    """Scene and phase, as the address has them."""
    found = re.search(r"at=(\d+)&phase=(\d+)", page.url)
    assert found, page.url
    return found[1], found[2]


def to_numbers(page: Page) -> None:
    """Goes on until the verdicts are on the screen."""
    while "in numbers" not in page.locator(".skip-place small").inner_text():
        onward(page)
    expect(page.locator(".skip-verdict").first).to_be_visible(timeout=2 * WAIT_MS)


def test_three_scenes_by_keyboard_with_a_vote_and_a_reload(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{server.url}/lecture?scenes={','.join(QUICK)}&seeds=1")
    expect(page.get_by_role("button", name="Begin")).to_be_enabled(timeout=WAIT_MS)
    settled(page)
    press(page, "Enter")  # begin
    expect(page.locator(".skip-question")).to_be_visible(timeout=WAIT_MS)
    assert place(page) == ("1", "0")
    _vote_from_a_phone(page, server, new_page)
    for number, key in enumerate(QUICK, start=1):
        scene = discover.scenes()[key]
        expect(page.locator(".skip-place b")).to_have_text(scene.title)
        press(page, "Enter")  # run
        expect(page).to_have_url(re.compile(f"at={number}&phase=1(&|$)"))
        to_numbers(page)
        expect(page.locator(".skip-verdict")).to_have_count(len(scene.expects))
        expect(page.locator(".skip-choices [data-right]")).to_have_count(1)
        if number == 1:
            expect(page.get_by_text("of 1 predicted what this run shows")).to_be_visible()
        if number == 2:
            before, shown = page.url, page.locator(".skip-saw").inner_text()
            page.reload()
            settled(page)
            expect(page.locator(".skip-saw")).to_have_text(shown, timeout=WAIT_MS)
            assert page.url == before
        while place(page)[0] == str(number) and not _at_the_end(page):
            onward(page)
            if number == len(QUICK) and "sources" in page.locator(".skip-place small").inner_text():
                expect(page.get_by_text("Worksheet to print")).to_be_visible()
    _the_room_is_told_how_it_did(page)
    _votes_are_kept_without_names(server)


def _the_room_is_told_how_it_did(page: Page) -> None:
    said = page.locator(".skip-question").inner_text()
    assert re.fullmatch(r"[01] of 1 predictions were right", said)
    rows = page.locator(".skip-sum > div")
    expect(rows).to_have_count(len(QUICK))
    assert re.fullmatch(r"[01] of 1", rows.first.locator("em").inner_text())
    expect(page.locator(".skip-sum strong").nth(1)).to_contain_text("✓")


def _at_the_end(page: Page) -> bool:
    return page.get_by_role("button", name="Next").is_disabled()


def _vote_from_a_phone(page: Page, server: Server, new_page: Callable[..., Page]) -> None:
    """A second browser votes for the second choice; the projector shows it."""
    room = re.search(r"room=([\w-]+)", page.url)
    assert room
    phone = new_page(viewport={"width": 390, "height": 800})
    phone.goto(f"{server.url}/vote?room={room[1]}")
    settled(phone)
    scene = discover.scenes()[QUICK[0]]
    phone.get_by_role("button", name=scene.choices[0]).click()
    settled(phone)
    phone.reload()  # a phone that comes back has one vote, and may change it
    settled(phone)
    phone.get_by_role("button", name=scene.choices[1]).click()
    expect(page.locator(".skip-choices em").nth(1)).to_have_text("1", timeout=WAIT_MS)
    expect(page.locator(".skip-choices em").nth(0)).to_have_text("0")


def _votes_are_kept_without_names(server: Server) -> None:
    kept = [
        json.loads(path.read_text(encoding="utf-8")) for path in server.runs.glob("*/votes.json")
    ]
    assert len(kept) == 1
    assert set(kept[0]) == {"question", "choices", "counts", "shown"}
    assert sum(kept[0]["counts"]) == 1


def test_a_room_that_is_not_there_gets_one_sentence(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/vote?room=nonsense_room")
    expect(page.get_by_text("There is no such room")).to_be_visible(timeout=WAIT_MS)
    page.goto(f"{server.url}/lecture?scenes=nonsense&at=1")
    expect(page.get_by_text("There is no such scene")).to_be_visible(timeout=WAIT_MS)
