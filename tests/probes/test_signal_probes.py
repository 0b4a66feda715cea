"""What the numbers of the signal probes mean: nets made by hand, of which the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import probe
from skipviz.engine.hooks import on_batch_statistics, sample_batch
from skipviz.engine.trained import Trained, restore
from skipviz.engine.training import Training
from skipviz.figures import answers
from skipviz.probes import landscape, paths, shattering
from skipviz.store.lane_axes import families, labels

DENSE = {"backbone": "dense", "width": 12}


def nets(*lanes: Lane, steps: int = 3) -> Trained:
    """Lanes after a few steps on digits."""
    training = Training(Experiment(lanes=lanes, steps=steps, lr=0.05, device="cpu"))
    for _ in training.frames():
        pass
    return restore(training.experiment, training.state(), training.batches, 0)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return nets(
        Lane(family="plain", knobs=DENSE | {"depth": 4}),
        Lane(family="resnet", knobs=DENSE | {"depth": 7}),
        Lane(family="highway", knobs=DENSE | {"depth": 4}),
        Lane(family="densenet", knobs={"backbone": "dense", "depth": 5, "growth_rate": 4}),
    )


def ask(trained: Trained, key: str, **options: Any) -> dict[str, Any]:
    declared = probe(key)
    value: dict[str, Any] = declared.measure(trained, **declared.options(options))
    return value


def without_branches(trained: Trained, lane: int) -> Trained:
    """The same nets, with every weight of a lane's residual branches at 0."""
    net = on_batch_statistics(trained.nets[lane])
    for name, weight in net.named_parameters():
        if "branch" in name:
            nn.init.zeros_(weight)
    made = list(trained.nets)
    made[lane] = net
    return replace(trained, nets=made)


def signal_gradient(net: nn.Module, path: str, x: torch.Tensor, y: torch.Tensor) -> float:
    """‖dLoss/dx‖ at a module's output, by autograd alone."""
    kept = []
    hook = net.get_submodule(path).register_forward_hook(lambda m, a, out: kept.append(out))
    loss = nn.functional.cross_entropy(net(x), y)
    hook.remove()
    (grad,) = torch.autograd.grad(loss, kept[0])
    return float(grad.double().norm())


def test_the_gradient_and_scale_of_propagation_are_autograds(trained: Trained) -> None:
    value = ask(trained, "propagation", samples=50)
    x, y = sample_batch(trained, 50)
    for lane, entry in enumerate(value["lanes"]):
        for point, gradient in zip(trained.wirings[lane].points, entry["gradient"], strict=True):
            right = signal_gradient(trained.nets[lane], point.path, x, y)
            assert gradient == pytest.approx(right, rel=1e-4)


def test_inputs_that_have_become_one_have_a_cosine_of_one(trained: Trained) -> None:
    net = on_batch_statistics(trained.nets[0])
    stem: Any = net.get_submodule("stem.linear1")
    nn.init.zeros_(stem.weight)
    nn.init.ones_(stem.bias)
    value = ask(replace(trained, nets=[net, *trained.nets[1:]]), "propagation")
    alive = [v for v in value["lanes"][0]["similarity"] if not math.isnan(v)]
    assert alive == pytest.approx([1.0] * len(alive), abs=1e-6)
    assert all(-1 <= v < 1 for v in value["lanes"][1]["similarity"])


def test_at_init_is_the_net_before_any_update(trained: Trained) -> None:
    lane = trained.experiment.lanes[1]
    first = nets(lane, steps=1)
    assert (
        ask(trained, "shares", when="init")["lanes"][1]
        == ask(first, "shares", when="init")["lanes"][0]
    )
    assert ask(trained, "shares")["lanes"][1] != ask(trained, "shares", when="init")["lanes"][1]


def test_branches_of_zeros_add_nothing_and_carry_the_whole_gradient(trained: Trained) -> None:
    value = ask(without_branches(trained, 1), "shares")["lanes"][1]
    assert value["depth"] == [3, 5, 7]
    assert value["ratio"] == [0, 0, 0]
    assert value["share"] == [1, 1, 1]


