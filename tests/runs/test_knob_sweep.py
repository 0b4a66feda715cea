"""A sweep of one number: what it trains, and the command that trains it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skipviz.cli.main import main
from skipviz.core import highway_sweeps, knob_sweep
from skipviz.core.experiment import Experiment, Lane
from skipviz.server import manager as servers_manager
from skipviz.server import sweep as sweeps
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from tests.explore_page import explore_page
from tests.test_strict_json import strict

DENSE = "plain:backbone=dense,depth=3"


@pytest.mark.parametrize(
    ("lane", "over", "title", "names"),
    [
        ("resnet:backbone=dense", "depth=10,20", "Depth of ResNet", ["ResNet-10", "ResNet-20"]),
        (
            "highway:backbone=dense,depth=5", "gate_bias=-4,0.5", "Gate bias b_T of Highway-5",
            ["Highway-5, gate bias −4", "Highway-5, gate bias 0.5"],
        ),
        (
            DENSE, "lr=0.1,1e-7", "Learning rate of Plain-3",
            ["Plain-3, lr 0.1", "Plain-3, lr 1e−07"],
        ),
        (
            DENSE, "batch_size=16,32", "Batch size of Plain-3",
            ["Plain-3, batch size 16", "Plain-3, batch size 32"],
        ),
    ],
)  # fmt: skip
def test_a_sweep_is_a_net_with_each_value_of_one_number_and_all_else_equal(
    lane: str, over: str, title: str, names: list[str]
) -> None:
    options = {"lane": lane, "over": over, "seeds": "2", "steps": "30"}
    made = knob_sweep.experiments(options)
    assert list(made) == names
    assert highway_sweeps.title(knob_sweep.KIND, options) == title
    name, _, values = over.partition("=")
    base = Experiment(lanes=[Lane.from_text(lane)], seeds=2, steps=30)
    for value, each in zip(values.split(","), made.values(), strict=True):
        if name in Experiment.model_fields:
            assert each == base.with_(**{name: value})
        else:
            (net,) = base.lanes
            swept = Lane(family=net.family, knobs=net.knobs | {name: value})
            assert each == base.with_(lanes=[swept])


def test_the_title_of_options_that_are_not_understood_is_the_kind() -> None:
    for options in ({}, {"lane": 7, "over": None}, {"lane": DENSE, "over": "a knob=1,2"}):
        assert highway_sweeps.title(knob_sweep.KIND, options) == knob_sweep.KIND


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("nonesuch --over depth=3,5", "family 'nonesuch': must be one of plain, "),
        ("plain", "sweep over '': must be name=value,value with one of depth, width, "),
        (
            "plain --over data=1,2",
            "sweep over 'data': must be name=value,value with one of depth, width, ",
        ),
        (
            "plain --over num_classes=3,4",
            "sweep over 'num_classes': must be name=value,value with one of depth, ",
        ),
        ("plain --over depth", "depth '': must be a whole number from 1 to "),
        ("plain --over depth=3,nine", "depth 'nine': must be a whole number from 1 to "),
        ("plain --over lr=1", "sweep over 'lr=1': must have two values or more, each once"),
        ("plain --over lr=1,1.0", "sweep over 'lr=1,1.0': must have two values or more, each"),
        ("highway --over gate=0.5,learned", "gate 'learned': a sweep goes over numbers alone"),
        ("plain backbone=dense depth=4 --over depth=3,5", "depth: is what the sweep goes over"),
        ("plain --lr 1 --over lr=1,2", "lr: is what the sweep goes over; do not set it as well"),
        ("plain depth --over lr=1,2", "lane 'plain:depth': 'depth' must be name=value"),
        ("plain --steps many --over lr=1,2", "steps 'many': must be a whole number from 1"),
        ("plain backbone=cifar --over width=30,40", "knob 'width': changes nothing on the"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(
    words: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *words.split()]) == 2
    said = capfd.readouterr()
    assert said.err.startswith(sentence) and len(said.err.splitlines()) == 1 and not said.out


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of runs, and a server's manager that the command makes anew and ends."""
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path))
    monkeypatch.setattr(servers_manager, "_current", None)
    yield tmp_path
    servers_manager.close()


@pytest.mark.slow
def test_two_depths_are_trained_from_the_command_line_and_compare_opens_them(
    stored: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "sweep plain backbone=dense --over depth=6,3 --seeds 2 --steps 6 --json"
    assert main(words.split()) == 0
    said = capfd.readouterr()
    assert sorted(said.err.splitlines()) == ["1 of 2: Plain-3 finished", "2 of 2: Plain-6 finished"]
    answer = strict(said.out)
    assert [each["lane"] for each in answer["runs"]] == ["Plain-6", "Plain-3"]
    owner = Manager(Store())  # trains nothing: it looks at what is stored
    monkeypatch.setattr(servers_manager, "_current", owner)
    for row in answer["runs"]:
        run = owner.find(row["run"])
        assert run is not None and row["losses"] == sweeps.final_losses(run)
    found = sweeps.of(owner).find(answer["sweep"])
    assert found is not None
    assert knob_sweep.experiments(found.options) == {
        name: found.experiments[name] for name in ("Plain-6", "Plain-3")
    }
    page = explore_page("06_compare.py", 300)
    page.query_params["sweep"] = answer["sweep"]
    page.run()
    assert not page.exception and page.subheader[0].value == "Sweep: Depth of Plain"
    assert page.multiselect[0].options == ["Plain-3", "Plain-6"]
    page = explore_page("05_history.py", 300)
    page.run()
    assert any("**Depth of Plain** · 2 of 2 runs" in each.value for each in page.markdown)


@pytest.mark.slow
def test_its_table_has_a_line_for_each_value_and_says_what_diverged(
    stored: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = "sweep plain backbone=dense depth=6 --over lr=100,0.01 --steps 30"
    assert main(words.split()) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("Learning rate of Plain-6: final training loss")
    assert lines[2].split("  ")[1] == "Plain-6, lr 100" and "diverged at step" in lines[2]
    assert lines[3].split("  ")[1] == "Plain-6, lr 0.01" and "diverged" not in lines[3]
    assert lines[4].startswith("Compare shows it under /compare?sweep=")


def test_a_server_sees_the_runs_that_another_program_adds_to_its_sweep(tmp_path: Path) -> None:
    owner = Manager(Store(tmp_path))
    options = {"lane": DENSE, "over": "lr=1,2"}
    first, second = made = knob_sweep.experiments(options)
    value = {"kind": knob_sweep.KIND, "options": options, "runs": {first: "r" * 22}}
    value["experiments"] = {name: each.to_json() for name, each in made.items()}
    path = tmp_path / "sweeps" / f"{'s' * 22}.json"
    path.parent.mkdir()
    path.write_text(json.dumps(value), encoding="utf-8")
    (before,) = sweeps.of(owner).all()
    assert before.waiting == [second]
    assert sweeps.of(owner).find(before.id) is before
    value["runs"][second] = "t" * 22
    path.write_text(json.dumps(value), encoding="utf-8")
    (after,) = sweeps.of(owner).all()
    assert not after.waiting
    owner.close()
