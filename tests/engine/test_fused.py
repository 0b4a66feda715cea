"""The fused kernel holds the same numbers as the stacked engine, and is missed by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.cli import doctor
from skipviz.core.experiment import Experiment, Lane
from skipviz.engine import fused
from skipviz.engine.batches import Batches
from skipviz.engine.fused import build
from skipviz.engine.fused.stack import FusedStack, claims, learn_together
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, shape_of
from skipviz.engine.training import Training

ROOT = Path(__file__).resolve().parents[2]

needs_kernel = pytest.mark.skipif(not fused.available(), reason=f"no fused kernel: {fused.why()}")

FAMILIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "plain": [("plain", {})],
    "residual beside its twin": [("resnet", {}), ("resnet", {"plain_twin": True})],
    "one-layer branches": [("resnet", {"branch_layers": 1})],
    "highway": [("highway", {})],
    "highway twin": [("highway", {"plain_twin": True})],
}
INITS = {"relu": "he", "tanh": "glorot", "sigmoid": "torch_default"}

pytestmark = pytest.mark.usefixtures("one_thread")


def experiment(family: str, batch_size: int = 32, **knobs: Any) -> Experiment:
    lanes = [
        Lane(family=name, knobs={"backbone": "dense", "depth": 7} | own | knobs)
        for name, own in FAMILIES[family]
    ]
    return Experiment(lanes=lanes, batch_size=batch_size, lr=0.01, device="cpu")


def made(kind: Any, chosen: Experiment, dtype: torch.dtype = torch.float32) -> Any:
    shapes = [shape_of(lane, chosen) for lane in chosen.lanes]
    wirings = [x.wiring(chosen.dataset) for x in chosen.lanes]
    nets = [make_net(lane, chosen.dataset, 0).to(dtype) for lane in chosen.lanes]
    return kind(chosen, nets, wirings, shapes)


def batch(chosen: Experiment, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng, n = torch.Generator().manual_seed(step), len(chosen.lanes)
    x = torch.randn(1, chosen.batch_size, 64, generator=rng)
    y = torch.randint(10, (1, chosen.batch_size), generator=rng)
    return x.expand(n, -1, -1), y.expand(n, -1)


def readings(stack: Any, chosen: Experiment, steps: int = 4, start: int = 0) -> np.ndarray:
    """The readings of some steps of all nets, (steps, N, R)."""
    rows = []
    for step in range(start, start + steps):
        x, y = batch(chosen, step)
        if isinstance(stack, Stack):
            x = x.to(stack.weights.flat.dtype)
        rows.append(np.array(stack.learn(x, y, True)[1]))
    return np.array(rows)


def equal_to_rounding(chosen: Experiment, steps: int = 4) -> None:
    """The fused kernel is within 1e-6 of the stacked engine in float64, or as near to it as the
    stacked engine in float32 is: deep nets multiply rounding, whoever rounds."""
    exact = readings(made(Stack, chosen, torch.float64), chosen, steps)
    stacked = readings(made(Stack, chosen), chosen, steps)
    found = readings(made(FusedStack, chosen), chosen, steps)
    scale = np.where(exact == 0, 1, np.abs(exact))
    theirs, ours = (np.abs(values - exact) / scale for values in (stacked, found))
    assert ours.max() <= max(1e-6, 4 * theirs.max()), (ours.max(), theirs.max())
    assert theirs.max() < 1e-4, "the case itself is chaotic and shows nothing"


@needs_kernel
@pytest.mark.parametrize("activation", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_and_activation_gets_the_stacked_engines_numbers(
    family: str, activation: str
) -> None:
    equal_to_rounding(experiment(family, activation=activation, init=INITS[activation]))


@needs_kernel
@pytest.mark.parametrize(
    ("width", "batch_size"), [(1, 63), (7, 128), (50, 2), (50, 128), (64, 63), (130, 2), (130, 63)]
)
@pytest.mark.parametrize("family", ["residual beside its twin", "highway"])
def test_any_width_and_batch_size_will_do(family: str, batch_size: int, width: int) -> None:
    equal_to_rounding(experiment(family, batch_size, width=width, activation="tanh"))


@needs_kernel
@pytest.mark.parametrize("depth", [2, 3, 30, 100])
@pytest.mark.parametrize("family", ["residual beside its twin", "highway"])
def test_any_depth_will_do(family: str, depth: int) -> None:
    equal_to_rounding(experiment(family, depth=depth, activation="tanh"))


@needs_kernel
def test_one_layer_will_do() -> None:
    equal_to_rounding(experiment("plain", depth=1))


@needs_kernel
@pytest.mark.parametrize("init", ["torch_default", "he", "glorot", "orthogonal"])
def test_any_init_will_do(init: str) -> None:
    equal_to_rounding(experiment("residual beside its twin", init=init, activation="tanh"))


@needs_kernel
@pytest.mark.parametrize("optimiser", ["sgd", "nesterov"])
def test_momentum_and_weight_decay_are_those_of_the_stacked_engine(optimiser: str) -> None:
    chosen = experiment("residual beside its twin", activation="tanh")
    equal_to_rounding(chosen.with_(optimiser=optimiser, weight_decay=0.01, momentum=0.8), 12)


@needs_kernel
def test_the_weights_after_training_are_those_of_the_stacked_engine() -> None:
    chosen = experiment("highway")
    stacks = [made(Stack, chosen, torch.float64), made(FusedStack, chosen)]
    for stack in stacks:
        readings(stack, chosen, 10)
        stack.write()
    (expected,), (found,) = (stack.nets for stack in stacks)
    for name, weight in found.state_dict().items():
        torch.testing.assert_close(
            weight.double(), expected.state_dict()[name], rtol=1e-5, atol=1e-7
        )


@needs_kernel
@pytest.mark.parametrize("size", [3.5e-21, 1e-30, 1e-37, 1e20])
def test_norms_beyond_the_squares_of_float32_are_shown_as_themselves(size: float) -> None:
    chosen = experiment("plain", depth=2, width=5)
    stack = made(FusedStack, chosen)
    with torch.no_grad():
        stack.nets[0].get_submodule("head.classifier").weight.fill_(0)
        stack.nets[0].get_submodule("head.classifier").weight[0] = size
    exact = made(Stack, chosen, torch.float64)
    exact.nets[0].load_state_dict(stack.nets[0].state_dict())
    stack.read()
    exact.read()
    if size > 1:  # a large signal would leave a loss that is not finite
        for each in (stack, exact):
            each.dead = {0}
    found, expected = readings(stack, chosen, 1), readings(exact, chosen, 1)
    signals = slice(2, 3)
    assert 0 < expected[0, 0, signals].max() < 1e-20 or size > 1
    np.testing.assert_allclose(found[0, 0, signals], expected[0, 0, signals], rtol=1e-3)


@needs_kernel
def test_a_net_whose_loss_is_not_finite_stays_as_it_is_and_so_do_its_neighbours() -> None:
    chosen = experiment("residual beside its twin")
    stack, alone = made(FusedStack, chosen), made(FusedStack, chosen)
    with torch.no_grad():
        stack.nets[0].get_submodule("head.classifier").bias[0] = torch.inf
    stack.read()
    before = stack.weights.clone()
    for step in range(3):
        x, y = batch(chosen, step)
        finite, reads = stack.learn(x, y, True)
        _, expected = alone.learn(x, y, True)
        assert finite.tolist() == [False, True] and not np.isfinite(reads[0][0])
        np.testing.assert_array_equal(reads[1], expected[1])
    assert stack.dead == {0}
    torch.testing.assert_close(stack.weights[0], before[0], rtol=0, atol=0)
    assert not torch.equal(stack.weights[1], before[1])


@needs_kernel
def test_not_a_number_goes_through_as_in_the_stacked_engine() -> None:
    for activation in INITS:
        chosen = experiment("residual beside its twin", activation=activation)
        stacks = [made(Stack, chosen), made(FusedStack, chosen)]
        for stack in stacks:
            with torch.no_grad():
                stack.nets[0].get_submodule("stem.linear1").bias[0] = torch.nan
            stack.read()
        expected, found = (readings(stack, chosen, 2) for stack in stacks)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@needs_kernel
def test_a_result_depends_neither_on_threads_nor_on_the_run_nor_on_neighbours() -> None:
    chosen = experiment("residual beside its twin").with_(seeds=3)
    stacks = [made(FusedStack, chosen) for _ in range(3)]
    for stack, threads in zip(stacks, (1, 2, 5), strict=True):
        stack.threads = threads
    one, two, five = (readings(stack, chosen, 5) for stack in stacks)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, five)
    alone = chosen.with_(lanes=chosen.lanes[1:])
    np.testing.assert_array_equal(one[:, 1:], readings(made(FusedStack, alone), alone, 5))


@needs_kernel
def test_stacks_of_several_shapes_learn_together_what_they_learn_alone() -> None:
    several = [experiment("highway"), experiment("plain", depth=4, width=9)]
    alone = [readings(made(FusedStack, chosen), chosen, 3) for chosen in several]
    stacks = [made(FusedStack, chosen) for chosen in several]
    for step in range(3):
        tasks = [(s, *map(list, batch(c, step))) for s, c in zip(stacks, several, strict=True)]
        for (_, found), expected in zip(learn_together(tasks, True), alone, strict=True):
            np.testing.assert_array_equal(found, expected[step])


@needs_kernel
def test_readings_do_not_depend_on_being_taken() -> None:
    chosen = experiment("highway")
    watched, unwatched = made(FusedStack, chosen), made(FusedStack, chosen)
    readings(watched, chosen, 3)
    for step in range(3):
        assert unwatched.learn(*batch(chosen, step), False)[1] == []
    torch.testing.assert_close(unwatched.weights, watched.weights, rtol=0, atol=0)


@needs_kernel
@pytest.mark.parametrize("family", ["residual beside its twin", "highway"])
@pytest.mark.parametrize(("first", "second"), [(FusedStack, Stack), (Stack, FusedStack)])
def test_either_engine_goes_on_where_the_other_stopped(
    family: str, first: Any, second: Any
) -> None:
    chosen = experiment(family)
    begun, whole = made(first, chosen), made(Stack, chosen)
    expected = readings(whole, chosen, 6)
    readings(begun, chosen, 3)
    begun.write()
    continued = made(second, chosen)
    for mine, other in zip(continued.nets, begun.nets, strict=True):
        mine.load_state_dict(other.state_dict())
    continued.load(begun.state())
    np.testing.assert_allclose(readings(continued, chosen, 3, 3), expected[3:], rtol=1e-5)


@needs_kernel
def test_a_batch_of_another_shape_or_kind_is_refused() -> None:
    chosen = experiment("plain")
    stack = made(FusedStack, chosen)
    x, y = batch(chosen, 0)
    for images, labels in ((x.double(), y), (x[:, 1:], y), (x, y.int())):
        with pytest.raises(ValueError, match="must be"):
            stack.learn(images, labels, True)


def test_what_it_does_not_claim_is_left_to_the_stacked_engine() -> None:
    plain = experiment("plain")
    shape = shape_of(plain.lanes[0], plain)
    assert shape is not None
    cpu = torch.device("cpu")
    assert claims(plain, shape, cpu) == fused.available()
    assert not claims(plain, shape, torch.device("cuda"))
    fixed = experiment("highway", gate=0.5)
    shape = shape_of(fixed.lanes[0], fixed)
    assert shape is not None and not claims(fixed, shape, cpu)


@needs_kernel
def test_a_training_is_done_by_it_unless_the_environment_says_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = experiment("residual beside its twin").with_(steps=3)
    frames = {}
    for flag in ("1", "0"):
        monkeypatch.setenv("SKIPVIZ_FUSED", flag)
        training = Training(chosen)
        assert [type(stack) for stack, _ in training.stacks] == [
            FusedStack if flag == "1" else Stack
        ]
        frames[flag] = list(training.frames())
    assert fused.why() == "SKIPVIZ_FUSED is 0" and not fused.available()
    for ours, theirs in zip(frames["1"], frames["0"], strict=True):
        for lane, other in zip(ours.lanes, theirs.lanes, strict=True):
            assert lane.loss == pytest.approx(other.loss, rel=1e-6)
            np.testing.assert_allclose(
                lane.signal_gradient_norm, other.signal_gradient_norm, rtol=1e-5
            )


REPORT = """
from skipviz.engine import fused
print(fused.available(), fused.why(), sep="|")
from skipviz import Experiment, Lane, train
lane = Lane(family="resnet", knobs={"backbone": "dense", "depth": 5})
print(len(list(train(Experiment(lanes=[lane], steps=3, device="cpu")))))
"""


def with_compiler(folder: Path, script: str | None) -> str:
    """The PATH of a machine whose only compiler, if any, is a `cc` of one's own."""
    folder.mkdir()
    if script is not None:
        (folder / "cc").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "cc").chmod(0o755)
    return str(folder)


