"""Runs are compared, and pages stand in other sites' frames, in a real browser."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Server, serving
from tests.browser.test_app import settled

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
IDS = {name: f"{name:_<22}" for name in ("fingerprint", "maps", "diverged")}


@contextmanager
def another_site() -> Iterator[str]:
    """A site of another origin on this machine, whose only page frames what its query says."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = self.path.partition("?")[2]
            body = f'<iframe src="{address}" width="1200" height="700"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_address[1]}"
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="module")
def named() -> Iterator[str]:
    with another_site() as origin:
        yield origin


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, named: str) -> Iterator[Server]:
    """A server with three runs, which one other site may frame."""
    folder = tmp_path_factory.mktemp("runs")
    for age, (name, run_id) in enumerate(IDS.items()):
        shutil.copytree(RUNS / name, folder / run_id)
        os.utime(folder / run_id, (1.7e9 - age, 1.7e9 - age))
    with serving(folder, SKIPVIZ_EMBED_FROM=named) as server:
        yield server


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Makes pages whose policy may be violated: that is what is tested."""
    contexts = []

    def make() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}))
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


def test_runs_that_are_ticked_in_the_history_are_laid_over_each_other_and_subtracted(
    new_page: Callable[..., Page], compared: Server
) -> None:
    page = new_page()
    page.goto(f"{compared.url}/history")
    ticks = page.get_by_role("checkbox", name="Compare")
    expect(ticks).to_have_count(3)
    for number in range(3):
        page.locator('[class*="st-key-history_tick_"] label').nth(number).click()
        expect(page.get_by_role("button", name=f"Compare {number + 1} run")).to_be_visible()
    page.get_by_role("button", name="Compare 3 runs").click()
    page.wait_for_url("**/compare?runs=*")
    legend = page.locator(".js-plotly-plot .legendtext")
    expect(legend).to_have_count(4)
    expect(legend.last).to_contain_text("diverged")
    expect(page.get_by_text("They leave the chart at its top: 3 · ResNet-20")).to_be_visible()
    expect(page.locator(".skip-differs th", has_text="lr")).to_be_visible()
    expect(page.locator(".skip-knobs thead th", has_text="· Highway-4, Plain-4")).to_have_count(1)
    expect(page.locator(".skip-differs th", has_text="momentum")).to_have_count(0)
    page.get_by_role("radio", name="Difference").click()
    expect(legend).to_have_count(3)
    page.get_by_role("radio", name="Signal gradient").click()
    page.wait_for_url("**show=signal_gradient_norm*")
    page.reload()
    expect(page.get_by_text("decades above").first).to_be_visible()
    assert "how=difference" in page.url


def test_runs_that_cannot_be_compared_are_named_in_a_sentence(
    new_page: Callable[..., Page], compared: Server
) -> None:
    page = new_page()
    page.goto(f"{compared.url}/compare?runs={IDS['maps']},{'x' * 22}")
    expect(page.get_by_text("there is no such run on this machine")).to_be_visible()
    page.goto(f"{compared.url}/compare?runs={IDS['maps']}")
    expect(page.get_by_text("Choose two to six runs above")).to_be_visible()


def test_a_site_that_is_named_frames_a_page_which_is_a_guest_s_at_this_machine_too(
    plain_page: Callable[[], Page], compared: Server, named: str
) -> None:
    page = plain_page()
    page.goto(f"{compared.url}/lab")
    expect(page.get_by_role("button", name="Train")).to_be_visible()  # this is the lecturer
    page.goto(f"{named}/?{compared.url}/lab?embed=true&run=recorded.lesion.main")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Lab")).to_be_visible()
    expect(frame.locator(".sv-live .js-plotly-plot").first).to_be_visible()
    expect(frame.get_by_role("button", name="Train", exact=True)).to_have_count(0)
    assert "/embedded/lab?" in page.frames[1].url
    reached = page.frames[1].evaluate(
        "async () => { try { await fetch('/healthz'); return true; } catch { return false; } }"
    )
    assert not reached, "a page in a frame speaks to the path of guests alone"


def test_a_site_that_is_not_named_frames_nothing(
    plain_page: Callable[[], Page], compared: Server, named: str
) -> None:
    with another_site() as stranger:
        for site, way in ((stranger, "lab?embed=true"), (named, "lab")):
            page = plain_page()
            with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
                page.goto(f"{site}/?{compared.url}/{way}")
            expect(page.frame_locator("iframe").get_by_role("heading", name="Lab")).to_have_count(0)


def test_a_figure_that_the_server_drew_leaves_as_a_picture(
    new_page: Callable[..., Page], compared: Server, tmp_path: Path
) -> None:
    page = new_page()
    page.goto(f"{compared.url}/compare?runs={','.join(IDS.values())}")
    settled(page)
    title = "Runs laid over each other"
    shown = page.get_by_role("figure", name=title)
    for kind in ("PNG", "SVG"):
        with page.expect_download() as leaving:
            page.get_by_role("button", name=f"{kind} of {title}", exact=True).click()
        assert leaving.value.suggested_filename == (
            f"skipviz-runs-laid-over-each-other.{kind.lower()}"
        )
        leaving.value.save_as(tmp_path / kind)
    with Image.open(tmp_path / "PNG") as picture:
        assert picture.format == "PNG" and picture.width == 1920
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 50, "it is not empty"
    drawn = ElementTree.parse(tmp_path / "SVG").getroot()
    words = " ".join(drawn.itertext())
    assert title in words and "1 · ResNet-4" in words
    expect(shown.get_by_text(title)).to_have_count(0)  # the figure of the page is as it was
    page.get_by_role("radio", name="Final loss").click()
    for kind in ("PNG", "SVG"):  # a figure that comes later has them, too
        button = page.get_by_role("button", name=f"{kind} of Final loss of every seed", exact=True)
        expect(button).to_have_count(1)
