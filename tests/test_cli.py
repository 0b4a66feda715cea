"""The command line: what it prints, and how it says no."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skipviz import build, train
from skipviz.cli.main import grammar, main, parse
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import refuse_idle
from tests.test_strict_json import strict

FAMILIES = ("plain", "resnet", "highway", "densenet")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return strict(capsys.readouterr().out)


def test_families_lists_everything_that_is_discovered(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "families")["families"]
    assert set(found) == set(registry.architectures()) and set(FAMILIES) <= set(found)
    assert main(["families"]) == 0
    assert "gate_bias" in capsys.readouterr().out


def test_describe_counts_a_net_without_building_it(capsys: pytest.CaptureFixture[str]) -> None:
    counts = answer(capsys, "describe", "resnet", "depth=1202", "shortcut=A")
    assert counts["parameters"] == 19_421_274 and counts["depth"] == 1202
    assert counts["multiply_adds"] > 0 and counts["activation_bytes"] > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["describe", "resnets"], "family 'resnets': must be one of plain"),
        (["describe", "resnet", "depth=21"], "nearest: 20, 26"),
        (["describe", "resnet", "deep=20"], "knob 'deep': resnet has no such knob"),
        (["describe", "resnet", "depth"], "knob 'depth': must be name=value"),
        (["train", "nowhere.json"], "no such file"),
        (["train", "."], "directory"),
    ],
)
def test_bad_input_is_one_sentence_on_standard_error_and_status_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and not said.out


def test_a_truncated_experiment_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Experiment(lanes=[Lane(family="plain")]).to_json()
    for cut in range(0, len(whole), 7):
        path = tmp_path / "cut.json"
        path.write_text(whole[:cut], encoding="utf-8")
        assert main(["train", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_an_experiment_too_large_for_the_machine_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = Lane(family="plain", knobs={"backbone": "dense", "depth": 1202, "width": 4096})
    path = tmp_path / "wide.json"
    path.write_text(Experiment(lanes=[wide] * 4).to_json(), encoding="utf-8")
    assert main(["train", str(path)]) == 2
    assert "GB of memory" in capsys.readouterr().err


@pytest.mark.slow
def test_every_skip_family_at_depth_20_learns_the_digits_and_the_plain_net_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lanes = [Lane(family=f, knobs={"backbone": "dense", "depth": 20}) for f in FAMILIES]
    path = tmp_path / "four.json"
    path.write_text(
        Experiment(lanes=lanes, data="digits", steps=400, lr=0.1).to_json(), encoding="utf-8"
    )
    rows = answer(capsys, "train", str(path))["lanes"]
    losses = {family: row["loss"] for family, row in zip(FAMILIES, rows, strict=True)}
    assert all(losses[family] < 0.1 for family in FAMILIES[1:]), losses
    assert losses["plain"] > 1.0


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skipviz", "describe", "plain", "depth=3"],
        capture_output=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[1],
    )
    assert done.returncode == 2 and "depth 3" in done.stderr


@pytest.mark.slow
def test_the_doctor_finds_this_machine_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    findings = {f["what"]: f for f in answer(capsys, "doctor")["findings"]}
    assert findings["Torch pair"]["good"] and findings["Devices"]["good"]
    assert re.match(r"(dense nets .*: )?trains on the [CG]PU: ", findings["Device auto"]["text"])
    assert re.search(r": [1-9]\d* steps a second", findings["Five seconds of training"]["text"])


def test_every_command_that_the_readme_names_exists() -> None:
    root = Path(__file__).resolve().parents[1]
    text = (root / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python -m skipviz (\w+)", text))
    help_text = grammar()[0].format_help()
    assert {"families", "describe", "train", "doctor"} <= named
    assert all(f"    {name} " in help_text for name in named), help_text
    targets = re.findall(r"^([\w-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"\bmake (run|check|test-long|test|bench)\b", text)) <= set(targets)
    for path in re.findall(r"\]\((assets/[^)]+)\)", text):
        assert (root / path).is_file()


@pytest.mark.slow
def test_bench_names_the_benchmarks_and_the_rows_that_there_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", "nothing"]) == 2
    assert "bench 'nothing': must be one of engine" in capfd.readouterr().err
    assert main(["bench", "engine", "--cases", "pair-dense-21"]) == 2
    wrong = capfd.readouterr().err.strip().splitlines()
    assert len(wrong) == 1 and wrong[0].startswith("case 'pair-dense-21': must be one of pair-")
    assert main(["bench", "hall", "--cases", "phones-3"]) == 2
    wrong = capfd.readouterr().err.strip().splitlines()
    assert len(wrong) == 1
    assert wrong[0].startswith("case 'phones-3': must be one of phones-300, burst-500")


ORDERS = (
    ("describe resnet --json depth=20", "describe resnet depth=20 --json"),
    ("describe --json resnet depth=20", "describe resnet depth=20 --json"),
    ("--json describe resnet depth=20", "describe resnet depth=20 --json"),
    ("train --json lesion", "train lesion --json"),
    ("sweep --over lr=1,2 plain --json a=3", "sweep plain a=3 --json --over lr=1,2"),
    ("scene lesion --seeds 2 stripes --json", "scene lesion stripes --seeds 2 --json"),
    ("record --seeds 2 lesion --json stripes", "record lesion stripes --seeds 2 --json"),
    ("probe paths --turn 1 RUN --json a=3", "probe paths RUN a=3 --turn 1 --json"),
    ("export --to csv RUN out.csv --json", "export RUN out.csv --json --to csv"),
    ("import --json RUN.zip", "import RUN.zip --json"),
    ("export -abcdefghijklmnopqrstu --to csv", "export --to csv -abcdefghijklmnopqrstu"),
    ("data --json get mnist", "data get mnist --json"),
    ("data add --title x there --side 16", "data add there --title x --side 16"),
    ("data add there --title x --json", "data --json --title x add there"),
    ("bench --quick engine --cases a --json", "bench engine --cases a --quick --json"),
    ("data", "data list"),
    ("key --revoke --json", "--json key --revoke"),
    ("resume --more 50 RUN --json", "resume RUN --json --more 50"),
    ("site --scenes lesion OUT --json", "site OUT --json --scenes lesion"),
    ("mutants --json lesion --seeds 1", "mutants lesion --seeds 1 --json"),
)  # fmt: skip


@pytest.mark.parametrize(("words", "ordered"), ORDERS)
def test_words_stand_in_any_order_behind_their_command(words: str, ordered: str) -> None:
    assert vars(parse(words.split())) == vars(parse(ordered.split()))


def test_every_command_with_words_of_its_own_is_tried_in_another_order() -> None:
    _, commands = grammar()
    takes = {name for name, each in commands.items() if " [--json]" in each.format_usage()
             and len(each.format_usage().split("[--json]")[1].split()) > 0}  # fmt: skip
    assert takes - {"families", "runs", "doctor"} <= {words.split()[0] for words, _ in ORDERS}


def test_a_knob_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "resnet", "depth=20", "depth=32"]) == 2
    assert capsys.readouterr().err == "knob 'depth': given twice; give it once\n"


def test_a_knob_that_changes_nothing_on_the_backbone_is_refused_and_stored_runs_still_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = (
        "knob 'width': changes nothing on the backbone 'cifar'; it is for dense: leave it out\n"
    )
    assert main(["describe", "resnet", "backbone=cifar", "width=80"]) == 2
    assert capsys.readouterr().err == sentence
    assert main(["describe", "resnet", "backbone=cifar", "width=50"]) == 0  # its default
    assert main(["describe", "resnet", "backbone=dense", "width=80"]) == 0
    idle = Experiment(lanes=[Lane(family="resnet", knobs={"backbone": "cifar", "width": 80})])
    path = tmp_path / "idle.json"
    path.write_text(idle.to_json(), encoding="utf-8")
    capsys.readouterr()
    assert main(["train", str(path)]) == 2
    assert capsys.readouterr().err == sentence
    assert Experiment.from_json(idle.to_json()) == idle  # as a run of an earlier version says it
    with pytest.raises(SpecError, match="knob 'width': changes nothing"):
        next(train(idle))
    with pytest.raises(SpecError, match="knob 'width': changes nothing"):
        build("resnet", backbone="cifar", width=80)
    assert idle.lanes[0].without_idle() == Lane(family="resnet", knobs={"backbone": "cifar"})


def test_every_knob_for_some_backbones_alone_is_refused_on_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = 0
    for family, declared in registry.architectures().items():
        backbones = next(knob for knob in declared.knobs if knob.name == "backbone").choices
        for knob in (knob for knob in declared.knobs if knob.backbones):
            for on in set(backbones) - set(knob.backbones):
                for value in _values(knob):
                    said = _refusal(family, {"backbone": on, knob.name: value})
                    tried += said.startswith(f"knob '{knob.name}': changes nothing on")
    assert tried >= 20


def _values(knob: Any) -> list[Any]:
    if knob.choices:
        return list(knob.choices)
    return [True, False] if knob.kind == "bool" else [knob.low, knob.high]


def _refusal(family: str, knobs: dict[str, Any]) -> str:
    try:
        refuse_idle(family, knobs)
    except SpecError as error:
        return str(error)
    return ""
