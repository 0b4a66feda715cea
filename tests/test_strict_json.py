"""What leaves the program as JSON is JSON: a strict parser reads it, numbers that it lacks say
why."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from skipviz.cli.main import grammar, main
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.strict_json import KeyTwiceError, dumps, numbers, read
from skipviz.store.store import read_json, write_json

RESNET = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})
ROOT = Path(__file__).parents[1]


def strict(text: str) -> Any:
    """As a parser that knows the standard alone reads it."""

    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_number_that_json_lacks_is_null_and_says_why() -> None:
    value = {"loss": math.nan, "all": [1.0, math.inf], "deep": [{"x": -math.inf}], "n": 3}
    assert strict(dumps(value)) == {
        "loss": None,
        "loss_why": "not a number",
        "all": [1.0, None],
        "all_why": "null: infinite",
        "deep": [{"x": None, "x_why": "minus infinity"}],
        "n": 3,
    }
    told = strict(dumps({"loss": math.nan, "loss_why": "diverged at step 12"}))
    assert told == {"loss": None, "loss_why": "diverged at step 12"}


def test_who_computes_gets_the_numbers_back() -> None:
    value = {"a": math.inf, "b": [[1.0, -math.inf], [2.0, 3.0]], "c": {"d": None}, "e": [None]}
    assert numbers(strict(dumps(value))) == value
    nan = numbers(strict(dumps({"x": [math.nan, 1.0]})))
    assert set(nan) == {"x"} and math.isnan(nan["x"][0]) and nan["x"][1] == 1.0


def test_a_name_twice_in_one_object_is_an_error() -> None:
    assert read('{"a": {"b": 1}, "c": {"b": 2}}') == {"a": {"b": 1}, "c": {"b": 2}}
    with pytest.raises(KeyTwiceError, match="b"):
        read('{"a": {"b": 1, "b": 2}}')


def test_a_large_object_is_read_in_linear_time() -> None:
    """Who compares each name with all before it takes minutes for this one."""
    names = {f"name {number}": number for number in range(300_000)}
    assert read(dumps(names)) == names


def test_a_stored_file_is_strict_json(tmp_path: Path) -> None:
    write_json(tmp_path / "answer.json", {"loss": math.nan})
    assert strict((tmp_path / "answer.json").read_text(encoding="utf-8"))["loss"] is None
    assert numbers(read_json(tmp_path / "answer.json")).keys() == {"loss"}


def test_every_writer_of_json_is_the_strict_one() -> None:
    """`json.dumps` knows NaN; only here is it told not to."""
    allowed = {
        "benchmarks/hall/mutations.py": "what a browser should not send",
        "skipviz/core/strict_json.py": "the one writer",
        "skipviz/standalone/__init__.py": "Python source, not JSON",
        "skipviz/store/answers.py": "the name of a file: checked options alone",
        "skipviz/stream/messages.py": "a frame, each number that JSON lacks as a word",
    }
    writers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("skipviz", "pages", "benchmarks", "tools")
        for path in ROOT.glob(f"{folder}/**/*.py")
        if re.search(r"\bjson\.dump", path.read_text(encoding="utf-8"))
    }
    assert writers == set(allowed)


def diverging(tmp_path: Path, **fields: Any) -> str:
    """A file with an experiment of which every net diverges."""
    path = tmp_path / "diverges.json"
    values = {"steps": 30, "lr": 100.0, "device": "cpu"} | fields
    path.write_text(Experiment(lanes=[RESNET], **values).to_json(), encoding="utf-8")
    return str(path)


def test_train_says_of_a_diverged_lane_null_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", diverging(tmp_path), "--json"]) == 0
    (lane,) = strict(capsys.readouterr().out)["lanes"]
    assert lane["loss"] is None
    assert lane["loss_why"] == f"diverged at step {lane['diverged_at']}"
    assert main(["train", diverging(tmp_path, seeds=2)]) == 0
    assert "2 of 2 seeds diverged, the first at step" in capsys.readouterr().out


RUN = f"{'first':_<22}"
COMMANDS = (
    ["families"],
    ["describe", "resnet", "depth=20"],
    ["scene"],
    ["scene", "gradients_at_init", "--recorded"],
    ["runs"],
    ["data", "list"],
    ["data", "add", "nothing"],
    ["key"],
    ["key", "--revoke"],
    ["mutants", "--list"],
    ["export", RUN, "run.csv", "--to", "csv"],
    ["export", RUN, "run.zip", "--to", "zip"],
    ["import", "run.zip"],
    ["probe", "histograms", RUN, "samples=16"],
    ["resume", RUN, "--more", "2"],
)
WITHOUT = {
    "bench": "tests/test_bench.py",
    "doctor": "tests/test_cli.py",
    "record": "takes minutes; what it says is what `scene` says",
    "serve": "says nothing as JSON",
    "site": "tests/offline/test_site.py",
    "sweep": "tests/runs/test_knob_sweep.py",
    "train": "above",
}
"""Where the other commands meet this parser, or why they do not."""


def test_every_command_meets_the_strict_parser() -> None:
    assert {words[0] for words in COMMANDS} | set(WITHOUT) == set(grammar()[1])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_a_command_says_with_json_is_json(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(ROOT / "tests/fixtures/runs/first", tmp_path / "runs" / RUN)
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    if words[0] == "import":
        assert main(["export", RUN, "run.zip", "--to", "zip"]) == 0
        capsys.readouterr()
    main([*words, "--json"])
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(strict(line) for line in lines)
