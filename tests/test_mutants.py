"""Planted faults: each applies to a copy, and what the scenes make of it is said rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipviz.cli import mutants as command
from skipviz.cli import truth
from skipviz.cli.main import main
from skipviz.core import places, registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.scene import Ask, Expectation, Scene, judged, norms_off, seeds_alike
from skipviz.mutants import evidence, matrix, trials
from skipviz.mutants.faults import Fault, Patch, copy_with, faults, plant
from skipviz.mutants.matrix import Cell
from skipviz.mutants.trials import Line
from skipviz.store.evidence import with_seeds
from tests.test_strict_json import strict

SCENES: dict[str, Scene] = registry.scenes()
FAULTS = faults()
KNOBS = {"backbone": "dense", "depth": 3}


def _copied(fault: Fault, folder: Path) -> Path:
    """A package that has only the files which the fault changes."""
    for patch in fault.patches:
        to = folder / "skipviz" / patch.file
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((places.PACKAGE / patch.file).read_bytes())
    return folder / "skipviz"


# --- the set


@pytest.mark.parametrize("key", FAULTS)
def test_a_fault_of_the_set_applies_and_leaves_python(key: str, tmp_path: Path) -> None:
    package = _copied(FAULTS[key], tmp_path)
    plant(FAULTS[key], package)
    for patch in FAULTS[key].patches:
        changed = (package / patch.file).read_text(encoding="utf-8")
        compile(changed, patch.file, "exec")
        assert changed != (places.PACKAGE / patch.file).read_text(encoding="utf-8")
    with pytest.raises(SpecError, match="stands 0 times"):
        plant(FAULTS[key], package)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("def gone(", "def here(", "stands 0 times in engine/optimise.py"),
        ("self", "this", "times in engine/optimise.py, not once"),
        ("class Sgd:", "class  Sgd:", "changes nothing"),
        ("", "x", "stands 0 times"),
    ],
)
def test_a_patch_that_does_not_apply_once_or_changes_nothing_is_an_error(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    fault = Fault("wrong", "wrong", (Patch("engine/optimise.py", old, new),))
    with pytest.raises(SpecError, match=sentence):
        plant(fault, _copied(fault, tmp_path))
    assert (tmp_path / "skipviz/engine/optimise.py").read_bytes() == (
        places.PACKAGE / "engine/optimise.py"
    ).read_bytes()


def test_faults_are_planted_in_copies_alone() -> None:
    fault = next(iter(FAULTS.values()))
    with pytest.raises(SpecError, match="in copies alone"):
        plant(fault, places.PACKAGE)


@pytest.mark.parametrize("key", SCENES)
def test_a_scene_declares_faults_that_there_are(key: str) -> None:
    scene = SCENES[key]
    assert {*scene.notices, *scene.tolerates} <= set(FAULTS)
    assert not set(scene.notices) & set(scene.tolerates)
    assert all(len(reason.split()) >= 4 for reason in scene.tolerates.values())


# --- what a line means


SCENE = replace(SCENES["class_routing"], notices=(), tolerates={"no_momentum": "it is only slower"})


def _line(
    fault: str, first: str = "other", met: bool = True, value: float = 2.0, **more: Any
) -> Line:
    said = {"first": first, "alike": False, "why": "", "digest": first}
    said["expectations"] = [
        {"text": "It learns", "measured": [value], "met": met},
        {"text": "It ends low", "measured": [1.0, 3.0], "met": True},
    ]
    return Line("class_routing", fault, None, said | more, same=first == "plain")


PLAIN = _line("", "plain", value=1.0)


@pytest.mark.parametrize(
    ("line", "state", "why"),
    [
        (_line("rate_0", "plain"), "not concerned", ""),
        (_line("rate_0"), "missed", ""),
        (_line("rate_0", met=False), "noticed", "It learns"),
        (_line("rate_0", alike=True), "noticed", "one and the same"),
        (_line("rate_0", why="ValueError: none"), "noticed", "broke off: ValueError"),
        (_line("no_momentum"), "tolerated", "only slower"),
        (_line("no_momentum", met=False), "noticed", "It learns"),
    ],
)
def test_a_cell_says_what_became_of_a_fault(line: Line, state: str, why: str) -> None:
    cell = matrix.cell(SCENE, line, PLAIN)
    assert cell.state == state and why in cell.why
    if state in ("tolerated", "missed"):
        assert cell.change == "1: 1 → 2"


def test_a_fault_that_must_be_noticed_is_missed_where_it_is_not() -> None:
    must = replace(SCENE, notices=("rate_0", "no_momentum"), tolerates={})
    for line in (_line("rate_0"), _line("rate_0", "plain"), _line("no_momentum")):
        assert matrix.cell(must, line, PLAIN).state == "missed"
    assert matrix.cell(must, _line("rate_0", met=False), PLAIN).state == "noticed"


def test_a_fault_must_be_noticed_by_three_scenes_or_all_that_it_concerns() -> None:
    two = list(FAULTS.values())[:2]
    one, other = (fault.key for fault in two)
    states = {one: ("noticed", "noticed", "tolerated", "noticed"),
              other: ("noticed", "tolerated", "not concerned", "not concerned")}  # fmt: skip
    cells = [
        Cell(f"scene{n}", key, state)  # type: ignore[arg-type]
        for key, row in states.items()
        for n, state in enumerate(row)
    ]
    assert matrix.thin(cells, two) == {other: (1, 2)}
    rows = matrix.table(cells, two)
    assert rows[2] == "| *scene0* | ✓ | ✓ |" and rows[4] == "| *scene2* | ~ | · |"
    idle = [replace(cell, state="not concerned") for cell in cells]
    assert set(matrix.thin(idle, two)) == {one, other}


# --- evidence that is kept


TINY = replace(
    SCENES["class_routing"],
    runs={"main": Experiment(lanes=[Lane(family="plain", knobs=KNOBS)], steps=6, seeds=2)},
    asks=(Ask("check", "cross_check"),),
    figures=(),
    expects=(
        Expectation("It ends", lambda e: e.final("loss", 0), at_most=9),
        Expectation("Norms are right", lambda e: norms_off(e, "check", [0]), at_most=0.01),
    ),
    numbers=lambda e: {"end": e.final("loss", 0)[0]},
    correct_choice=lambda e: 0,
)


def test_evidence_is_kept_and_judged_again_without_training(tmp_path: Path) -> None:
    made = evidence.keep(tmp_path, TINY, TINY.runs)
    again = evidence.kept(tmp_path, TINY, TINY.runs)
    assert evidence.digest(made, TINY) == evidence.digest(again, TINY)
    assert [v.measured for v in judged(TINY, made)] == [v.measured for v in judged(TINY, again)]
    assert all(verdict.met for verdict in judged(TINY, again))
    other = with_seeds(TINY, first_seed=1)
    assert evidence.digest(made, TINY) != evidence.digest(
        evidence.keep(tmp_path / "other", TINY, other), TINY
    )


def test_evidence_stands_until_a_file_that_made_it_changes(tmp_path: Path) -> None:
    evidence.keep(tmp_path, TINY, TINY.runs)
    known, runs = evidence.about(tmp_path), evidence.of_runs(TINY, TINY.runs)
    files = evidence.of_files(places.PACKAGE)
    assert evidence.stands(known, files, runs)
    assert "engine/training.py" in known["files"] and "core/scene.py" not in known["files"]
    assert not evidence.stands(known, files | {"engine/training.py": "other"}, runs)
    longer = {"main": TINY.runs["main"].with_(steps=7)}
    assert not evidence.stands(known, files, evidence.of_runs(TINY, longer))
    assert not evidence.stands({}, files, runs)


def test_what_a_scene_neither_shows_nor_judges_is_no_evidence(tmp_path: Path) -> None:
    gathered = evidence.keep(tmp_path, TINY, TINY.runs)
    fields = {name for _, _, name in evidence.fields_read(TINY, gathered)}
    assert fields == {
        "loss", "signal_gradient_norm", "weight_gradient_norm", "activation_scale",
    }  # fmt: skip
    blind = replace(TINY, expects=TINY.expects[:1])
    fields = {name for _, _, name in evidence.fields_read(blind, gathered)}
    assert fields == {"loss"}


def test_seeds_that_are_one_net_bear_nothing_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gathered = evidence.keep(tmp_path, TINY, TINY.runs)
    assert not seeds_alike(TINY, gathered)
    history = gathered.history
    monkeypatch.setattr(gathered, "history", lambda *of: np.repeat(history(*of)[:, :1], 2, axis=1))
    assert seeds_alike(TINY, gathered)
    assert not any(verdict.met for verdict in judged(TINY, gathered))


@pytest.mark.parametrize(
    "values", ["signal_gradient_norm", "weight_gradient_norm", "activation_scale"]
)
def test_a_factor_in_any_norm_is_off_what_is_computed_otherwise(
    values: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gathered = evidence.keep(tmp_path, TINY, TINY.runs)
    assert max(norms_off(gathered, "check", [0])) < 1e-4
    history = gathered.history
    monkeypatch.setattr(
        gathered, "history", lambda name, *of: history(name, *of) * (2.0 if name == values else 1)
    )
    assert min(norms_off(gathered, "check", [0])) == pytest.approx(1, rel=1e-3)


# --- the command


def test_the_faults_are_listed_and_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mutants", "--list", "--json"]) == 0
    listed = strict(capsys.readouterr().out)
    assert [row["key"] for row in listed["faults"]] == list(FAULTS) and listed["version"] >= 1
    for words, sentence in (
        (["nowhere"], "scene 'nowhere': there is no such scene"),
        (["lesion", "--faults", "gone"], "fault 'gone': there is no such fault; there is no_skip"),
        (["lesion", "--write"], "--write is for all scenes"),
        (["lesion", "--seeds", "0"], "seeds 0"),
        (["lesion", "--processes", "0"], "processes 0"),
    ):
        assert main(["mutants", *words]) == 2
        said = capsys.readouterr()
        assert sentence in said.err and said.err.count("\n") == 1 and not said.out


def test_the_matrix_is_written_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "docs" / "truth.md"
    page.parent.mkdir()
    begin = "<!-- made by `python -m skipviz mutants --write` -->"
    page.write_text(f"# Truth\n\n{begin}\nold\n{truth.END}\nbehind\n", encoding="utf-8")
    monkeypatch.setattr(places, "shipped", lambda: tmp_path)
    chosen = list(FAULTS.values())
    cells = [Cell("lesion", fault.key, "noticed") for fault in chosen]
    cells[0] = Cell("lesion", chosen[0].key, "tolerated", "a good reason", "2: 1 → 2")
    run = trials.Trials(tmp_path, ["lesion"], chosen, 1, 1)
    assert truth.write("mutants --write", command._lines(cells, chosen, run)) == page
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Truth\n\n<!--") and text.endswith("\nbehind\n") and "old" not in text
    assert "| *lesion* | ~ | ✓ |" in text and "| *lesion*, 1 | 2: 1 → 2 | a good reason |" in text
    with pytest.raises(SpecError, match="the marks"):
        truth.write("scene", [])
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_copies_are_performed_kept_and_compared_with_the_program_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short selection: one scene, with faults that it must, need not and cannot notice."""
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    words = ["mutants", "class_routing", "--seeds", "1", "--json"]
    words += ["--faults", "gate_bias_reversed,dense_branches_0,seeds_same"]
    assert main(words) == 0
    said = capsys.readouterr()
    states = {cell["fault"]: cell["state"] for cell in strict(said.out)["cells"]}
    assert states == {
        "gate_bias_reversed": "noticed",
        "dense_branches_0": "not concerned",
        "seeds_same": "noticed",
    }
    assert "5 performances, 4 not kept yet" in said.err and "[####" in said.err
    assert main([*words, "--kept"]) == 0
    again = capsys.readouterr()
    assert "5 performances, 0 not kept yet" in again.err and again.out == said.out
    words[-1] += ",no_momentum"
    assert main([*words, "--kept"]) == 0
    again = capsys.readouterr()
    assert "class_routing × no_momentum: not performed yet" in again.err and again.out == said.out


@pytest.mark.long
def test_no_planted_fault_escapes_a_scene_with_gates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole set: each is noticed, or not concerned."""
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    assert main(["mutants", "class_routing", "--seeds", "1", "--json"]) == 0
    cells = strict(capsys.readouterr().out)["cells"]
    assert {cell["fault"] for cell in cells} == set(FAULTS)
    assert {cell["state"] for cell in cells} <= {"noticed", "tolerated", "not concerned"}
    assert sum(cell["state"] == "noticed" for cell in cells) >= 5


def test_a_process_that_is_not_the_copy_or_breaks_off_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trials.Trials(tmp_path, ["class_routing"], [], 1, 1)
    monkeypatch.setattr(
        trials, "environment", lambda package: {"PYTHONPATH": str(places.PACKAGE.parent)}
    )
    copy = copy_with(None, tmp_path / "copy")
    tasks = [{"scene": "nowhere", "seeds": 1, "like": None, "first_steps": True}]
    with pytest.raises(SpecError, match="broke off"):
        list(run._run(trials.NOTHING, copy, tasks))
    with pytest.raises(SpecError, match="was performed in place of the copy"):
        run._line(trials.NOTHING, copy, {"first": [], "package": str(places.PACKAGE), "scene": "x"})