BROKEN = "echo 'error: licence expired' >&2; exit 1"
needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="not built on Windows")


@pytest.mark.slow
@needs_sh
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "no C compiler"),
        (BROKEN, "licence expired"),
        ('case "$*" in *-dM*) echo "#define __x 1";; *) exit 0;; esac', "could not build it"),
        (
            'case "$*" in *-dM*) echo "#define __x 1";;'
            ' *) while [ "$1" != -o ]; do shift; done; echo x > "$2";; esac',
            "failed its trial",
        ),
    ],
    ids=["no compiler", "broken", "builds nothing", "builds rubbish"],
)
def test_a_compiler_that_does_not_work_is_told_and_leaves_no_library(
    tmp_path: Path, script: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", with_compiler(tmp_path / "tools", script))
    with pytest.raises(build.Unavailable, match=reason):
        build.load()
    assert not list((tmp_path / "cache").glob("fused/*.so"))


@pytest.mark.slow
@needs_sh
def test_without_a_working_compiler_training_goes_on_and_the_reason_is_told(
    tmp_path: Path,
) -> None:
    path = with_compiler(tmp_path / "tools", BROKEN)
    cache = str(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        capture_output=True, encoding="utf-8", cwd=ROOT,
        env=os.environ | {"PATH": path, "SKIPVIZ_CACHE": cache, "SKIPVIZ_FUSED": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, frames = done.stdout.strip().splitlines()
    assert first.startswith("False|") and "licence expired" in first and frames == "3"


@pytest.mark.slow
@needs_kernel
def test_the_library_is_made_once_under_its_hash_in_a_folder_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    build.load()
    (library,) = (tmp_path / "fused").glob("*.so")
    assert (tmp_path / "fused").stat().st_mode & 0o777 == 0o700
    assert len(library.stem) == 32 and library.stat().st_uid == os.getuid()
    made_at = library.stat().st_mtime_ns
    build.load()
    assert library.stat().st_mtime_ns == made_at
    assert {path.suffix for path in (tmp_path / "fused").iterdir()} == {".so", ".lock"}


@pytest.mark.slow
@needs_kernel
def test_a_library_that_is_only_a_link_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    build.load()
    (library,) = (tmp_path / "fused").glob("*.so")
    library.rename(tmp_path / "elsewhere.so")
    library.symlink_to(tmp_path / "elsewhere.so")
    with pytest.raises(build.Unavailable, match="not a file of this user's"):
        build.load()


@needs_kernel
@pytest.mark.parametrize("augment", ["none", "both"])
def test_batches_are_to_the_last_bit_those_of_torch(augment: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 32, 32), (1, 8, 8), (1, 7, 5)):
        batches = Batches(experiment("plain").with_(seed=2, augment=augment), torch.device("cpu"))
        batches.images = torch.from_numpy(
            rng.integers(0, 256, (len(batches.labels), *shape), np.uint8)
        )
        batches.mean = torch.randn(1, shape[0], 1, 1) + 100
        batches.std = torch.rand(1, shape[0], 1, 1) * 70 + 1
        expected, labels = batches.batch(5, 2)
        batches.kernel = fused.kernel()
        found, same = batches.batch(5, 2)
        assert torch.equal(found, expected) and torch.equal(labels, same)


@needs_kernel
def test_the_peak_is_that_of_a_processor() -> None:
    assert 1 < fused.peak_gflops(0.02) < 10_000


@pytest.mark.slow
def test_the_doctor_says_whether_it_is_in_use_and_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    findings = {check.__name__: check for check in doctor.CHECKS}
    found = findings["_fused"]()
    assert found.good and found.text.startswith("not in use: SKIPVIZ_FUSED is 0")
