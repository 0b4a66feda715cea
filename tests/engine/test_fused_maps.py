"""The fused kernel trains convolutional nets to the numbers of the reference modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.engine import device as devices
from skipviz.engine import fused
from skipviz.engine.fused.stack import FusedStack, learn_together
from skipviz.engine.grouping import stackable
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import shape_of
from skipviz.engine.stacked.program import program_of
from skipviz.models.plans import NetPlan
from skipviz.models.steps import Step
from tests.models.nets import VARIANTS

CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not fused.available(), reason=f"no fused kernel: {fused.why()}"),
]


def stack_of(of: Experiment, lanes: list[Lane] | None = None) -> FusedStack:
    lanes = lanes or of.lanes
    shapes = [shape_of(lane, of) for lane in lanes]
    nets = [make_net(lane, of.dataset, of.seed) for lane in lanes]
    wirings = [lane.wiring(of.dataset) for lane in lanes]
    assert all(shape is not None and shape.sides for shape in shapes)
    return FusedStack(of, nets, wirings, shapes, seeds=[of.seed] * len(lanes))  # type: ignore[arg-type]


def batch(of: Experiment, step: int, kind: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Pictures of noise (B, C, H, W) and labels: no ReLU stands at 0, as at a picture's corners."""
    rng, size = torch.Generator().manual_seed(step), of.batch_size
    sides = of.lanes[0].settings(of.dataset)["input_shape"]
    x = torch.randn(size, *sides, generator=rng)
    return x.to(kind), torch.randint(10, (size,), generator=rng)


def learn(stack: FusedStack, of: Experiment, steps: int) -> np.ndarray:
    """Readings (steps, N, R)."""
    rows = []
    for step in range(steps):
        x, y = batch(of, step)
        n = len(stack.nets)
        finite, reads = stack.learn([x.flatten(1)] * n, [y] * n, True, step)
        assert finite.all()
        rows.append(reads)
    return np.array(rows)


def modules(of: Experiment, steps: int, kind: torch.dtype) -> tuple[np.ndarray, NetTrainer]:
    """The same of the first lane's module."""
    trainer = NetTrainer(of, of.lanes[0], 0, CPU)
    trainer.net.to(kind)
    rows = [trainer.learn(*batch(of, step, kind), step, True) for step in range(steps)]
    return np.array(rows), trainer


