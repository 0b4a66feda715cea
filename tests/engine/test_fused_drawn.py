"""The fused kernel trains every dense net to the numbers of the reference modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.engine import fused
from skipviz.engine.batches import Batches
from skipviz.engine.fused import build
from skipviz.engine.fused.stack import FusedStack, claims
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, shape_of
from skipviz.engine.training import Training
from tests.engine.test_stacked import (
    CASES,
    DRAWN,
    WHOLE,
    assert_same,
    lanes,
    reference,
    whole,
)
from tests.models.nets import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not fused.available(), reason=f"no fused kernel: {fused.why()}"),
]


def stack_of(experiment: Experiment, kind: Any = FusedStack, dtype: Any = torch.float32) -> Any:
    shapes = [shape for lane in experiment.lanes if (shape := shape_of(lane, experiment))]
    assert all(claims(experiment, shape, CPU) for shape in shapes)
    seed = experiment.seed
    nets = [make_net(lane, experiment.dataset, seed).to(dtype) for lane in experiment.lanes]
    wirings = [lane.wiring(experiment.dataset) for lane in experiment.lanes]
    return kind(experiment, nets, wirings, shapes, seeds=[seed] * len(nets))


def noise(experiment: Experiment, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch (B, F) that leaves no ReLU at 0, as the empty corners of a picture do."""
    rng, size = torch.Generator().manual_seed(step), experiment.batch_size
    return torch.randn(size, 64, generator=rng), torch.randint(10, (size,), generator=rng)


def learn(
    stack: Any, experiment: Experiment, steps: int, of: Any = noise, measure: bool = True
) -> np.ndarray:
    """The readings of some steps of all nets, (steps, N, R)."""
    rows, n = [], len(experiment.lanes)
    for step in range(steps):
        x, y = of(experiment, step)
        x = x.expand(n, -1, -1)
        x = x if isinstance(stack, FusedStack) else x.to(stack.weights.flat.dtype)
        finite, reads = stack.learn(x, y.expand(n, -1), measure, step)
        assert finite.all()
        rows.append(reads)
    return np.array(rows)


