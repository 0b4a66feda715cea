"""The Compare page without a browser: a sweep as one object, and what cannot be compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from tests.explore_page import explore_page

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
IDS = {name: f"{name:_<22}" for name in ("fingerprint", "maps")}
SWEEP = "S" * 22


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager without workers, with two runs that are a sweep."""
    experiments = {}
    for name, run_id in IDS.items():
        shutil.copytree(RUNS / name, tmp_path / run_id)
        experiments[name] = (RUNS / name / "experiment.json").read_text(encoding="utf-8")
    (tmp_path / "sweeps").mkdir()
    value = {"kind": "bias", "options": {"data": "digits"}, "experiments": experiments, "runs": IDS}
    (tmp_path / "sweeps" / f"{SWEEP}.json").write_text(json.dumps(value), encoding="utf-8")
    owner = Manager(Store(tmp_path))
    monkeypatch.setattr(servers_manager, "_current", owner)
    yield owner
    owner.close()


def _opened(page: str, **query: str) -> AppTest:
    shown = explore_page(page, 300)
    shown.query_params.update(query)
    shown.run()
    assert not shown.exception
    return shown


def test_a_sweep_is_one_figure_and_its_runs_can_be_picked(stored: Manager) -> None:
    page = _opened("06_compare.py", sweep=SWEEP)
    assert page.subheader[0].value == "Sweep: Which gate bias trains"
    assert page.multiselect[0].options == list(IDS)
    assert any("each seed's final training loss" in each.value for each in page.caption)
    gone = _opened("06_compare.py", sweep="T" * 22)
    assert "there is no such sweep on this machine" in gone.error[0].value.lower()


def test_in_the_history_a_sweep_is_one_row_and_its_runs_are_found_by_a_search(
    stored: Manager,
) -> None:
    page = _opened("05_history.py")
    assert any("Which gate bias trains" in each.value for each in page.markdown)
    assert not [each for each in page.checkbox if each.label.startswith("Compare")]
    searched = _opened("05_history.py", search="resnet")
    assert [each.label for each in searched.checkbox] == ["Compare ResNet\\-4"]


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        (f"{IDS['maps']},{'x' * 22}", "there is no such run on this machine"),
        (f"{IDS['maps']},{IDS['maps']}", "is named twice; name each once"),
        (",".join(f"{letter * 22}" for letter in "abcdefg"), "7 runs are named; choose 2 to 6"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(stored: Manager, runs: str, sentence: str) -> None:
    assert sentence in _opened("06_compare.py", runs=runs).error[0].value
