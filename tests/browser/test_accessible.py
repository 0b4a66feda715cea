"""Every page in both themes by axe-core: nothing serious (WCAG 2.2 A and AA). And its headers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response, expect

from skipviz.ui.shell import pages
from tests.browser.conftest import assert_guarded
from tests.browser.serving import Server, stored_runs
from tests.browser.test_app import open_page, settled, wait_for_step

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SLUGS = ["" if number == 0 else page.slug for number, page in enumerate(pages())]
SCHEMES: tuple[Any, ...] = ("light", "dark")
NETS = "lane=plain:backbone=dense,depth=4&lane=densenet:backbone=dense,depth=4"


def findings(page: Page, **options: Any) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands; `options` are axe's."""
    return [
        f"{rule['id']}: {node['html'][:160]}: {node['failureSummary'][:200]}"
        for rule in Axe().run(page, options={"runOnly": RULES, **options}).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def in_turns(slugs: Sequence[str]) -> Iterator[Any]:
    """Every page in both themes, in `make test` in one of them: light and dark in turns."""
    for number, slug in enumerate(slugs):
        for which, scheme in enumerate(SCHEMES):
            marks = [] if which == number % len(SCHEMES) else [pytest.mark.long]
            yield pytest.param(slug, scheme, marks=marks, id=f"{slug or 'home'}-{scheme}")


@pytest.mark.parametrize(("slug", "scheme"), list(in_turns(SLUGS)))
def test_axe_finds_nothing_serious_on_a_page_and_it_has_its_headers(
    slug: str, scheme: Any, server: Server, page: Page, answers: list[Response]
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, server, slug)
    assert findings(page) == []
    assert_guarded([answer for answer in answers if answer.url.startswith(server.url)])


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_axe_finds_nothing_serious_while_nets_train_and_when_they_have(
    scheme: Any, server: Server, page: Page
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, server, f"lab?{NETS}&steps=1000000&lr=0.01")
    page.get_by_role("button", name="Train").first.click()
    wait_for_step(page, 2)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".sv-chip")).to_contain_text("paused at step")
    assert findings(page) == []
    page.get_by_role("button", name="Stop").first.click()
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")
    assert findings(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_where_runs_are_listed_compared_and_have_maps(
    scheme: Any, server: Server, page: Page
) -> None:
    page.emulate_media(color_scheme=scheme)
    runs = stored_runs(server, "maps", "diverged")
    open_page(page, server, "history")
    expect(page.locator(".skip-run").nth(1)).to_be_visible()
    assert findings(page) == []
    open_page(page, server, f"compare?runs={runs}")
    expect(page.get_by_test_id("stPlotlyChart").locator(".main-svg").first).to_be_visible()
    assert findings(page) == []
    open_page(page, server, f"gates?run={runs.partition(',')[0]}")
    expect(page.locator("[data-map=gate] canvas").first).to_be_visible()
    assert findings(page) == []


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_axe_finds_nothing_serious_on_a_question_and_on_its_answer(
    scheme: Any, recorded: Server, page: Page
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, recorded, "lecture?scenes=shortcut_options&at=1&phase=0")
    expect(page.locator(".skip-question")).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("p")  # the recorded run
    expect(page.locator(".skip-recorded")).to_be_visible()
    settled(page)
    assert findings(page) == []