def test_no_usual_init_begins_where_a_branch_adds_nothing() -> None:
    """The lesson on residual nets says where each of the three inits begins."""
    deep = {"backbone": "dense", "depth": 21}
    inits = ("he", "glorot", "torch_default")
    lanes = [Lane(family="resnet", knobs=deep | {"init": init}) for init in inits]
    answer = ask(nets(*lanes, steps=1), "shares", when="init")
    he, glorot, default = (float(np.median(lane["ratio"])) for lane in answer["lanes"])
    assert 0.1 < default < 0.5 < glorot < 1 < he < 2


def test_plain_nets_have_no_skip_and_one_path(trained: Trained) -> None:
    assert ask(trained, "shares")["lanes"][0]["ratio"] == []
    assert ask(trained, "paths")["lanes"][0] == {"units": 0}


def test_with_branches_of_zeros_only_the_shortest_path_has_a_gradient(trained: Trained) -> None:
    value = ask(without_branches(trained, 1), "paths")["lanes"][1]
    assert value["units"] == 3
    assert value["gradient"] == [1, 0, 0, 0]
    assert value["count"] == [1 / 8, 3 / 8, 3 / 8, 1 / 8]


@pytest.mark.parametrize("lane", [1, 2])
def test_half_of_each_way_is_half_of_the_gradient(trained: Trained, lane: int) -> None:
    """Following both ways by half at each of n units leaves 2^-n of the gradient of the net."""
    chain, y = paths._chain(trained, lane, 40)
    n = sum(paths._adds(body) for _, body, _ in chain)
    x, _ = sample_batch(trained, 40)
    whole = signal_gradient(trained.nets[lane], "stem", x, y)
    half = paths._follow(chain, y, torch.full((1, n), 0.5, dtype=torch.float64))
    assert float(half[0]) == pytest.approx(whole * 0.5**n, rel=1e-4)


def test_neighbours_agree_on_a_smooth_curve_and_not_on_noise() -> None:
    smooth = np.sin(np.linspace(0, 2 * np.pi, 256))
    noise = np.random.default_rng(0).standard_normal(256)
    assert shattering._autocorrelation(smooth)[0] > 0.98
    assert abs(shattering._autocorrelation(noise - noise.mean())[0]) < 0.2
    assert shattering._autocorrelation(np.zeros(256))[0] == 1


def test_the_sharpest_direction_is_the_hessians_largest_eigenvalue() -> None:
    lane = Lane(family="plain", knobs={"backbone": "dense", "width": 3, "depth": 1})
    trained = nets(lane, steps=2)
    net = on_batch_statistics(trained.nets[0]).double()
    x, y = sample_batch(trained, 32)
    x = x.double()
    weights = list(net.parameters())
    shapes = [weight.shape for weight in weights]
    names = [name for name, _ in net.named_parameters()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.split([math.prod(shape) for shape in shapes])
        values = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(net, values, (x,)), y)

    flat = torch.cat([weight.detach().flatten() for weight in weights])
    hessian = torch.autograd.functional.hessian(loss, flat)
    right = float(torch.linalg.eigvalsh(hessian)[-1])
    for seed in range(3):
        assert landscape._sharpest(net, x, y, seed) == pytest.approx(right, rel=1e-4)
    float32 = on_batch_statistics(trained.nets[0])
    assert landscape._sharpest(float32, x.float(), y, 0) == pytest.approx(right, rel=1e-4)


