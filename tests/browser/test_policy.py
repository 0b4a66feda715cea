"""The content security policy keeps nothing of ours from happening, and all else: every page is
walked, and whatever a policy refuses stands in the browser's console (`uncaught`)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Response, expect

from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import Rooms, word
from tests.browser.serving import Server
from tests.browser.test_accessible import SLUGS
from tests.browser.test_app import open_page, settled, wait_for_step

NETS = "lane=resnet:backbone=dense,depth=8&lane=highway:backbone=dense,depth=4"
SCENE = sorted(registry.scenes())[0]


def _guarded(answers: list[Response]) -> None:
    """Every page and every answer of ours had its headers."""
    assert answers
    for answer in answers:
        headers = answer.headers
        assert headers.get("x-content-type-options") == "nosniff", answer.url
        assert "referrer-policy" in headers, answer.url
        policy = headers.get("content-security-policy", "")
        assert policy.startswith("default-src 'none'"), answer.url
        assert "frame-ancestors 'self'" in policy or "/lecturer" in answer.url, answer.url
        assert "'unsafe-eval'" not in policy and "*" not in policy, answer.url


def test_no_page_needs_what_the_policy_refuses(server: Server, page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    for slug in SLUGS:
        open_page(page, server, slug)
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
    _guarded([answer for answer in answers if answer.url.startswith(server.url)])


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
