"""The stand-alone script trains as the program does: in float64 to 1e-9 over 100 steps, in float32
its first loss to 1e-5; and its functions are those of `docs/batches.md`."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.budgets import Change
from skipviz.core.experiment import Experiment, Lane, twin
from skipviz.core.frame import Frame
from skipviz.core.knob import SpecError
from skipviz.engine import training as trainings
from skipviz.exchange.training_script import training_images, write_script
from skipviz.standalone import batches
from skipviz.store.frame_log import Writer, schema
from skipviz.store.lane_axes import lane_axes

ROOT = Path(__file__).parents[2]
DENSE = {"backbone": "dense", "depth": 8, "width": 12}
RESNET = Lane(family="resnet", knobs=DENSE)
TWIN = twin(RESNET)
assert TWIN is not None
CONV = {"backbone": "cifar", "depth": 8}

CASES: dict[str, dict[str, Any]] = {
    "a residual net and its twin, two seeds": {
        "lanes": [RESNET, TWIN[0]], "seeds": 2, "momentum": 0.0, "lr": 0.05,
    },
    "gates, clipped, warmed up": {
        "lanes": [Lane(family="highway", knobs=DENSE | {"carry": "learned", "gate_bias": -1})],
        "clip": 0.5, "warmup": 10, "schedule": "step", "optimiser": "nesterov", "lr": 0.1,
    },
    "dropout, noise, Adam": {
        "lanes": [Lane(family="plain", knobs=DENSE | {"drop_rate": 0.2, "norm": "batch"})],
        "label_noise": 0.3, "optimiser": "adam", "lr": 0.003, "weight_decay": 0.001,
    },
    "stochastic depth, and one beside it": {
        "lanes": [
            Lane(family="resnet", knobs=DENSE | {"depth": 13, "survival": 0.5}),
            Lane(family="resnet", knobs=DENSE | {"survival": 0.8, "survival_rule": "uniform"}),
        ],
        "lr": 0.03,
    },
    "changed by hand, AdamW, a subset": {
        "lanes": [Lane(family="densenet", knobs={"backbone": "dense", "depth": 5})],
        "changes": [Change(step=20, lr=0.01), Change(step=50, lr=0.001)], "optimiser": "adamw",
        "lr": 0.003, "weight_decay": 0.01, "subset": 20, "schedule": "cosine", "pool": 2,
    },
    "branches that begin at zero or are scaled": {
        "lanes": [
            Lane(family="resnet", knobs=DENSE | {"branch_scale": scale, "norm": "batch"})
            for scale in ("zero_init", "rezero", "inv_sqrt_depth")
        ],
        "lr": 0.05,
    },
    "convolutions, cropped and mirrored": {
        "lanes": [Lane(family="resnet", knobs=CONV), Lane(family="plain", knobs=CONV)],
        "data": "shapes", "augment": "both", "subset": 30, "batch_size": 8, "lr": 0.02,
        "steps": 12,
    },
}  # fmt: skip


def _experiment(**fields: Any) -> Experiment:
    return Experiment(**{"steps": 100, "device": "cpu", "seed": 3, "batch_size": 32} | fields)


def _write(of: Experiment, frames: list[Frame], folder: Path) -> Path:
    """The script of a run whose frames these are."""
    writer = Writer(schema(of.to_json(), lane_axes(of)))
    times = [0.0] * len(frames)
    (folder / "frames.arrow").write_bytes(writer.start() + writer.batch(frames, times))
    write_script("X", of, folder / "frames.arrow", folder / "train.py")
    return folder / "train.py"


def _module(path: Path) -> Any:
    made = ModuleType("generated")
    made.__dict__["__file__"] = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), made.__dict__)
    return made


def _by_modules(of: Experiment, monkeypatch: pytest.MonkeyPatch, double: bool) -> list[Frame]:
    """The frames of the module engine, in float64 where asked for, from the same first weights."""
    monkeypatch.setattr(trainings, "stacks", lambda *_: [])
    training = engine.Training(of)
    if double:
        for trainer in training._module_trainers:
            trainer.net.double()
        single = training.batches.standardise
        monkeypatch.setattr(training.batches, "standardise", lambda images: single(images).double())
    return list(training.frames())


def _losses(frames: list[Frame]) -> np.ndarray:
    """(lanes, seeds, steps)."""
    return np.array([[np.ravel(lane.loss) for lane in frame.lanes] for frame in frames]).transpose(
        1, 2, 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_in_float64_the_script_repeats_the_curves_to_nine_digits(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = _experiment(**fields)
    frames = _by_modules(of, monkeypatch, double=True)
    made = _module(_write(of, frames, tmp_path))
    expected = _losses(frames)
    assert expected[0, 0, 0] != expected[0, 0, -1]
    for lane, make in enumerate(made.NETS):
        for i, seed in enumerate(made.SEEDS):
            curve = list(made.train(make, seed, torch.float64))
            assert [step for step, *_ in curve] == list(range(of.steps))
            got = np.array([loss for _, loss, _ in curve])
            np.testing.assert_allclose(got, expected[lane, i], rtol=1e-9, atol=1e-9)
            errors = [np.ravel(frame.lanes[lane].error)[i] for frame in frames]
            np.testing.assert_allclose([e for *_, e in curve], errors, atol=1e-6)


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_in_float32_the_first_loss_is_that_of_the_engine_that_trains(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    of = _experiment(**fields | {"steps": 2, "changes": (), "warmup": 0})
    frames = list(engine.train(of))
    made = _module(_write(of, frames, tmp_path))
    for lane, make in enumerate(made.NETS):
        for i, seed in enumerate(made.SEEDS):
            _, loss, _ = next(made.train(make, seed, torch.float32))
            assert loss == pytest.approx(_losses(frames)[lane, i, 0], rel=1e-5)
            recorded = made.RECORDED[0][lane][i]
            assert loss == pytest.approx(recorded, rel=1e-5)


def test_a_net_that_diverges_is_left_as_it_is_there_too(tmp_path: Path) -> None:
    of = _experiment(lanes=[RESNET], lr=100, steps=40)
    frames = list(engine.train(of))
    assert not np.isfinite(_losses(frames)[0, 0, -1])
    made = _module(_write(of, frames, tmp_path))
    losses = [loss for _, loss, _ in made.train(made.NETS[0], 3, torch.float32)]
    assert len(losses) == 40 and not np.isfinite(losses[-1])


@pytest.mark.slow
def test_the_script_runs_in_a_python_that_knows_no_skipviz(tmp_path: Path) -> None:
    of = _experiment(lanes=[RESNET, RESNET], steps=5)
    script = _write(of, list(engine.train(of)), tmp_path)
    text = script.read_text(encoding="utf-8")
    assert "import skipviz" not in text and "1e-9 over 100 steps" in text
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", str(script), "--double"],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "ResNet-8 (2), seed 3, step 4: loss " in done.stdout
    with (tmp_path / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 and {row["lane"] for row in rows} == {"ResNet-8 (1)", "ResNet-8 (2)"}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_the_script_is_clean_python(fields: dict[str, Any], tmp_path: Path) -> None:
    of = _experiment(**fields | {"steps": 1, "changes": (), "warmup": 0})
    script = _write(of, list(engine.train(of)), tmp_path)
    assert max(map(len, script.read_text(encoding="utf-8").splitlines())) <= 100
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "E,F,I,B,UP", "--isolated",
         "--ignore", "E731", "--line-length=100", str(script)],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_functions_of_chance_are_those_of_the_page_on_batches() -> None:
    page = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    def bare(text: str) -> dict[str, str]:
        functions = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
        for function in functions:
            function.returns = None
            for argument in function.args.args:
                argument.annotation = None
        return {function.name: ast.unparse(function) for function in functions}

    documented, ours = bare(code), bare(Path(batches.__file__).read_text(encoding="utf-8"))
    assert len(ours) == 7 and ours.items() <= documented.items()


def test_data_that_is_not_here_and_a_run_without_frames_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SKIPVIZ_DATA", "")
    absent = _experiment(lanes=[Lane(family="plain", knobs=DENSE)], data="mnist")
    with pytest.raises(SpecError, match="MNIST|mnist"):
        write_script("X", absent, tmp_path / "frames.arrow", tmp_path / "train.py")
    of = _experiment(lanes=[RESNET])
    writer = Writer(schema(of.to_json(), lane_axes(of)))
    (tmp_path / "frames.arrow").write_bytes(writer.start())
    with pytest.raises(SpecError, match="has no frames yet"):
        write_script("X", of, tmp_path / "frames.arrow", tmp_path / "train.py")
    assert set(training_images(of)) == {"images", "labels"}
