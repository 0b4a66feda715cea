"""The keys of the buttons: early ones are kept, held ones act once, fields and Esc go first."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from skipviz.core import registry
from tests.browser.serving import Server
from tests.browser.test_app import open_page, settled

SCENES = ("class_routing", "lesion")  # the first ends with its sources; the second can be run
LAST = 7  # the phase of a scene's sources: a question, four figures, numbers, caveat, sources
ENDLESS = "lab?lane=plain:backbone=dense,depth=3&steps=1000000&lr=0.001"


class Stream:
    """What the server sends to one page, which a test can keep back."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.is_held = False
        self.waiting: list[str | bytes] = []
        page.route_web_socket(re.compile("/_stcore/stream"), self._opened)

    def _opened(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.connect_to_server().on_message(self._came)

    def _came(self, message: str | bytes) -> None:
        if self.is_held:
            self.waiting.append(message)
        else:
            self.socket.send(message)

    def hold(self) -> None:
        self.is_held = True

    def release(self) -> None:
        """Hands on all that was kept back, and from now on what comes."""
        self.is_held = False
        while self.waiting:
            self.socket.send(self.waiting.pop(0))

    def one_by_one_until(self, reached: Callable[[], bool]) -> None:
        """Hands on one message after the other until the page is so far."""
        for _ in range(10_000):
            if reached():
                return
            if self.waiting:
                self.socket.send(self.waiting.pop(0))
            self.page.evaluate("() => new Promise((done) => setTimeout(done, 20))")
        raise AssertionError("the page did not come so far")


@pytest.fixture
def stream(page: Page) -> Stream:
    return Stream(page)


def open_scene(page: Page, server: Server, at: int, phase: int) -> None:
    open_page(page, server, f"lecture?scenes={','.join(SCENES)}&seeds=1&at={at}&phase={phase}")
    expect(page.get_by_role("button", name="Run")).to_be_visible()


def word(page: Page) -> Locator:
    return page.locator(".skip-key-word")


def says(page: Page, sentence: str) -> None:
    """Waits for a sentence that may stand there for a moment only: the page itself looks for it."""
    page.wait_for_function(
        "said => document.querySelector('.skip-key-word')?.textContent === said", arg=sentence
    )


def is_at(page: Page, at: int, phase: int) -> None:
    expect(page).to_have_url(re.compile(f"at={at}&phase={phase}(&|$)"))


def submitted(server: Server) -> int:
    return len(list(server.runs.glob("*/experiment.json")))


def test_enter_pressed_while_a_scene_is_drawn_runs_it_once_when_it_is_there(
    server: Server, page: Page, stream: Stream
) -> None:
    open_scene(page, server, 1, LAST)
    before = submitted(server)
    stream.hold()
    page.keyboard.press("ArrowRight")
    stream.one_by_one_until(lambda: "at=2&phase=0" in page.url)
    page.keyboard.press("Enter")
    says(page, "Enter waits until the page is there")
    assert submitted(server) == before
    stream.release()
    is_at(page, 2, 1)
    expect(word(page)).to_have_text("")
    settled(page)
    assert submitted(server) == before + len(registry.scenes()[SCENES[1]].runs)
    page.keyboard.press("x")
    is_at(page, 2, 0)


def test_a_key_of_the_phase_before_is_dropped_with_a_word(
    server: Server, page: Page, stream: Stream
) -> None:
    open_scene(page, server, 2, 0)
    before = submitted(server)
    stream.hold()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    stream.release()
    is_at(page, 2, 1)
    says(page, "Enter was not used: the page has changed")
    settled(page)
    assert submitted(server) == before


def test_a_key_whose_button_does_not_come_within_ten_seconds_is_dropped_with_a_word(
    server: Server, page: Page, stream: Stream
) -> None:
    open_scene(page, server, 2, 0)
    before = submitted(server)
    stream.hold()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    says(page, "Enter was not used: its button did not come within 10 s")
    stream.release()
    is_at(page, 2, 1)
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    assert submitted(server) == before


def test_a_held_key_turns_one_page(server: Server, page: Page) -> None:
    open_scene(page, server, 2, 1)
    for _ in range(5):  # the first is the press; a browser reports the others as repeated
        page.keyboard.down("ArrowRight")
        settled(page)
    page.keyboard.up("ArrowRight")
    settled(page)
    assert "at=2&phase=2" in page.url


def test_a_pressed_button_says_so_before_the_server_has_answered(
    server: Server, page: Page, stream: Stream
) -> None:
    open_scene(page, server, 2, 1)
    forward = page.get_by_role("button", name="Next")
    expect(forward).not_to_have_attribute("aria-busy", "true")
    stream.hold()
    forward.click()
    expect(forward).to_have_attribute("aria-busy", "true")
    stream.release()
    is_at(page, 2, 2)
    expect(forward).not_to_have_attribute("aria-busy", "true")


def test_while_a_page_is_drawn_its_one_stop_is_that_of_the_run(
    server: Server, page: Page, stream: Stream
) -> None:
    open_page(page, server, "lab")
    state = "() => document.querySelector('[data-testid=stApp]').dataset.testScriptState"
    stream.hold()
    page.get_by_role("button", name="Add a lane").click()
    stream.one_by_one_until(lambda: page.evaluate(state) == "running")
    expect(page.get_by_test_id("stStatusWidget")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(1)
    stream.release()
    settled(page)


def test_what_is_typed_into_a_field_presses_no_button(server: Server, page: Page) -> None:
    open_scene(page, server, 2, 0)
    before = submitted(server)
    page.get_by_text("Count raised hands").click()
    field = page.get_by_role("spinbutton").first
    field.click()
    for key in ("1", "Enter", "ArrowLeft", "ArrowRight", "x", "p", "Escape"):
        page.keyboard.press(key)
        settled(page)
    is_at(page, 2, 0)
    assert submitted(server) == before
    expect(page.locator(".skip-answered b")).to_have_text("1")


def test_a_control_that_is_reached_by_tab_keeps_enter_for_itself(
    server: Server, page: Page
) -> None:
    open_scene(page, server, 2, 1)
    before = submitted(server)
    page.get_by_role("button", name="Back").focus()
    page.keyboard.press("Enter")
    is_at(page, 2, 0)
    assert submitted(server) == before


def test_train_and_pause_pressed_at_once_pause_the_new_run(
    server: Server, page: Page, stream: Stream
) -> None:
    open_page(page, server, ENDLESS)
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    stream.hold()
    page.keyboard.press("Control+Enter")
    page.keyboard.press("p")
    says(page, "P waits until the page is there")
    stream.release()
    chip = page.locator(".sv-chip")
    expect(chip).to_contain_text("paused at step")
    page.keyboard.press("Escape")
    expect(chip).to_contain_text("stopped")


def opened(page: Page) -> list[tuple[str, Locator, Locator]]:
    """What can be open over a run: its name, what opens it, what is open then."""
    return [
        ("popover", page.get_by_role("button", name="Words on this page"),
         page.get_by_test_id("stPopoverBody")),
        ("menu", page.get_by_test_id("stTopNav").get_by_role("button", name="Show"),
         page.get_by_role("menu")),
        ("list", page.get_by_role("combobox", name="Data"), page.get_by_role("listbox")),
    ]  # fmt: skip


def test_escape_leaves_a_dialog_and_the_whole_screen_and_stops_no_run(
    server: Server, page: Page
) -> None:
    """Streamlit's own: of a menu's entry, and of a graph, which it lays over the page."""
    open_page(page, server, ENDLESS)
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "running")
    settled(page)
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_text("Record screen").click()
    dialog = page.get_by_test_id("stDialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_text("Architectures").click()
    graph = page.get_by_test_id("stFullScreenFrame").first
    graph.hover()
    graph.get_by_role("button", name="Fullscreen").click()
    expect(graph).to_have_css("position", "fixed")
    page.keyboard.press("Escape")
    expect(graph).not_to_have_css("position", "fixed")
    chip = page.locator(".sv-chip")
    page.keyboard.press("p")
    expect(chip).to_contain_text(re.compile("paused at step|stopped"))
    assert "paused" in (chip.text_content() or "")


def test_escape_closes_what_is_open_and_only_then_stops_the_run(server: Server, page: Page) -> None:
    open_page(page, server, ENDLESS)
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    running = page.locator(".sv-live")
    expect(running).to_have_attribute("data-state", "running")
    settled(page)  # a page that is being drawn may close what is open
    for name, button, content in opened(page):
        button.click()
        if name == "list":
            button.press("ArrowDown")  # a click right after Esc does not always open it
        expect(content).to_be_visible()
        page.keyboard.press("Escape")
        expect(content).to_have_count(0)
        settled(page)  # the focus goes back to the button, away from what is opened at once
    page.get_by_test_id("stTooltipHoverTarget").first.hover()
    bubble = page.get_by_role("tooltip")
    expect(bubble).to_be_visible()
    page.keyboard.press("Escape")
    expect(bubble).to_have_count(0)
    settled(page)
    expect(running).to_have_attribute("data-state", "running")
    page.mouse.click(5, 400)
    page.keyboard.press("Escape")
    expect(running).to_have_attribute("data-state", "stopped")