def test_the_plane_goes_through_the_weights_and_leaves_them_as_they_are(trained: Trained) -> None:
    before = [p.detach().clone() for net in trained.nets for p in net.parameters()]
    value = ask(trained, "landscape", points=3, samples=64)
    after = [p for net in trained.nets for p in net.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    for entry in value["lanes"]:
        assert entry["loss"][1][1] == pytest.approx(entry["centre"], rel=1e-5)
        assert 0 < entry["floor"] <= 1 and 0 <= entry["worse"] <= 1


def test_a_direction_has_the_length_of_each_filter_and_spares_the_biases() -> None:
    weight, bias = torch.randn(5, 3, 2, 2), torch.randn(5)
    first, second = landscape._direction([weight, bias], 0, 0)
    assert torch.allclose(first.flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
    assert not second.any()
    assert not torch.equal(first, landscape._direction([weight, bias], 0, 1)[0])


def test_reuse_names_what_reads_what_and_misses_what_it_reads(trained: Trained) -> None:
    value = ask(trained, "reuse")
    assert [len(lane["blocks"]) for lane in value["lanes"]] == [0, 0, 0, 1]
    block = value["lanes"][3]["blocks"][0]
    assert block["sources"] == ["input", "unit 1", "unit 2", "unit 3", "unit 4"]
    assert block["targets"] == ["unit 1", "unit 2", "unit 3", "unit 4", "classifier"]
    for t, row in enumerate(block["weight"]):
        assert [v is None for v in row] == [s > t for s in range(5)]
    assert block["weight"] != block["weight_at_init"]


def test_features_that_nothing_reads_are_not_missed(trained: Trained) -> None:
    net = on_batch_statistics(trained.nets[3])
    wiring = trained.wirings[3]
    first = wiring.stages[1].units[0].body
    low, high = first.input_shape[0], first.output_shape[0]
    for unit in wiring.units[2:]:
        layer: Any = net.get_submodule(unit.module(unit.body.weights[0]))
        with torch.no_grad():
            layer.weight[:, low:high] = 0
    block = ask(replace(trained, nets=[*trained.nets[:3], net]), "reuse")["lanes"][3]["blocks"][0]
    assert block["removed"][1] == 0 and block["weight"][2][1] == 0
    assert block["removed"][0] != 0


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(answers.probes_with_figures()))
@pytest.mark.parametrize("dark", [False, True])
def test_every_figure_of_a_probe_draws_its_answer_with_axis_titles(
    key: str, dark: bool, trained: Trained
) -> None:
    lanes = list(zip(labels(trained.experiment), families(trained.experiment), strict=True))
    drawn = answers.of(key)([ask(trained, key)] * 2, lanes, dark)
    axes = [axis for axis in drawn.to_dict()["layout"] if axis.startswith(("xaxis", "yaxis"))]
    assert drawn.data and axes
    titles = [drawn.layout[axis].title.text for axis in axes]
    assert any(titles)


def test_norms_computed_otherwise_are_those_of_the_first_frame() -> None:
    """Recorded norms, autograd in float64 and differences of the loss are three ways to one
    number; a net with normalisation has only two of them."""
    shallow = DENSE | {"depth": 4}
    lanes = [Lane(family="plain", knobs=shallow | each) for each in ({}, {"norm": "batch"})]
    training = Training(Experiment(lanes=lanes, steps=2, lr=0.05, device="cpu"))
    first = next(iter(training.frames()))
    state = training.state()
    answer = ask(restore(training.experiment, state, training.batches, 0), "cross_check", points=3)
    for lane, shown in zip(answer["lanes"], first.lanes, strict=True):
        signal, weight = (
            np.ravel(norms) for norms in (shown.signal_gradient_norm, shown.weight_gradient_norm)
        )
        assert lane["autograd"] == pytest.approx(signal, rel=1e-3)
        assert lane["weight"] == pytest.approx(weight, rel=1e-3)
        assert lane["scale"] == pytest.approx(np.ravel(shown.activation_scale), rel=1e-3)
    plain, normed = answer["lanes"]
    moved = [place for place, each in enumerate(plain["differences"]) if each is not None]
    assert len(moved) == 3 and not any(normed["differences"])
    for place in moved:
        assert plain["differences"][place] == pytest.approx(plain["autograd"][place], rel=1e-3)
