"""The stand-alone module of a net: its text is run, without skipviz, and must be the same net."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from skipviz import standalone
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.schedule import longer, rate, with_lr_change
from skipviz.models import build
from skipviz.standalone.experiment import _rate
from tests.models.nets import backbones

VARIANTS = ("original", "bn_after_add", "relu_before_add", "relu_only_preact", "full_preact")
DIGITS = {"input_shape": (1, 8, 8)}
IMAGE = {"input_shape": (3, 16, 16)}
IMAGENET = {"backbone": "imagenet", "input_shape": (3, 32, 32), "num_classes": 10}
DENSE = {"backbone": "dense", **DIGITS}


def _lanes(family: str, *knobs: dict[str, Any]) -> list[Lane]:
    return [Lane(family=family, knobs=each) for each in knobs]


CASES = [
    *(Lane(family=family, knobs=knobs) for family, knobs in backbones()),
    *(Lane(family=family, knobs=IMAGE) for family in registry.architectures()),
    *_lanes(
        "resnet",
        *({"depth": 14, "variant": each, **IMAGE} for each in VARIANTS),
        *({"depth": 11, "bottleneck": True, "variant": each, **IMAGE} for each in VARIANTS),
        *({**DENSE, "depth": 8, "variant": each, "norm": "batch"} for each in VARIANTS),
        *({"depth": 14, "shortcut": each, **IMAGE} for each in "ABC"),
        *({"depth": 11, "bottleneck": True, "shortcut": each, **IMAGE} for each in "AC"),
        *(
            {"depth": 14, "branch_scale": each, **IMAGE}
            for each in ("zero_init", "rezero", "inv_sqrt_depth", 0.1)
        ),
        {**DENSE, "depth": 9, "branch_scale": "rezero"},
        {**DENSE, "depth": 7, "norm": "layer"},
        {**DENSE, "depth": 50, "survival": 0.5},
        {"depth": 32, "survival": 0.5, "variant": "full_preact", **IMAGE},
        {"depth": 20, "bottleneck": True, "survival": 0.7, "survival_rule": "uniform", **IMAGE},
        {**DENSE, "depth": 4, "branch_layers": 1},
        {**DENSE, "depth": 1},
        {"depth": 14, "norm": "none", "activation": "tanh", **IMAGE},
        {"depth": 14, "plain_twin": True, "variant": "full_preact", **IMAGE},
        {"depth": 10, "widen": 2, "variant": "full_preact", "shortcut": "B", **IMAGE},
        {**IMAGENET, "depth": 18, "variant": "full_preact"},
        {**IMAGENET, "depth": 50, "stride_in": "1x1", "shortcut": "A"},
        {**IMAGENET, "depth": 50, "variant": "full_preact"},
        {"depth": 110, **IMAGE},
    ),
    *_lanes("plain", {"depth": 14, "norm": "none", "activation": "sigmoid", **IMAGE}),
    *_lanes("resnext", {"depth": 11, "cardinality": 4, "base_width": 8, "shortcut": "C", **IMAGE}),
    *_lanes(
        "highway",
        {**DENSE, "depth": 6, "carry": "learned"},
        {**DENSE, "depth": 6, "gate": 0.3},
        {**DENSE, "depth": 6, "gate": 1.0, "carry": 1.0},
        {**DENSE, "depth": 6, "carry": 0.5, "norm": "batch"},
        {**DENSE, "depth": 6, "plain_twin": True},
        {"backbone": "cifar", "depth": 13, "carry": "learned", **IMAGE},
        {"backbone": "cifar", "depth": 10, "plain_twin": True, **IMAGE},
        {"backbone": "fitnet", "depth": 10},
        {"backbone": "fitnet", "depth": 10, "dropout": False, "input_shape": (1, 30, 27)},
        *({"preset": f"highway{i}", **IMAGE} for i in range(1, 5)),
    ),
    *_lanes(
        "densenet",
        {"depth": 13, "bottleneck": False, **IMAGE},
        {"depth": 16, "compression": 0.3, "growth_rate": 5, "norm": "none", **IMAGE},
        {**DENSE, "depth": 8, "bottleneck": True, "norm": "batch"},
    ),
]


def run(text: str) -> Any:
    """The module that the text defines."""
    made = ModuleType("generated")
    exec(compile(text, "generated", "exec"), made.__dict__)
    return made


def randomise(net: nn.Module) -> None:
    """Weights, shifts and statistics that are neither 0 nor 1, so that nothing can hide."""
    draws = torch.Generator().manual_seed(3)
    for name, value in net.state_dict().items():
        if value.is_floating_point() and value.dim() < 2:
            fresh = torch.rand(value.shape, generator=draws, dtype=value.dtype)
            value.copy_(fresh + 0.5 if "var" in name else fresh - 0.4)


@pytest.mark.parametrize("lane", CASES, ids=lambda lane: lane.text())
def test_the_generated_text_is_the_same_net(lane: Lane) -> None:
    torch.manual_seed(0)
    ours = build(lane.family, **lane.knobs).double().eval()
    randomise(ours)
    theirs = run(standalone.module(lane)).Net().double().eval()
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict())
    counts = [sum(p.numel() for p in net.parameters()) for net in (ours, theirs)]
    assert counts[0] == counts[1]
    x = torch.randn(2, *lane.settings()["input_shape"], dtype=torch.float64)
    with torch.no_grad():
        expected, got = ours(x), theirs(x)
    assert expected.isfinite().all() and expected.std() > 0
    assert (expected - got).abs().max() <= 1e-9 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("lane", CASES, ids=lambda lane: lane.text())
def test_the_generated_text_is_clean_python_that_fits_a_screen(lane: Lane) -> None:
    text = standalone.module(lane)
    tree = ast.parse(text)
    assert "import skipviz" not in text and max(map(len, text.splitlines())) <= 100
    names = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    assert len(names) == len(set(names)) and names[-1] == "Net"
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(names[:-1]) <= used and ("torch" in used) == ("\nimport torch\n" in text)


def test_repeats_are_loops_however_deep_the_net_is() -> None:
    for lane in (
        Lane(family="resnet", knobs={"depth": 1202}),
        Lane(family="densenet", knobs={"backbone": "dense", "depth": 1202}),
    ):
        text = standalone.module(lane)
        assert "for _ in range(200)" in text or "for i in range(1201)" in text
        assert len(text.splitlines()) < 150


def test_a_net_has_one_class_for_each_distinct_unit() -> None:
    text = standalone.module(Lane(family="resnet", knobs={"backbone": "imagenet", "depth": 50}))
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert classes == ["EntryResidualUnit", "ResidualUnit", "Net"]


def test_highway_gates_start_as_ours_do() -> None:
    lane = Lane(family="highway", knobs={"depth": 4, "carry": "learned", "gate_bias": -3})
    net = run(standalone.module(lane)).Net()
    unit = net.stages[0][0]
    assert set(unit.transform_gate.linear1.bias.tolist()) == {-3.0}
    assert set(unit.carry_gate.linear1.bias.tolist()) == {3.0}


@pytest.mark.slow
def test_the_file_runs_in_a_python_that_knows_no_skipviz(tmp_path: Path) -> None:
    lane = Lane(family="resnext", knobs={"depth": 11, "cardinality": 2, "base_width": 4})
    (tmp_path / standalone.filename(lane)).write_text(standalone.module(lane), encoding="utf-8")
    code = f"""
import sys, torch
sys.path.insert(0, {str(tmp_path)!r})
from resnext_11_2x4d import Net
print(Net()(torch.zeros(2, 3, 32, 32)).shape)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "torch.Size([2, 10])"


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_the_learning_rate_of_a_run_that_was_trained_for_longer_is_the_schedule_s(
    schedule: str,
) -> None:
    planned = Experiment(lanes=[Lane(family="plain")], schedule=schedule, steps=8, warmup=3)
    of = with_lr_change(longer(longer(planned, 8, 6), 10, 9), 12, 0.5)
    space: dict[str, Any] = {}
    exec("import math\n" + _rate(of), space)
    assert [space["rate"](k) for k in range(of.steps)] == [rate(of, k) for k in range(of.steps)]


def test_the_texts_are_as_the_formatter_would_write_them(tmp_path: Path) -> None:
    for i, lane in enumerate(CASES):
        (tmp_path / f"net{i}.py").write_text(standalone.module(lane), encoding="utf-8")
    for command in (["check", "--select", "E,F,I,B,UP"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", "."],
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]
