"""The course site in a real browser: from files, without a network, predicted, replayed, read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from skipviz.core import registry
from skipviz.offline.site import Wanted, make
from skipviz.store.store import Store
from tests.browser.offline_page import (
    assert_nothing_is_uploaded,
    opened,
    overflow,
    replay_by_keyboard,
)
from tests.browser.test_accessible import findings, in_turns

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
SCENE = registry.scenes()["class_routing"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site in a folder whose name needs escaping."""
    home = tmp_path_factory.mktemp("site")
    store = Store(home / "runs")
    own = store.new_id()
    shutil.copytree(RUNS / "maps", store.folder(own))
    (home / "Course page #1").mkdir()
    wanted = Wanted(scenes=("class_routing",), lessons=("dense", "what_we_got_wrong"), runs=(own,))
    return make(wanted, store, home / "Course page #1" / "course").folder


def seen(page: Page) -> None:
    """Every figure of the page is drawn when it comes into sight."""
    for place in page.locator("[data-still]:visible, [data-mount]:visible").all():
        place.scroll_into_view_if_needed()
        expect(place.locator(".main-svg, canvas").first).to_be_visible()


def test_a_scene_is_predicted_first_then_replayed_and_the_prediction_stays_here(
    browser: Browser, site: Path
) -> None:
    with opened(browser, site / "index.html") as page:
        page.get_by_role("link", name=SCENE.title).click()
        expect(page.locator("#findings")).to_be_hidden()
        page.get_by_role("button", name="Predict", exact=True).click()
        expect(page.locator("output").first).to_contain_text("Choose one first")
        page.get_by_role("radio").first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.locator("#findings")).to_be_visible()
        expect(page.locator("form output")).to_contain_text("ou predicted")
        replay_by_keyboard(page)
        seen(page)
        assert_nothing_is_uploaded(page)
        expect(page.locator(".skip-verdict")).to_have_count(len(SCENE.expects))
        page.reload()
        expect(page.locator("#findings")).to_be_visible()
        page.get_by_role("button", name="Predict again").click()
        expect(page.locator("#findings")).to_be_hidden()


@pytest.mark.parametrize("name", ["lessons/dense", "lessons/what_we_got_wrong", "runs/*"])
def test_lessons_and_runs_show_all_that_is_in_them(name: str, browser: Browser, site: Path) -> None:
    (path,) = site.glob(f"{name}.html")
    with opened(browser, path) as page:
        for button in page.get_by_role("button", name="Look without predicting").all():
            button.click()
        seen(page)
        expect(
            page.locator("math").first if name == "lessons/dense" else page.locator("h1")
        ).to_be_visible()


PAGES = ["index", "scenes/class_routing", "lessons/dense", "worksheets/class_routing", "runs/*"]


@pytest.mark.parametrize(("name", "scheme"), list(in_turns(PAGES)))
def test_axe_finds_nothing_serious_and_a_phone_needs_no_sideways_scrolling(
    name: str, scheme: Any, browser: Browser, site: Path
) -> None:
    (path,) = site.glob(f"{name}.html")
    phone = {"width": 360, "height": 740}
    with opened(browser, path, viewport=phone, color_scheme=scheme) as page:
        look = page.get_by_role("button", name="Look without predicting")
        if look.count():
            look.first.click()
        if page.locator("[data-mount], [data-still]").count():
            expect(page.locator(".main-svg").first).to_be_visible()
        assert findings(page, preload=False) == []  # style files are fetched by no page of file://
        assert overflow(page) <= 0
