"""Everybody picks one, in a real browser: a slider and a number field, the wall's live scatter, and
each phone's own dot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from skipviz.core import registry
from tests.browser.serving import Server, serving
from tests.browser.test_accessible import SCHEMES, findings
from tests.browser.test_phones import code_of

SCENE = registry.scenes()["highway_depth"]
PHASE = 2 + len(SCENE.figures)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("runs")) as started:
        yield started


def phone(hall: Server, wall: Page, new_page: Callable[..., Page], **options: str) -> Page:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, **options)
    page.goto(f"{hall.url}/v/{code_of(wall)}")
    expect(page.locator("#status")).to_contain_text("Pick a number")
    return page


def sent(page: Page, number: str) -> None:
    """Types a number, sends it, and waits until the server has it."""
    page.get_by_role("spinbutton").fill(number)
    page.get_by_role("button", name="Send my number").click()
    expect(page.locator("#status")).to_contain_text("is in. You may change it")


def test_everybody_picks_one_the_wall_shows_all_and_each_phone_its_own(
    hall: Server, new_page: Callable[..., Page]
) -> None:
    wall = new_page()
    wall.goto(f"{hall.url}/lecture?scenes=highway_depth&seeds=1&at=1&phase={PHASE}")
    expect(wall.locator(".skip-address b")).to_be_visible()
    mine, other = (phone(hall, wall, new_page, color_scheme=scheme) for scheme in SCHEMES)
    mine.get_by_role("spinbutton").fill("7")
    mine.get_by_role("button", name="Send my number").click()
    expect(mine.get_by_role("alert")).to_have_text("The gate bias is to be a number from -10 to 4.")
    mine.get_by_role("slider").press("Home")
    expect(mine.get_by_role("spinbutton")).to_have_value("-10")
    sent(mine, "-9")
    expect(mine.get_by_role("slider")).to_have_attribute("aria-valuetext", "gate bias -9")
    sent(other, "3.6")
    expect(other.get_by_role("spinbutton")).to_have_value("3.5")
    for each in (mine, other):
        assert not findings(each)
    mine.reload()
    expect(mine.locator("#status")).to_contain_text("Your -9 is in")
    expect(wall.locator(".skip-answered b")).to_have_text("2")
    assert "-9" not in wall.locator(".stMain").inner_text()
    wall.locator(".st-key-player_pick_run button").click()
    expect(wall.get_by_text("2 picked 2 different numbers")).to_be_visible(timeout=120_000)
    expect(wall.locator(".js-plotly-plot .points path").first).to_be_visible()
    for each, number in ((mine, "-9"), (other, "3.5")):
        expect(each.locator("#status")).to_contain_text(re.compile(f"^Your {number}: Highway-20 "))
        expect(each.locator("#picture > svg > path")).to_have_count(4)
        expect(each.locator("#picture > svg > path.ring")).to_have_count(2)
        assert not findings(each)
    wall.locator(".st-key-player_pick_reset button").click()
    expect(wall.locator(".skip-answered b")).to_have_text("0")
    expect(mine.locator("#status")).to_contain_text("Pick a number")
