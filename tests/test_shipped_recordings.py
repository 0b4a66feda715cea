"""The recordings that ship: of the scenes as they are, complete, small, and they show it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skipviz.core import registry
from skipviz.core.scene import Scene, judge
from skipviz.figures import scene_figures
from skipviz.store import recordings
from skipviz.store.lane_axes import labels
from skipviz.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "assets" / "recordings"
SCENES: dict[str, Scene] = registry.scenes()
RECORDED = sorted(path.name for path in SHIPPED.iterdir())
MOST_BYTES = 20_000_000


@pytest.mark.parametrize("key", RECORDED)
def test_a_recording_is_of_the_scene_as_it_is_and_shows_what_it_expects(key: str) -> None:
    assert key in SCENES, f"{key}: there is no such scene any more; take its recording away"
    store, scene = Store(recordings=SHIPPED), SCENES[key]
    assert not recordings.problem(key, store)
    evidence = recordings.evidence(key, store)
    for expectation in scene.expects:
        assert judge(expectation, evidence).met, f"{key}: {expectation.text}"
    assert 0 <= scene.correct_choice(evidence) < len(scene.choices)
    assert "{" not in scene.saw.format(**scene.numbers(evidence))
    for figure in scene.figures:
        if figure.kind != "live":
            assert scene_figures.figure_of(scene, figure, evidence, dark=True).data
    assert {path.name for path in (SHIPPED / key).iterdir()} == set(scene.runs)
    assert recordings.about(recordings.id_of(key, "main"), store).startswith("recorded on ")
    for name, experiment in scene.runs.items():
        called = [track.label for track in evidence.log(name).tracks]
        assert called == labels(experiment), "its nets are called otherwise today: record it anew"


def test_all_of_them_are_small_and_plain_files() -> None:
    there = list(SHIPPED.rglob("*"))
    files = [path for path in there if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert {path.suffix for path in files} == {".json", ".arrow"}
    assert not any(path.is_symlink() for path in there)


@pytest.mark.parametrize("key", SCENES)
def test_a_scene_and_its_runs_can_be_recorded_under_their_names(key: str) -> None:
    assert all(Store.is_recorded(recordings.id_of(key, run)) for run in SCENES[key].runs)


def test_a_recording_is_judged_without_torch() -> None:
    code = (
        "import sys; from skipviz.core import registry; from skipviz.store import recordings;"
        " from skipviz.core.scene import judge;"
        f" key = {RECORDED[0]!r}; scene, found = registry.scenes()[key], recordings.evidence(key);"
        " assert all(judge(expectation, found).measured for expectation in scene.expects);"
        " assert not {'torch', 'streamlit'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


class Upside:
    """Evidence whose T is drawn as 1 − T: in the frames' means or in the maps."""

    def __init__(self, evidence: Any, of: str) -> None:
        self._evidence, self._of = evidence, of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def history(self, field: str, lane: int, run: str = "main") -> Any:
        values = self._evidence.history(field, lane, run)
        return 1 - values if field == self._of == "gate_mean" else values

    def newest_maps(self, lane: int, run: str = "main") -> Any:
        step, maps = self._evidence.newest_maps(lane, run)
        return step, {name: 1 - each if name == self._of else each for name, each in maps.items()}


@pytest.mark.parametrize("of", ["", "gate_mean", "gate_mean_map"])
@pytest.mark.parametrize("key", ["stripes", "class_routing"])
def test_gates_that_are_drawn_upside_down_are_noticed(key: str, of: str) -> None:
    evidence: Any = Upside(recordings.evidence(key, Store(recordings=SHIPPED)), of)
    expectation = SCENES[key].expects[0]
    assert expectation.text.startswith("What is drawn as T is T")
    assert judge(expectation, evidence).met is (of == "")


SETTINGS = {"noise"}
"""What a probe was asked with; it repeats it."""


class Blank:
    """Evidence whose probes had no number that is finite."""

    def __init__(self, evidence: Any) -> None:
        self._evidence = evidence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def ask(self, name: str) -> list[dict[str, Any]]:
        blank: list[dict[str, Any]] = _blank(self._evidence.ask(name))
        return blank


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: each if key in SETTINGS else _blank(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_blank(each) for each in value]
    return None if isinstance(value, float) else value


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # means of nothing
@pytest.mark.parametrize("key", [key for key in RECORDED if SCENES[key].asks])
def test_a_scene_whose_probes_have_no_number_falls_short_and_does_not_break_off(key: str) -> None:
    evidence: Any = Blank(recordings.evidence(key, Store(recordings=SHIPPED)))
    verdicts = [judge(expectation, evidence) for expectation in SCENES[key].expects]
    assert not all(verdict.met for verdict in verdicts)
