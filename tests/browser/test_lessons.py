"""The lesson pages in a real browser: every page opens, a run is shared and found again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from skipviz.core import registry
from skipviz.ui.shell import pages
from tests.browser.serving import Server, serving
from tests.browser.test_app import settled
from tests.test_lessons import LESSONS, embedded

PAGES = {found.path.name: found for found in pages() if found.chapter == "learn"}
SCENES = registry.scenes()
QUICK, FILE = min(
    ((key, path.name) for path in LESSONS for key, _ in embedded(path)),
    key=lambda found: SCENES[found[0]].seconds,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    nothing = str(tmp_path_factory.mktemp("recordings"))
    with serving(
        tmp_path_factory.mktemp("runs"), SKIPVIZ_RECORDINGS=nothing, SKIPVIZ_FUSED="0"
    ) as started:
        yield started


def open_lesson(page: Page, server: Server, file: str) -> None:
    page.goto(f"{server.url}/{PAGES[file].slug}")
    settled(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[file].title)


def no_trouble(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)


def card(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-scene_{key}")


def test_every_lesson_opens_and_says_what_to_press(server: Server, page: Page) -> None:
    for path in LESSONS:
        open_lesson(page, server, path.name)
        for key, _ in embedded(path):
            expect(card(page, key)).to_contain_text(SCENES[key].question)
            expect(card(page, key)).to_contain_text("Not trained on this machine yet")
            expect(card(page, key).get_by_role("button", name="Run")).to_be_enabled()
        no_trouble(page)
        number = list(PAGES).index(path.name)
        expect(page.get_by_text(f"Lesson {number + 1} of {len(PAGES)}")).to_be_visible()


def press_run(page: Page, key: str) -> None:
    card(page, key).get_by_role("button", name="Run").focus()
    page.keyboard.press("Enter")


def shows_what_it_trained(page: Page, key: str) -> None:
    shown = card(page, key)
    expect(shown.locator(".skip-verdict")).to_have_count(len(SCENES[key].expects))
    expect(shown).to_contain_text("Trained on this machine")
    expect(shown.get_by_role("button", name="Run again")).to_be_enabled()
    no_trouble(page)


def test_viewers_who_press_run_share_it_and_later_ones_find_it(
    server: Server, new_page: Callable[..., Page]
) -> None:
    first, second, late = new_page(), new_page(), new_page()
    for page in (first, second, late):
        open_lesson(page, server, FILE)
    for page in (first, second):
        press_run(page, QUICK)
    for page in (first, second):  # its curves, or already what came of them
        shown = card(page, QUICK)
        expect(shown.locator(".sv-live, .skip-verdict").first).to_be_visible()
    for page in (first, second):
        shows_what_it_trained(page, QUICK)
    press_run(late, QUICK)  # its page still says Run, and nothing of the runs that are over
    shows_what_it_trained(late, QUICK)
    assert len(list(server.runs.glob("*/experiment.json"))) == len(SCENES[QUICK].runs)

    later = new_page()
    open_lesson(later, server, FILE)
    shows_what_it_trained(later, QUICK)
    shown = card(first, QUICK).locator(".skip-told").inner_text()
    expect(card(later, QUICK).locator(".skip-told")).to_have_text(shown)
    _stands_among_the_sentences(server, later)


def _stands_among_the_sentences(server: Server, page: Page) -> None:
    """What was measured stands beside its sentence; the others can be measured."""
    open_lesson(page, server, "08_what_we_got_wrong.py")
    row = page.locator(f".st-key-wrong_{QUICK}")
    met = row.locator(".skip-verdict").first
    expect(met).to_contain_text(f"of {len(SCENES[QUICK].expects)} expectations behind")
    expect(page.get_by_text(f"1 of {len(SCENES)} sentences are measured")).to_be_visible()
    empty = page.get_by_text("Not measured on this machine yet")
    expect(empty).to_have_count(len(SCENES) - 1)
    page.get_by_role("button", name="Measure the other").click()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    page.get_by_role("button", name="Stop after this one").click()
    more = re.compile(f"[23] of {len(SCENES)} sentences are measured")
    expect(page.get_by_text(more)).to_be_visible()  # the row follows what trains to its end
    expect(page.get_by_text("Training now")).to_have_count(0)
    no_trouble(page)


def test_a_recording_is_shown_as_such_until_somebody_trains(recorded: Server, page: Page) -> None:
    open_lesson(page, recorded, FILE)
    shown = card(page, QUICK)
    origin = shown.locator(".skip-recorded")
    expect(origin).to_contain_text("Not of this machine: recorded on")
    expect(origin).to_contain_text(re.compile(r"\d seeds?\."))
    verdicts = shown.locator(".skip-verdict")
    expect(verdicts).to_have_count(len(SCENES[QUICK].expects))
    expect(verdicts.locator("b").first).to_contain_text("recorded: ")
    shown.get_by_role("button", name="Run").click()
    expect(shown).to_contain_text("Trained on this machine")
    expect(origin).to_have_count(0)
    expect(verdicts.locator("b").first).to_contain_text("here")
    no_trouble(page)
