"""A scene's recording in a real browser: replayed by keyboard, labelled, and left as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from skipviz import discover
from skipviz.runs.store import Store
from skipviz.runs.worker.recorder import record
from tests.browser.serving import Server, serving
from tests.browser.test_app import WAIT_MS, settled
from tests.browser.test_lecture import onward, place, press, to_numbers

KEY = "class_routing"
SCENE = discover.scenes()[KEY]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one recording, of one seed."""
    folder = tmp_path_factory.mktemp("recordings")
    record(KEY, seeds=1, store=Store(folder, folder))
    return folder


@pytest.fixture(scope="module")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    runs = tmp_path_factory.mktemp("runs")
    with serving(runs, SKIPVIZ_RECORDINGS=str(assets)) as started:
        yield started


def test_a_recording_is_replayed_by_keyboard_and_labelled_on_every_page(
    server: Server, page: Page, assets: Path
) -> None:
    before = {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()}
    page.goto(f"{server.url}/lecture?scenes={KEY}&at=1&phase=0")
    expect(page.locator(".skip-question")).to_be_visible(timeout=WAIT_MS)
    settled(page)
    press(page, "p")
    label = page.locator(".skip-recorded")
    expect(label).to_contain_text("recorded on ", timeout=WAIT_MS)
    expect(label).to_contain_text(re.compile(r"torch .*; 1 seed\. Nothing is trained here now"))
    assert place(page) == ("1", "1")
    expect(page.locator(".sv-chip")).to_contain_text("replay", timeout=WAIT_MS)
    expect(page.locator(".sv-chip")).to_contain_text("finished", timeout=WAIT_MS)
    to_numbers(page)
    expect(page.locator(".skip-verdict")).to_have_count(len(SCENE.expects))
    expect(page.locator(".skip-verdict b").first).to_contain_text("recorded: ")
    page.reload()
    expect(label).to_be_visible(timeout=WAIT_MS)
    settled(page)
    while not page.get_by_role("button", name="Next").is_disabled():
        onward(page)
        expect(label).to_be_visible()
    assert {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()} == before
    assert not list(server.runs.glob("*/frames.arrow"))  # nothing was trained


def test_reset_leaves_the_recording_there_to_be_replayed_again(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/lecture?scenes={KEY}&at=1&phase=0")
    expect(page.get_by_role("button", name="Replay")).to_be_visible(timeout=WAIT_MS)
    settled(page)
    for _ in range(2):
        press(page, "p")
        expect(page.locator(".skip-recorded")).to_be_visible(timeout=WAIT_MS)
        press(page, "x")
        expect(page.locator(".skip-question")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator(".skip-recorded")).to_have_count(0)


def test_a_scene_without_a_recording_offers_none(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{server.url}/lecture?scenes=lesion&at=1&phase=0")
    expect(page.get_by_role("button", name="Reset")).to_be_visible(timeout=WAIT_MS)
    assert page.get_by_role("button", name="Replay").count() == 0


def test_a_recorded_run_opens_in_the_lab_like_any_other(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/lab?run=recorded.{KEY}.main")
    expect(page.locator(".sv-chip")).to_contain_text("finished", timeout=WAIT_MS)
    expect(page.locator(".sv-facts")).to_contain_text(re.compile(r"recorded \d{4}-\d\d-\d\d"))