def compare(experiment: Experiment) -> None:
    """Twenty steps of an experiment's nets are within 2e-5 of those of its modules in float64,
    which are the stacked engine's to nine digits (a test of its own), or about as near to them as
    the stacked engine in float32 is: nets multiply rounding, whoever rounds."""
    kinds = [(Stack, torch.float64), (Stack, torch.float32), (FusedStack, torch.float32)]
    stacks = [stack_of(experiment, *kind) for kind in kinds]
    exact, stacked, found = (learn(stack, experiment, 20) for stack in stacks)
    scale = np.where(exact == 0, 1, np.abs(exact))
    theirs, ours = (np.abs(values - exact) / scale for values in (stacked, found))
    assert theirs.max() < 1e-3, "the case itself is chaotic and shows nothing"
    assert ours[0].max() < 2e-6
    assert ours.max() <= max(2e-5, 8 * theirs.max()), (ours.max(), theirs.max())
    for stack in stacks:
        stack.write()
    for net, other in zip(stacks[2].nets, stacks[0].nets, strict=True):
        for name, weight in net.state_dict().items():
            wanted = other.state_dict()[name].double()
            torch.testing.assert_close(weight.double(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", DRAWN)
def test_twenty_steps_of_a_net_as_it_is_drawn_equal_those_of_the_modules(case: str) -> None:
    compare(Experiment(lanes=lanes(case), lr=0.01, weight_decay=0.001, batch_size=32))


@pytest.mark.parametrize("kind", ["nesterov", "adam", "adamw"])
@pytest.mark.parametrize(
    "case", ["pair", "highway relu", "plain, BatchNorm", "DenseNet, LayerNorm"]
)
def test_any_optimiser_moves_all_parameters_as_the_modules_do(case: str, kind: str) -> None:
    fields: dict[str, Any] = {"weight_decay": 0.01, "optimiser": kind, "batch_size": 32}
    compare(Experiment(lanes=lanes(case), lr=0.002, **fields))


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("case", ["pair", "highway", "plain, BatchNorm", "ReZero", "DenseNet"])
def test_each_net_is_clipped_by_its_own_norm_as_the_modules_are(case: str, kind: str) -> None:
    lr = 0.05 if kind == "sgd" else 0.002
    of = Experiment(lanes=lanes(case), lr=lr, clip=0.3, optimiser=kind, batch_size=32)
    compare(of)
    shown, free = (learn(stack_of(each), each, 6) for each in (of, of.with_(clip=0.0)))
    np.testing.assert_array_equal(shown[0], free[0])  # what is shown is before clipping
    assert not np.allclose(shown[5], free[5], rtol=1e-3)


# --- odd sizes, at random

FAMILIES: tuple[tuple[str, dict[str, list[Any]]], ...] = (
    ("plain", {"drop_rate": [0.0, 0.0, 0.3]}),
    ("resnet", {
        "variant": [*VARIANTS], "branch_layers": [1, 2], "plain_twin": [False, False, True],
        "branch_scale": ["one", "one", "rezero", "inv_sqrt_depth", 0.7],
    }),
    ("highway", {"carry": ["coupled", "learned"]}),
    ("densenet", {"growth_rate": [1, 5, 12], "bottleneck": [False, True]}),
)  # fmt: skip
SHARED: dict[str, list[Any]] = {
    "depth": [2, 3, 5, 8], "norm": ["none", "none", "batch", "layer"],
    "activation": ["relu", "tanh", "sigmoid"], "init": ["torch_default", "glorot"],
}  # fmt: skip
FIELDS: dict[str, list[Any]] = {
    "batch_size": [2, 3, 32, 127], "optimiser": ["sgd", "nesterov", "adam", "adamw"],
    "clip": [0.0, 0.0, 0.5], "weight_decay": [0.0, 0.01],
}  # fmt: skip


def odd(number: int) -> Experiment:
    """A net of some odd size, decided by a number."""
    rng = np.random.default_rng([16, number])

    def one_of(choices: dict[str, list[Any]]) -> dict[str, Any]:
        return {name: values[rng.integers(len(values))] for name, values in choices.items()}

    family, own = FAMILIES[rng.integers(len(FAMILIES))]
    knobs = {"backbone": "dense"} | one_of(SHARED) | one_of(own)
    if family != "densenet":
        knobs["width"] = [1, 7, 50, 257][rng.integers(4)]
    if knobs.get("variant") == "relu_before_add":
        knobs["branch_layers"] = 2  # with one it is a highway net whose gates are numbers
    fields = one_of(FIELDS)
    if knobs["norm"] == "batch" and fields["batch_size"] < 4:  # gradients are 0 but for rounding,
        fields["optimiser"] = "sgd"  # and Adam divides them by its ε
    return Experiment(lanes=[Lane(family=family, knobs=knobs)], lr=0.001, device="cpu", **fields)


def pictures(experiment: Experiment, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The experiment's own batch (B, F)."""
    x, y = Batches(experiment, CPU).batch(step, experiment.seed)
    return x.flatten(1), y


def compare_odd(number: int) -> None:
    """Two steps are about as near to those of the modules in float64 as the stacked engine's in
    float32 are: a batch of two leaves BatchNorm no gradient but what was rounded."""
    of = odd(number)
    expected, _ = reference(of, of.lanes[0], 2)
    scale = np.abs(expected) + 1e-5 * np.abs(expected).max(1, keepdims=True)
    ours, theirs = (
        (np.abs(learn(stack, of, 2, pictures)[:, 0] - expected) / scale).max(1)
        for stack in (stack_of(of), stack_of(of, Stack))
    )
    assert (ours <= np.maximum(1e-4, 30 * theirs)).all(), (number, of.to_json(), ours, theirs)


@pytest.mark.parametrize("number", [*range(12), 138, 284])  # two whose LayerNorm has one channel
def test_nets_of_odd_sizes_get_the_modules_numbers(number: int) -> None:
    compare_odd(number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(12, 312))
def test_many_nets_of_odd_sizes_get_the_modules_numbers(number: int) -> None:
    compare_odd(number)


# --- bits


@pytest.mark.parametrize("case", ["full_preact, BatchNorm", "dropout", "DenseNet, BatchNorm"])
@pytest.mark.parametrize("fields", [{}, {"optimiser": "adam", "clip": 0.5}], ids=["sgd", "adam"])
def test_bits_depend_neither_on_threads_nor_on_neighbours(
    case: str, fields: dict[str, Any]
) -> None:
    of = Experiment(lanes=lanes(case), lr=0.005, batch_size=32, **fields)
    stacks = [stack_of(of) for _ in range(2)]
    stacks[0].threads, stacks[1].threads = 1, 5
    one, five = (learn(stack, of, 4) for stack in stacks)
    np.testing.assert_array_equal(one, five)
    alone = of.with_(lanes=of.lanes[-1:])
    np.testing.assert_array_equal(one[:, -1:], learn(stack_of(alone), alone, 4))


def test_readings_do_not_depend_on_being_taken() -> None:
    of = Experiment(lanes=lanes("full_preact, BatchNorm"), lr=0.01, batch_size=32, clip=0.5)
    watched, unwatched = stack_of(of), stack_of(of)
    learn(watched, of, 3)
    assert learn(unwatched, of, 3, measure=False).size == 0
    torch.testing.assert_close(unwatched.weights, watched.weights, rtol=0, atol=0)


def test_a_drawn_net_whose_loss_is_not_finite_stays_as_it_is() -> None:
    of = Experiment(lanes=lanes("full_preact, BatchNorm"), lr=0.01, batch_size=32, clip=0.5)
    stack = stack_of(of)
    with torch.no_grad():
        stack.nets[0].get_submodule("head.classifier").bias[0] = torch.inf
    stack.read()
    before = stack.weights.clone()
    x, y = noise(of, 0)
    finite, _ = stack.learn([x] * 2, [y] * 2, True)
    assert finite.tolist() == [False, True] and stack.dead == {0}
    torch.testing.assert_close(stack.weights[0], before[0], rtol=0, atol=0)
    assert not torch.equal(stack.weights[1], before[1])


# --- a whole training


def trained(of: Experiment, engine: str, monkeypatch: pytest.MonkeyPatch) -> Training:
    """A training by one of the three engines."""
    with monkeypatch.context() as patch:
        patch.setenv("SKIPVIZ_FUSED", "1" if engine == "fused" else "0")
        if engine == "modules":
            patch.setattr("skipviz.engine.training.stackable", lambda *args: None)
        made = Training(of)
    assert set(made.engines) == {engine}
    return made


ADAM = {"optimiser": "adam", "lr": 0.002}
TOGETHER = {
    **{case: (whole(case), other) for case in WHOLE for other in ["modules"]},
    "pair, Adam": (whole("dropout").with_(lanes=lanes("pair"), seeds=1, **ADAM), "stacked"),
    "highway, clipped": (whole("dropout").with_(lanes=lanes("highway"), clip=0.5), "stacked"),
}


@pytest.mark.parametrize("turned", [False, True], ids=["fused first", "fused last"])
@pytest.mark.parametrize("case", TOGETHER)
def test_either_engine_goes_on_from_the_others_checkpoint(
    case: str, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, other = TOGETHER[case]
    first, second = ("fused", other)[:: -1 if turned else 1]
    begun, unbroken = (trained(of, first, monkeypatch) for _ in range(2))
    steps = begun.steps()
    for _ in range(3):
        next(steps)
    continued = trained(of, second, monkeypatch)
    continued.load(begun.state())
    assert_same(list(continued.frames()), list(unbroken.frames())[3:])


def test_what_is_left_to_the_stacked_engine() -> None:
    for case in (*CASES, *DRAWN):
        of = Experiment(lanes=lanes(case))
        for lane in of.lanes:
            shape = shape_of(lane, of)
            assert shape is not None
            assert claims(of, shape, CPU) == (shape.fixed is None), case
            assert not claims(of, shape, torch.device("cuda"))
    wide = Lane(family="plain", knobs={"backbone": "dense", "width": 513, "norm": "batch"})
    shape = shape_of(wide, Experiment(lanes=[wide]))
    assert shape is not None and not claims(Experiment(lanes=[wide]), shape, CPU)


# --- sanitizers


@pytest.mark.slow
def test_sanitizers_find_nothing_in_the_trials_of_the_kernel(tmp_path: Path) -> None:
    compiler, library = build.a_compiler(), tmp_path / "kernel.so"
    assert compiler is not None
    named = subprocess.run(
        [compiler, "-print-file-name=libasan.so"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    ).stdout.strip()
    if sys.platform != "linux" or not Path(named).is_absolute():
        pytest.skip(f"{compiler} has no sanitizers to load before Python")
    flags = ("-O1", "-g", "-march=native", "-fsanitize=address,undefined",
             "-fno-sanitize-recover=all")  # fmt: skip
    build.compile_to(library, compiler, flags)
    done = subprocess.run(
        [sys.executable, "-m", "skipviz.engine.fused.trial", str(library)], cwd=ROOT,
        capture_output=True, encoding="utf-8", check=False,
        env=os.environ | {"LD_PRELOAD": named, "ASAN_OPTIONS": "detect_leaks=0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
