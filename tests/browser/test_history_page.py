"""The history in a browser: a run is opened, pinned, named, deleted, had back, taken away."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Server, serving
from tests.browser.test_app import settled

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
IDS = {name: f"{name:_<22}" for name in ("fingerprint", "steered", "diverged")}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with three runs, the diverged one the newest."""
    folder = tmp_path_factory.mktemp("runs")
    for age, (name, run_id) in enumerate(reversed(IDS.items())):
        shutil.copytree(RUNS / name, folder / run_id)
        os.utime(folder / run_id, (1.7e9 - age, 1.7e9 - age))
    with serving(folder) as server:
        yield server


def test_a_run_is_found_named_pinned_deleted_had_back_taken_away_and_opened(
    page: Page, history: Server, tmp_path: Path
) -> None:
    page.goto(f"{history.url}/history")
    settled(page)
    rows = page.locator(".skip-run")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("diverged")
    pictures = page.locator('img[alt^="Loss curves of"]')
    expect(pictures).to_have_count(3)
    expect(pictures.first).to_have_js_property("complete", True)
    assert pictures.first.evaluate("image => image.naturalWidth") > 0

    # named, then found by its name, then pinned: it stands first
    more = page.get_by_role("button", name="More of")
    expect(more).to_have_count(3)  # the last row is the oldest once all are there
    more.last.click()
    page.get_by_label("Name").fill("Monday's lecture")
    page.get_by_role("button", name="Save").click()
    see = page.get_by_role("link", name="Monday's lecture", exact=True)
    expect(see).to_be_visible()
    with page.expect_download() as leaving:
        page.get_by_role("link", name="Run as zip").click()
    leaving.value.save_as(tmp_path / "run.zip")
    assert "frames.arrow" in zipfile.ZipFile(tmp_path / "run.zip").namelist()
    page.get_by_label("Search").fill("monday")
    page.get_by_label("Search").press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Pin Monday's lecture").click()
    expect(page.get_by_role("button", name="Unpin Monday's lecture")).to_be_visible()
    assert "search=monday" in page.url

    # deleted and had back
    page.get_by_role("button", name="Delete this run").click()
    expect(page.get_by_text("No run is like this")).to_be_visible()
    left = history.runs / IDS["fingerprint"]
    assert not left.exists(), sorted(path.name for path in left.iterdir())
    page.get_by_role("button", name="Undo").click()
    expect(see).to_be_visible()
    assert (history.runs / IDS["fingerprint"] / "marks.json").is_file()

    # taken in again, and opened
    page.get_by_text("Take in a run").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "run.zip")
    expect(page.get_by_text("Taken in: run.zip")).to_be_visible()
    expect(see).to_have_count(2)  # a name travels with its run
    page.locator(f".st-key-history_run_{IDS['fingerprint']} a").first.click()
    expect(page.locator(".sv-live[data-step]").first).to_be_visible()
    assert f"run={IDS['fingerprint']}" in page.url


WAS_REPLAYED = """new MutationObserver(() => {
    window.wasReplayed ||= document.querySelector('.sv-chip')?.dataset.words === 'replay';
}).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-words'] });"""


def test_any_stored_run_is_replayed_from_its_row(page: Page, history: Server) -> None:
    page.add_init_script(WAS_REPLAYED)
    page.goto(f"{history.url}/history?search=diverged")
    settled(page)
    page.get_by_role("button", name="Replay").first.click()
    page.wait_for_url("**/lab?*run=*")  # soon the experiment stands before the run
    page.wait_for_function("() => window.wasReplayed")
    expect(page.locator(".sv-graph [data-cell]").first).to_be_visible()
