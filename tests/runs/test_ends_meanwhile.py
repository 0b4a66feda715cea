"""A run may end at any moment while a page is being drawn: the page says in the end that it has, or
goes on to look."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skipviz.access.roles import Connection
from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.core.protocol import Status
from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.server.sweep import Sweeps
from skipviz.store.rooms import rooms_of, word
from skipviz.store.store import Store
from skipviz.ui import access
from skipviz.ui.lecture import lecture, scene_runs
from tests.explore_page import explore_page

PAGES: dict[str, Callable[[], AppTest]] = {
    "lab": lambda: explore_page("01_lab.py"),
    "twins": lambda: _page("2_show/01_plain_vs_residual.py"),
    "gates": lambda: _page("2_show/02_gates.py"),
    "routing": lambda: _page("2_show/03_routing.py"),
}
SCENE = "degradation"


def _page(file: str, **query: str) -> AppTest:
    page = AppTest.from_file(str(Path(__file__).parents[2] / "pages" / file), default_timeout=120)
    page.query_params.update(query)
    return page


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager without workers; the visitor is the lecturer."""
    one = Manager(Store(tmp_path))
    monkeypatch.setattr(servers_manager, "_current", one)
    here = Connection("127.0.0.1", (("host", "localhost"),))
    monkeypatch.setattr(access, "connection", lambda: here)
    yield one
    one.close()


class Ending:
    """Runs that are asked for their status so often, all together, and have ended then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.has_ended = False
        self.known: Collection[str] = ()
        self.status = Run.status
        monkeypatch.setattr(Run, "status", lambda run: self.asked(run))

    def asked(self, run: Run) -> Status:
        status = self.status(run)
        if self.left is None or run.folder is None or run.id in self.known:
            return status
        if self.left:
            self.left -= 1
            return status
        self.has_ended = True
        return {**status, "state": "stopped"}

    def after(self, count: int | None, known: Collection[str] = ()) -> None:
        """The runs but those that were known before end after so many questions; None: never."""
        self.left, self.known, self.has_ended = count, known, False


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Ending:
    return Ending(monkeypatch)


def _button(page: AppTest, label: str) -> list[bool]:
    """Which of the buttons of this name cannot be pressed."""
    assert not page.exception
    return [each.disabled for each in page.button if each.label.startswith(label)]


@pytest.mark.parametrize("name", PAGES)
def test_wherever_in_the_drawing_a_run_ends_stop_is_off_and_the_run_is_shown(
    name: str, owner: Manager, ending: Ending
) -> None:
    for count in itertools.count():
        ending.after(None)
        page = PAGES[name]().run()
        before = set(owner.store.runs())
        ending.after(count, set(owner.store.runs()))
        next(each for each in page.button if each.label == "Train").click().run()
        (begun,) = set(owner.store.runs()) - before
        assert page.query_params["run"] in (begun, [begun])
        if not ending.has_ended:
            assert _button(page, "Stop") == [False]
            break
        assert _button(page, "Stop") == [True], f"it ended after {count} questions"
    assert count > 3


def _lesson() -> None:
    from skipviz.ui.learn import lesson

    lesson.scene("degradation")


def test_wherever_in_the_drawing_a_scene_ends_it_can_be_run_again_or_is_followed(
    owner: Manager, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_runs, "_recorded", lambda key: {})  # nothing but these runs
    page = AppTest.from_function(_lesson, default_timeout=120).run()
    next(each for each in page.button if each.label.startswith("Run")).click().run()
    for count in itertools.count():
        ending.after(count)
        page.run()
        is_followed = any(re.match("Run . of ", each.value) for each in page.caption)
        assert _button(page, "Run") == [is_followed], f"it ended after {count} questions"
        if not ending.has_ended:
            assert is_followed
            break
    assert count > 3


def test_wherever_in_the_drawing_a_lecture_s_runs_end_the_room_is_asked_first_what_it_saw(
    owner: Manager, ending: Ending
) -> None:
    scene, room = registry.scenes()[SCENE], rooms_of(owner.store.root).room(word())
    room.played(SCENE, {name: owner.submit(each) for name, each in scene.runs.items()})
    room.raise_hands(SCENE, [1] * len(scene.choices))
    numbers = [each.kind for each in lecture.phases(scene)].index("numbers")
    page = _page("1_start/02_lecture.py", at="1", phase=str(numbers), room=room.id, scenes=SCENE)
    for count in itertools.count():
        room.go_to(SCENE, Phase.RUN)
        ending.after(count)
        page.run()
        assert not page.exception
        asked = room.step(SCENE) is Phase.SEEN
        if not asked:
            assert any(each.value.startswith("This picture needs") for each in page.caption)
        if not ending.has_ended:
            assert not asked
            break
    assert count > 3


def test_wherever_in_the_drawing_a_sweep_ends_its_stop_is_off(
    owner: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first question is asked for Stop, the second where the chart is drawn."""
    page = _page("2_show/04_highway_depth.py", view="fixed").run()
    next(each for each in page.button if each.label.startswith("Run ")).click().run()
    assert _button(page, "Stop") == [False]
    for count in itertools.count():
        asked = itertools.count(1)
        monkeypatch.setattr(Sweeps, "ended", lambda *_, n=asked, most=count: next(n) > most)
        page.run()
        has_ended = next(asked) > count + 1
        assert _button(page, "Stop") == [has_ended], f"it ended after {count} questions"
        if not has_ended:
            break
    assert count > 1
