"""The app on a machine without torch, torchvision and scikit-learn: all pages, recordings, lessons,
and one sentence where something would be trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from skipviz.core import packages
from skipviz.ui.shell import pages
from tests.browser.serving import ROOT, Server, serving
from tests.browser.test_app import settled, wait_for_step

SHIM = """
import sys

class Blocked:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked)
"""
"""Every Python that is started with this as its sitecustomize.py finds none of the three."""

SENTENCE = "raining needs torch and torchvision, which are not installed here"
HOW = "pip install -r requirements.txt"
TRAINS = ("plain_vs_residual", "gates", "routing", "highway_depth", "lab")


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python without them, and of its children."""
    shim = tmp_path_factory.mktemp("shim")
    (shim / "sitecustomize.py").write_text(SHIM, encoding="utf-8")
    known = os.environ.get("PYTHONPATH")
    cache = tmp_path_factory.mktemp("cache")
    path = os.pathsep.join([str(shim), *([known] if known else [])])
    return {"PYTHONPATH": path, "SKIPVIZ_CACHE": str(cache)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, blocked: dict[str, str]) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("runs"), **blocked) as started:
        yield started


def run(blocked: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m skipviz …` without them."""
    environment = os.environ | blocked | {"PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "skipviz", *words]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=ROOT, env=environment, timeout=120
    )


def open_page(page: Page, server: Server, path: str) -> None:
    page.goto(f"{server.url}/{path}")
    settled(page)
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)


def test_every_page_opens_and_says_once_why_nothing_trains(server: Server, page: Page) -> None:
    for each in pages():
        open_page(page, server, "" if each.slug == "home" else each.slug)
        if each.slug in TRAINS:
            said = page.get_by_test_id("stAlert").filter(has_text=SENTENCE)
            expect(said).to_have_count(1)
            expect(said).to_contain_text(HOW)
        if each.slug in TRAINS and each.slug != "highway_depth":
            expect(page.locator("[class*=_train] button").first).to_be_disabled()
        for name in ("Run ·", "Run again", "Measure the other"):
            for button in page.get_by_role("button", name=name).all():
                expect(button).to_be_disabled()
    assert not (server.runs / "server.log").read_text(encoding="utf-8").count("Traceback")


def test_home_plays_a_recording_and_the_lab_draws_every_net(server: Server, page: Page) -> None:
    open_page(page, server, "")
    wait_for_step(page, 10)
    expect(page.get_by_text("The picture: plain and residual nets of two depths")).to_be_visible()
    nets = "&".join(f"lane={family}" for family in ("plain", "resnet", "highway", "densenet"))
    open_page(page, server, f"lab?{nets}")
    expect(page.locator("[data-testid=stGraphVizChart] svg")).to_have_count(4)


def test_an_architecture_is_drawn_and_the_digits_are_shown(server: Server, page: Page) -> None:
    open_page(page, server, "architecture")
    expect(page.locator("svg g.node").first).to_be_visible()
    open_page(page, server, "data?set=digits")
    expect(page.locator(".skip-sheet .skip-class")).to_have_count(10)
    open_page(page, server, "data?set=mnist")
    expect(
        page.get_by_test_id("stAlert").filter(has_text="reading MNIST needs torch")
    ).to_be_visible()
    expect(page.get_by_role("button", name="Download")).to_have_count(0)


def test_a_lesson_shows_its_recordings_and_a_lecture_replays_one(
    server: Server, page: Page
) -> None:
    open_page(page, server, "why_depth")
    expect(page.locator(".skip-recorded").first).to_contain_text("Not of this machine")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.goto(f"{server.url}/lecture?scenes=degradation&at=1&phase=0")
    settled(page)
    expect(page.locator(".st-key-player_run button").first).to_be_disabled()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_test_id("stAlert").filter(has_text=SENTENCE)).to_contain_text("Replay")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".skip-recorded")).to_contain_text("Nothing is trained here now")
    wait_for_step(page, 100)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "convergence"),
        ("scene", "convergence"),
        ("scene", "--all"),
        ("record", "convergence"),
        ("bench", "engine"),
        ("data", "get", "mnist"),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_torch_is_one_sentence_and_status_2(
    words: tuple[str, ...], blocked: dict[str, str]
) -> None:
    done = run(blocked, *words)
    assert done.returncode == 2 and not done.stdout
    assert "needs torch and torchvision" in done.stderr and HOW in done.stderr
    assert done.stderr.count("\n") == 1


def test_commands_that_need_no_torch_work_and_the_doctor_says_what_is_missing(
    blocked: dict[str, str], tmp_path: Path
) -> None:
    for words in (("describe", "resnet"), ("scene", "convergence", "--recorded"), ("runs",)):
        done = run(blocked, *words)
        assert "Traceback" not in done.stderr and done.stdout, done.stderr
    assert run(blocked, "data", "prepare", "digits").returncode == 0
    done = run(blocked, "doctor", "--json")
    findings = {each["what"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1 and HOW in findings["Torch pair"]["text"]
    assert [what for what, each in findings.items() if not each["good"]] == ["Torch pair"]
    assert "digits: 1797 samples" in findings["Data"]["text"] or "digits: " in str(findings["Data"])


def test_with_torch_nothing_is_missing() -> None:
    assert packages.missing() == () and packages.untrainable() == ""
