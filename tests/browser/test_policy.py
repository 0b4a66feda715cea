"""The content security policy keeps nothing of ours from happening, and all else: whatever a policy
refuses stands in the browser's console, and fails any test of this folder (`uncaught`)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Response, expect

from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import Rooms, word
from tests.browser.conftest import assert_guarded
from tests.browser.serving import Server
from tests.browser.test_app import open_page, settled, wait_for_step

NETS = "lane=resnet:backbone=dense,depth=8&lane=highway:backbone=dense,depth=4"
SCENE = sorted(registry.scenes())[0]


def test_pages_of_ours_have_their_headers_too(
    server: Server, page: Page, answers: list[Response]
) -> None:
    """Every other page: `test_accessible`."""
    open_page(page, server, f"lab?{NETS}&steps=1000000&lr=0.01")
    page.get_by_role("button", name="Train").first.click()
    wait_for_step(page, 2)
    page.get_by_role("button", name="Stop").first.click()
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")
    open_page(page, server, f"lecture?scenes={SCENE}&at=1&phase=0")
    expect(page.locator(".skip-question")).to_be_visible()
    room = Rooms(server.runs).room(word())
    room.show(SCENE, Phase.VOTE)
    for path in (f"v/{room.code}", "v", "lecturer", "healthz"):
        page.goto(f"{server.url}/{path}")
    assert_guarded([answer for answer in answers if answer.url.startswith(server.url)])


INLINE = "<script>window.isBroken = true</script><img src=x onerror='window.isBroken = true'>"
ELSEWHERE = "() => fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')"


@pytest.mark.parametrize("path", ["", "v", "lecturer"])
def test_what_is_smuggled_into_a_page_does_not_run(
    path: str, server: Server, page: Page, uncaught: list[str]
) -> None:
    page.goto(f"{server.url}/{path}")
    if not path:
        settled(page)
    page.evaluate(
        "html => document.body.append("
        "document.createRange().createContextualFragment(html))", INLINE
    )  # fmt: skip
    assert page.evaluate(ELSEWHERE) == "refused"
    assert not page.evaluate("() => window.isBroken")
    refused = [text for text in uncaught if re.search("inline (script|event)", text)]
    assert refused and any("127.0.0.2" in text for text in uncaught)
    uncaught.clear()


def test_another_site_may_not_frame_the_app(
    server: Server, page: Page, uncaught: list[str]
) -> None:
    for path in ("", "v", "lecturer"):
        page.set_content(f"<iframe src='{server.url}/{path}'></iframe>")
        frame = page.frames[-1]
        frame.wait_for_load_state()
        assert frame.url.startswith("chrome-error://"), path
    uncaught.clear()
