"""Routing and lesions in a real browser: train, see the classes apart, take layers out."""

from __future__ import annotations

import pytest
import torch
from playwright.sync_api import Page, expect

from skipviz.core.experiment import Experiment, Lane
from skipviz.engine.training import Training
from skipviz.store.store import Store, write_json
from tests.browser.serving import Server
from tests.browser.test_app import pause, settled


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    """A short stored run: a highway and a plain lane, two seeds."""
    dense = {"backbone": "dense", "depth": 6}
    lanes = [
        Lane(family="highway", knobs=dense | {"gate_bias": -1.0}),
        Lane(family="plain", knobs=dense | {"activation": "tanh", "init": "orthogonal"}),
    ]
    experiment = Experiment(lanes=lanes, steps=60, seeds=2, lr=0.1, device="cpu")
    training = Training(experiment)
    for _ in training.frames():
        pass
    store = Store(server.runs)
    made = store.new_id()
    folder = store.create(made, experiment)
    torch.save(training.state(), folder / "checkpoint.pt")
    write_json(folder / "status.json", {"state": "finished", "step": 60, "steps": 60})
    return made


def test_classes_are_drawn_beside_shuffled_labels_and_two_are_compared(
    page: Page, server: Server, run_id: str
) -> None:
    page.goto(f"{server.url}/routing?run={run_id}")
    settled(page)
    page.get_by_text("Class routing", exact=True).click()
    titles = page.locator(".js-plotly-plot .infolayer .annotation-text")
    expect(titles).to_have_count(11)
    expect(titles.last).to_have_text("shuffled labels")
    expect(page.get_by_text("True classes differ")).to_be_visible()
    pair = page.get_by_role("toolbar", name="Compare two classes")
    pair.get_by_text("0", exact=True).click()
    settled(page)
    pair.get_by_text("7", exact=True).click()
    expect(titles.nth(2)).to_have_text("0 minus 7")
    expect(titles).to_have_count(4)
    page.get_by_role("radio", name="1", exact=True).click()
    settled(page)
    assert {"view=routing", "classes=0%2C7", "seed_shown=1"} <= {*page.url.split("&")}
    page.reload()
    expect(titles.nth(2)).to_have_text("0 minus 7")
    expect(page.get_by_role("radio", name="1", exact=True)).to_be_checked()


def test_a_layer_that_is_clicked_is_taken_out_of_every_lane(
    page: Page, server: Server, run_id: str
) -> None:
    page.goto(f"{server.url}/routing?run={run_id}")
    settled(page)
    points = page.locator(".js-plotly-plot .points path")
    expect(points.first).to_be_visible()
    rows = page.locator(".skip-facts tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1).locator("td").last).to_have_text("–")
    points.nth(1).click(force=True)
    expect(page.get_by_test_id("stMultiSelect").get_by_text("3", exact=True)).to_be_visible()
    for lane in (1, 2):
        expect(rows.nth(lane).locator("td").last).to_contain_text("%")
    boxes = page.locator(".js-plotly-plot .subplot.x4y4 .points path")  # the plain net, drawn
    expect(boxes).to_have_count(5)
    settled(page)
    boxes.nth(3).click(force=True)
    chosen = page.get_by_test_id("stMultiSelect")
    expect(chosen.get_by_text("5", exact=True)).to_be_visible()
    settled(page)
    pause(page, 400)  # Plotly takes two clicks within 300 ms for a double click
    boxes.nth(1).click(force=True)
    expect(chosen.get_by_text("3", exact=True)).to_have_count(0)
    settled(page)
    page.reload()
    expect(chosen.get_by_text("5", exact=True)).to_be_visible()
    expect(chosen.get_by_text("3", exact=True)).to_have_count(0)


def test_a_page_without_a_run_says_what_to_press(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/routing")
    expect(page.get_by_text("the measurements follow as soon as the run has ended")).to_be_visible()
