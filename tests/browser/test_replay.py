"""A scene's recording in a real browser: replayed by keyboard, labelled, and left as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from skipviz.core import registry
from tests.browser.serving import ROOT, Server
from tests.browser.test_app import settled
from tests.browser.test_lecture import is_at, onward, press, titles_of

RECORDINGS = ROOT / "assets/recordings"
KEY = "class_routing"
SCENE = registry.scenes()[KEY]


TITLES = titles_of(KEY)


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in RECORDINGS.rglob("*") if path.is_file()}


def test_a_recording_is_replayed_by_keyboard_and_labelled_on_every_page(
    recorded: Server, page: Page
) -> None:
    before, runs = files(), set(recorded.runs.glob("*/frames.arrow"))
    page.goto(f"{recorded.url}/lecture?scenes={KEY}&at=1&phase=0")
    expect(page.locator(".skip-question")).to_be_visible()
    settled(page)
    press(page, "p")
    label = page.locator(".skip-recorded")
    expect(label).to_contain_text("recorded on ")
    expect(label).to_contain_text(re.compile(r"torch .*; \d seeds?\. Nothing is trained here now"))
    is_at(page, 1, 1, TITLES[1])
    expect(page.locator(".sv-chip")).to_contain_text("replay")
    expect(page.locator(".sv-chip")).to_contain_text("finished")
    onward(page, "in numbers", TITLES)
    expect(page.locator(".skip-verdict")).to_have_count(len(SCENE.expects))
    expect(page.locator(".skip-verdict b").first).to_contain_text("recorded: ")
    page.reload()
    expect(label).to_be_visible()
    settled(page)
    for title in ("caveat", "sources"):
        onward(page, title, TITLES)
        expect(label).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    assert files() == before
    assert set(recorded.runs.glob("*/frames.arrow")) == runs  # nothing was trained


def test_reset_leaves_the_recording_there_to_be_replayed_again(
    recorded: Server, page: Page
) -> None:
    page.goto(f"{recorded.url}/lecture?scenes={KEY}&at=1&phase=0")
    expect(page.get_by_role("button", name="Replay")).to_be_visible()
    settled(page)
    for _ in range(2):
        press(page, "p")
        expect(page.locator(".skip-recorded")).to_be_visible()
        press(page, "x")
        expect(page.locator(".skip-question")).to_be_visible()
        expect(page.locator(".skip-recorded")).to_have_count(0)


def test_a_scene_without_a_recording_offers_none(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{server.url}/lecture?scenes=lesion&at=1&phase=0")
    settled(page)
    expect(page.get_by_role("button", name="Reset")).to_be_visible()
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)


def test_a_recorded_run_opens_in_the_lab_like_any_other(recorded: Server, page: Page) -> None:
    page.goto(f"{recorded.url}/lab?run=recorded.{KEY}.main")
    expect(page.locator(".sv-chip")).to_contain_text("finished")
    expect(page.locator(".sv-facts")).to_contain_text(re.compile(r"recorded \d{4}-\d\d-\d\d"))