def apart(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """How far readings (steps, R) are from the exact ones, of each step the worst."""
    scale = np.abs(exact) + 1e-5 * np.abs(exact).max(1, keepdims=True)
    return np.asarray((np.abs(found - exact) / scale).max(1))


def small(family: str, **knobs: Any) -> Lane:
    """A small net with tanh, which has no place where rounding decides which side is taken."""
    channels = {"stem_width": 6} if family == "densenet" else {"base_channels": 6}
    made = {"backbone": "cifar", "depth": 8, "activation": "tanh"} | channels | knobs
    return Lane(family=family, knobs=made)


NETS: dict[str, Lane] = {
    "plain": small("plain"),
    "plain, no norm": small("plain", norm="none"),
    **{variant: small("resnet", variant=variant) for variant in VARIANTS},
    "no norm": small("resnet", norm="none"),
    "projections": small("resnet", shortcut="B"),
    "sigmoid": small("resnet", activation="sigmoid"),
    "plain twin": small("resnet", plain_twin=True),
    "ReZero": small("resnet", branch_scale="rezero"),
    "stochastic depth": small("resnet", survival=0.6),
    "bottlenecks": small("resnet", depth=11, bottleneck=True),
    "highway": small("highway", depth=10),
    "DenseNet": small("densenet", depth=10, growth_rate=5),
    "DenseNet, bottlenecks": small("densenet", depth=16, growth_rate=12, bottleneck=True),
}


@pytest.mark.parametrize("name", NETS)
def test_twenty_steps_equal_those_of_the_modules(name: str) -> None:
    of = Experiment(lanes=[NETS[name]], lr=0.01, weight_decay=0.001, batch_size=16, device="cpu")
    exact, net = modules(of, 20, torch.float64)
    theirs, _ = modules(of, 20, torch.float32)
    stack = stack_of(of)
    off, other = apart(learn(stack, of, 20)[:, 0], exact), apart(theirs, exact)
    assert other.max() < 1e-3, "the case itself is chaotic and shows nothing"
    assert off[0] < 2e-6 and off.max() <= max(2e-5, 8 * other.max()), (off.max(), other.max())
    stack.write()
    for key, weight in stack.nets[0].state_dict().items():
        expected = net.net.state_dict()[key].double()
        torch.testing.assert_close(weight.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [{"optimiser": "nesterov"}, {"optimiser": "adam", "lr": 0.002}, {"clip": 0.3}],
    ids=["nesterov", "adam", "clip"],
)
def test_all_parameters_of_maps_are_moved_as_the_modules_move_them(fields: dict[str, Any]) -> None:
    of = Experiment(lanes=[NETS["projections"]], batch_size=16, device="cpu", **fields)
    exact, _ = modules(of, 6, torch.float64)
    assert apart(learn(stack_of(of), of, 6)[:, 0], exact).max() < 1e-4


# --- odd sizes, at random

FAMILIES: tuple[tuple[str, dict[str, list[Any]]], ...] = (
    ("plain", {"depth": [8]}),
    ("resnet", {
        "depth": [8], "variant": [*VARIANTS], "shortcut": ["A", "B", "C"],
        "branch_scale": ["one", "one", "rezero"], "plain_twin": [False, False, True],
    }),
    ("resnet", {"depth": [11], "bottleneck": [True]}),
    ("resnet", {"backbone": ["imagenet"], "depth": [18]}),
    ("highway", {"depth": [7]}),
    ("highway", {"backbone": ["fitnet"], "preset": ["highway4"]}),
    ("densenet", {"depth": [10], "growth_rate": [1, 7, 12]}),
    ("densenet", {"depth": [16], "growth_rate": [5], "bottleneck": [True]}),
)  # fmt: skip
FIELDS: dict[str, list[Any]] = {
    "batch_size": [2, 3, 17, 127], "optimiser": ["sgd", "nesterov"], "clip": [0.0, 0.0, 0.5],
    "weight_decay": [0.0, 0.01],
}  # fmt: skip
SIDES = [(8, 8), (9, 13), (16, 16), (17, 32), (33, 31)]


def odd(number: int) -> Experiment:
    """A net of some odd size on maps of odd sides, decided by a number."""
    rng = np.random.default_rng([17, number])

    def one_of(choices: dict[str, list[Any]]) -> dict[str, Any]:
        return {name: values[rng.integers(len(values))] for name, values in choices.items()}

    family, own = FAMILIES[rng.integers(len(FAMILIES))]
    knobs = {"backbone": "cifar"} | one_of(own)
    knobs |= one_of({"norm": ["batch", "batch", "none"], "activation": ["relu", "tanh", "sigmoid"]})
    if knobs["backbone"] != "fitnet":
        name = "stem_width" if family == "densenet" else "base_channels"
        knobs[name] = [3, 8, 24][rng.integers(3)]
    fields = one_of(FIELDS)
    sides = SIDES[rng.integers(len(SIDES))] if knobs["backbone"] == "cifar" else (33, 39)
    if sides[0] > 16:
        fields["batch_size"] = min(fields["batch_size"], 17)
    lane = Lane(family=family, knobs=knobs)
    of = Experiment(lanes=[lane], data="shapes", lr=0.001, device="cpu", **fields)
    shape = (int(rng.integers(1, 4)), *sides)
    vars(of)["dataset"] = replace(of.dataset, input_shape=shape)  # as of a set with such pictures
    return of


KINKS = {"relu", "max_pool", "global_max"}


def compare(of: Experiment, name: object) -> None:
    """Two steps are about as near to those of the modules in float64 as the modules' own in
    float32 are. At a ReLU and in a maximum rounding may choose the other side, for which a gradient
    has another value: there what goes forward in the first step is compared as closely, the rest
    loosely."""
    (exact, _), (theirs, _) = (modules(of, 2, kind) for kind in (torch.float64, torch.float32))
    ours = learn(stack_of(of), of, 2)[:, 0]
    off, other = apart(ours, exact), apart(theirs, exact)
    bound = np.maximum(1e-4, 30 * other)
    wiring = of.lanes[0].wiring(of.dataset)
    has_kinks = any(op.kind in KINKS for unit in wiring.units for op in unit.body.ops)
    if has_kinks:
        forward = [0, *range(2 + len(wiring.points) + len(wiring.layers), ours.shape[1])]
        near = apart(ours[:1, forward], exact[:1, forward])
        assert (near <= bound[:1]).all(), (name, of.to_json(), near)
        bound = np.maximum(0.2, bound)
    assert (off <= bound).all(), (name, of.to_json(), off, other)


@pytest.mark.parametrize("name", NETS)
def test_with_relu_a_step_is_that_of_the_modules(name: str) -> None:
    lane = NETS[name]
    relu = Lane(family=lane.family, knobs=dict(lane.knobs) | {"activation": "relu"})
    compare(Experiment(lanes=[relu], lr=0.001, batch_size=16, device="cpu"), name)


@pytest.mark.parametrize("number", range(8))
def test_convolutional_nets_of_odd_sizes_get_the_modules_numbers(number: int) -> None:
    compare(odd(number), number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(8, 308))
def test_many_convolutional_nets_of_odd_sizes_get_the_modules_numbers(number: int) -> None:
    compare(odd(number), number)


def test_of_equal_numbers_the_first_is_the_largest_as_in_the_modules() -> None:
    knobs = {"backbone": "fitnet", "preset": "highway4", "norm": "none", "activation": "tanh"}
    of = Experiment(
        lanes=[Lane(family="highway", knobs=knobs)], data="shapes", pool=2, batch_size=2,
        device="cpu",
    )  # fmt: skip
    _, y = batch(of, 0)
    x = torch.zeros(2, 3, 16, 16)  # all signals are 0; their gradients tell which pixel was taken
    trainer = NetTrainer(of, of.lanes[0], 0, CPU)
    trainer.net.double()
    exact = trainer.learn(x.double(), y, 0, True)
    (found,) = stack_of(of).learn([x.flatten(1)], [y], True)[1]
    assert exact is not None and exact[2] > 0.01
    assert apart(found[None], exact[None]).max() < 1e-5


# --- bits, neighbours, checkpoints


@pytest.mark.parametrize("name", ["original", "DenseNet", "highway"])
def test_bits_of_maps_depend_neither_on_threads_nor_on_neighbours(name: str) -> None:
    of = Experiment(lanes=[NETS[name]], lr=0.01, batch_size=16, device="cpu")
    lanes = [small("plain", norm="none"), *of.lanes]
    alone = learn(stack_of(of), of, 3)[:, 0]
    for threads in (1, 4):
        beside = [stack_of(of, [lane]) for lane in lanes]
        rows = []
        for step in range(3):
            x, y = batch(of, step)
            tasks = [(stack, [x.flatten(1)], [y]) for stack in beside]
            for stack in beside:
                stack.threads = threads
            rows.append(learn_together(tasks, True, step)[1][1][0])
        np.testing.assert_array_equal(np.array(rows), alone)


def test_readings_of_maps_do_not_depend_on_being_taken() -> None:
    of = Experiment(lanes=[NETS["full_preact"]], lr=0.01, batch_size=16, clip=0.5, device="cpu")
    watched, unwatched = stack_of(of), stack_of(of)
    learn(watched, of, 3)
    for step in range(3):
        x, y = batch(of, step)
        unwatched.learn([x.flatten(1)], [y], False, step)
    torch.testing.assert_close(unwatched.weights, watched.weights, rtol=0, atol=0)


@pytest.mark.parametrize("turned", [False, True], ids=["kernel first", "kernel last"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_kernel_and_modules_go_on_from_each_others_checkpoint(
    optimiser: str, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = [NETS["original"], NETS["DenseNet"]]
    of = Experiment(
        lanes=lanes, steps=8, batch_size=16, seeds=2, lr=0.002, optimiser=optimiser, device="cpu",
        evaluate_every=3,
    )  # fmt: skip

    def made(kind: str) -> engine.Training:
        with monkeypatch.context() as patch:
            patch.setenv("SKIPVIZ_FUSED", "1" if kind == "fused" else "0")
            training = engine.Training(of)
        assert set(training.engines) == {kind}
        return training

    kinds = ["fused", "modules"][:: -1 if turned else 1]
    whole = [np.array([np.stack([lane.loss for lane in frame.lanes]) for frame in frames])
             for frames in (list(made(kind).frames()) for kind in kinds)]  # fmt: skip
    first, second = made(kinds[0]), made(kinds[1])
    steps = first.frames()
    for _ in range(4):
        next(steps)
    second.load(first.state())
    rest = [np.stack([lane.loss for lane in frame.lanes]) for frame in second.frames()]
    np.testing.assert_allclose(np.array(rest), whole[1][4:], rtol=2e-4)
    np.testing.assert_allclose(whole[0], whole[1], rtol=2e-4)


def test_a_convolution_that_is_not_what_was_drawn_is_refused() -> None:
    of = Experiment(lanes=[NETS["plain"]], device="cpu")
    net, shape = make_net(of.lanes[0], of.dataset, 0), shape_of(of.lanes[0], of)
    assert shape is not None
    next(m for m in net.modules() if isinstance(m, torch.nn.Conv2d)).dilation = (2, 2)
    with pytest.raises(ValueError, match="dilated"):
        FusedStack(of, [net], [of.lanes[0].wiring(of.dataset)], [shape])


# --- which nets it takes


def test_small_maps_are_the_kernels_and_large_ones_where_a_net_has_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lane = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})
    small_maps = Experiment(lanes=[lane], data="shapes", pool=2, batch_size=64, device="cpu")
    large = small_maps.with_(pool=1)

    def taken(of: Experiment) -> bool:
        return stackable(lane, of, CPU) is not None

    for cores, takes_large in ((2, True), (8, False)):
        monkeypatch.setattr(devices, "cores", lambda cores=cores: cores)
        assert taken(small_maps) and taken(large) == takes_large
    monkeypatch.setattr(devices, "cores", lambda: 2)
    assert not taken(small_maps.with_(precision="bfloat16"))
    assert stackable(lane, small_maps, torch.device("cuda")) is None
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    assert not taken(small_maps)


REFUSED = {
    "groups": Lane(family="resnext", knobs={"backbone": "cifar", "depth": 11}),
    "input dropped": Lane(family="highway", knobs={"backbone": "fitnet", "depth": 19}),
    "maps made flat": Lane(
        family="highway", knobs={"backbone": "fitnet", "depth": 10, "dropout": False}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_kernel_does_not_know_is_left_to_the_modules(name: str) -> None:
    of = Experiment(lanes=[REFUSED[name]], data="shapes", device="cpu")
    assert shape_of(of.lanes[0], of) is None
    assert engine.Training(of.with_(batch_size=4)).engines == ["modules"]


def test_a_drawing_whose_maps_drop_values_is_left_to_the_modules() -> None:
    """What is dropped of maps comes in another order than of rows."""
    conv = Step("conv", "conv", 3, 4, kernel=3, padding=1)
    pool = Step("global_avg", "pool"), Step("flatten", "flatten"), Step("linear", "linear", 4, 2)
    for between, is_known in (
        (Step("relu", "act"), True),
        (Step("dropout", "drop", value=0.2), False),
    ):
        plan = NetPlan((conv, between), (), pool)
        drawn = plan.wiring({"input_shape": (3, 8, 8), "backbone": "cifar"}, "plain", "x", "Stage")
        assert (program_of(drawn) is not None) == is_known
