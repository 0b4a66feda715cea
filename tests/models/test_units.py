"""What the units compute: their zero laws, the five orders, and how the families are related."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import build
from skipviz.models.backbones import StochasticDepth
from skipviz.models.highway.net import HighwayUnit
from skipviz.models.resnet.net import ResidualUnit

from .nets import VARIANTS, Case, batch, built, randomise_norms, settled, wired

CIFAR = {"depth": 20, "input_shape": (3, 8, 8)}
DENSE = {"backbone": "dense", "depth": 9, "input_shape": (1, 8, 8)}


def _zero(net: nn.Module, within: str = "") -> None:
    for name, parameter in net.named_parameters():
        if within in name:
            nn.init.zeros_(parameter)


def _steady(wiring: Wiring) -> list[str]:
    """The paths of the residual units that keep the shape and come after another unit."""
    return [
        unit.path
        for unit in wiring.units
        if unit.body.kind == "residual" and not unit.path.endswith(".0")
    ]


def _unit(net: nn.Module, path: str) -> ResidualUnit:
    unit = net.get_submodule(path)
    assert isinstance(unit, ResidualUnit)
    return unit


def _signal(net: nn.Module, case: Case) -> Tensor:
    """A signal that a unit of the first stage can take."""
    seen: list[Tensor] = []
    hook = net.get_submodule("stem").register_forward_hook(lambda m, a, out: seen.append(out))
    net(batch(case, double=True))
    hook.remove()
    return torch.randn(seen[0].shape, dtype=torch.float64)


@pytest.mark.parametrize("backbone", [CIFAR, {**DENSE, "norm": "batch"}], ids=["cifar", "dense"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_residual_unit_of_zeros_does_what_its_order_says(
    variant: str, backbone: dict[str, Any]
) -> None:
    case: Case = ("resnet", {**backbone, "variant": variant})
    net = built(case, double=True).eval()
    unit, x = _unit(net, _steady(wired(case))[0]), _signal(net, case)
    _zero(unit)
    zeros = torch.zeros_like(x)
    expected = {"original": x.relu(), "bn_after_add": zeros}.get(variant, x)
    assert torch.equal(unit(x), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_ordinary_weights_the_signs_of_a_unit_are_those_of_its_order(variant: str) -> None:
    case: Case = ("resnet", {**CIFAR, "variant": variant})
    net = built(case, double=True)
    randomise_norms(net)
    unit, x = _unit(net.eval(), _steady(wired(case))[0]), _signal(net, case)
    out = unit(x)
    assert (out >= 0).all() == (variant in ("original", "bn_after_add"))
    assert (out >= x).all() == (variant == "relu_before_add")


@pytest.mark.parametrize("variant", ["relu_only_preact", "full_preact"])
@pytest.mark.parametrize("backbone", [CIFAR, DENSE, {**CIFAR, "depth": 11, "bottleneck": True}])
def test_pre_activation_activates_the_stem_before_the_split_and_the_last_sum(
    variant: str, backbone: dict[str, Any]
) -> None:
    wiring = wired(("resnet", {**backbone, "variant": variant, "norm": "batch"}))
    stem, first = wiring.units[0].body, wiring.units[1].body
    assert stem.ops[-1].kind == "relu"
    assert first.ops[0].kind in ("conv", "linear")
    final = ["norm", "relu"] if variant == "full_preact" else ["relu"]
    assert [op.kind for op in wiring.units[-1].body.ops][: len(final)] == final
    for unit in wiring.units[2:-1]:
        split = [op for op in unit.body.ops if op.path.startswith("before_split")]
        changes = unit.body.input_shape != unit.body.output_shape
        assert bool(split) == changes
        shortcut = [op for op in unit.body.ops if op.role == "shortcut"]
        assert bool(shortcut) == changes
        if shortcut:
            assert unit.body.sources(shortcut[0].name) == [split[-1].name]


def test_the_zeros_of_option_a_come_after_the_channels_that_are_kept() -> None:
    case: Case = ("resnet", CIFAR)
    net = built(case, double=True).eval()
    entry = _unit(net, "stages.1.0")
    _zero(entry)
    x = _signal(net, case)
    out = entry(x)
    assert torch.equal(out[:, :16], x[:, :, ::2, ::2].relu()) and not out[:, 16:].any()


@pytest.mark.parametrize("scale", ["zero_init", "rezero"])
@pytest.mark.parametrize("variant", ["original", "full_preact", "bn_after_add"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_branch_that_starts_at_zero_passes_its_input_on(
    scale: str, variant: str, norm: str
) -> None:
    case: Case = ("resnet", {**CIFAR, "branch_scale": scale, "variant": variant, "norm": norm})
    net = built(case, double=True).eval()
    unit, x = _unit(net, _steady(wired(case))[0]), _signal(net, case)
    without = unit.after_add(x) if len(unit.after_add) else x
    assert torch.equal(unit(x), without)


@pytest.mark.parametrize(("scale", "factor"), [("inv_sqrt_depth", 9**-0.5), (0.25, 0.25)])
def test_a_fixed_scale_multiplies_the_branch(scale: float | str, factor: float) -> None:
    case: Case = ("resnet", {**CIFAR, "branch_scale": scale, "variant": "full_preact"})
    net = built(case, double=True).eval()
    unit, x = _unit(net, "stages.0.1"), _signal(net, case)
    torch.testing.assert_close(unit(x), x + factor * unit.branch(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("backbone", [{"input_shape": (1, 8, 8)}, {"backbone": "cifar", **CIFAR}])
def test_a_highway_unit_whose_gates_are_shut_carries_and_open_ones_transform(
    backbone: dict[str, Any],
) -> None:
    case: Case = ("highway", {**backbone, "depth": 10})
    net = built(case, double=True)
    x = _signal(net, case)
    unit = net.get_submodule("stages.0.1")
    assert isinstance(unit, HighwayUnit) and unit.transform_gate is not None
    for bias, expected in ((-1e4, x), (1e4, unit.transform(x))):
        nn.init.constant_(unit.transform_gate[0].get_parameter("bias"), bias)
        assert torch.equal(unit(x), expected)


@pytest.mark.parametrize("bias", [-3.5, 1.0])
def test_gate_biases_start_where_they_are_told_and_carry_gates_at_the_opposite(bias: float) -> None:
    net = built(("highway", {"depth": 6, "gate_bias": bias, "carry": "learned"}))
    for unit in net.modules():
        if isinstance(unit, HighwayUnit):
            assert unit.transform_gate is not None and unit.carry_gate is not None
            assert (unit.transform_gate[0].get_parameter("bias") == bias).all()
            assert (unit.carry_gate[0].get_parameter("bias") == -bias).all()


@pytest.mark.parametrize("backbone", ["dense", "cifar", "imagenet"])
def test_the_first_channels_of_a_dense_unit_are_its_input(backbone: str) -> None:
    shape = {"dense": (1, 8, 8), "cifar": (3, 8, 8), "imagenet": (3, 32, 32)}[backbone]
    knobs: dict[str, Any] = {"backbone": backbone, "input_shape": shape}
    case: Case = ("densenet", knobs)
    net = built(case).eval()
    checked = []

    def check(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        (x,) = args
        checked.append(torch.equal(out[:, : x.shape[1]], x) and out.shape[1] > x.shape[1])

    paths = [unit.path for unit in wired(case).units if unit.body.kind == "dense"]
    for path in paths:
        net.get_submodule(path).register_forward_hook(check)
    net(batch(case))
    assert len(checked) == len(paths) and all(checked)


def _copied(source: nn.Module, target: nn.Module) -> nn.Module:
    """`target` with the values of `source`, one after the other."""
    state, wanted = list(source.state_dict().values()), target.state_dict()
    assert [value.shape for value in state] == [value.shape for value in wanted.values()]
    target.load_state_dict(dict(zip(wanted, state, strict=True)))
    return target


@pytest.mark.parametrize("knobs", [CIFAR, DENSE, {**DENSE, "depth": 8}, {**DENSE, "norm": "batch"}])
def test_a_plain_net_is_the_plain_twin_of_a_resnet(knobs: dict[str, Any]) -> None:
    twin: Case = ("resnet", {**knobs, "plain_twin": True})
    source = built(twin, double=True)
    randomise_norms(source)
    plain = _copied(source, built(("plain", knobs), double=True))
    x = batch(twin, double=True)
    assert torch.equal(source.eval()(x), plain.eval()(x))


def test_a_highway_with_open_gates_is_a_resnet_of_one_layer_branches() -> None:
    knobs: dict[str, Any] = {
        "depth": 12,
        "input_shape": (1, 8, 8),
        "activation": "tanh",
        "init": "glorot",
    }
    highway: Case = ("highway", {**knobs, "gate": 1.0, "carry": 1.0})
    variant = {"variant": "relu_before_add", "branch_layers": 1}
    resnet: Case = ("resnet", {"backbone": "dense", **knobs, **variant})
    source = built(highway, double=True)
    target = _copied(source, built(resnet, double=True))
    x = batch(highway, double=True)
    assert torch.equal(source(x), target(x))


def test_coupled_half_open_gates_are_a_resnet_up_to_a_power_of_two() -> None:
    knobs: dict[str, Any] = {"depth": 11, "input_shape": (1, 8, 8), "activation": "relu"}
    highway: Case = ("highway", {**knobs, "gate": 0.5})
    variant = {"variant": "relu_before_add", "branch_layers": 1}
    resnet: Case = ("resnet", {"backbone": "dense", **knobs, **variant, "init": "glorot"})
    source = built(highway, double=True)
    target = _copied(source, built(resnet, double=True))
    x = batch(highway, double=True)
    assert torch.equal(
        source.get_submodule("stages")(source.get_submodule("stem")(x)) * 2**10,
        target.get_submodule("stages")(target.get_submodule("stem")(x)),
    )


@pytest.mark.parametrize("family", ["plain", "resnet", "highway", "densenet"])
def test_a_dense_net_takes_images_and_rows_alike(family: str) -> None:
    net = build(family, backbone="dense", depth=5).eval()
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(net(x), net(x.flatten(1)))


def test_layer_normalisation_brings_each_sample_to_mean_0_and_variance_1() -> None:
    case: Case = ("plain", {**DENSE, "norm": "layer", "depth": 2, "width": 20})
    net = built(case, double=True)
    randomise_norms(net)
    layer, norm = net.get_submodule("stem.linear1"), net.get_submodule("stem.norm1")
    x = batch(case, 5, double=True)
    z = layer(x.flatten(1))
    even = (z - z.mean(1, keepdim=True)) / (z.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    expected = even * norm.weight + norm.bias
    torch.testing.assert_close(norm(z), expected, rtol=1e-9, atol=1e-12)
    alone = net.eval()(x[:1])  # no sample asks for the others
    torch.testing.assert_close(net.train()(x)[:1], alone, rtol=1e-9, atol=1e-12)
    assert layer.bias is not None


@pytest.mark.parametrize("backbone", ["cifar", "imagenet", "uniform"])
def test_convolutional_nets_are_not_normalised_layer_by_layer(backbone: str) -> None:
    with pytest.raises(SpecError, match="norm 'layer': only on the dense backbone"):
        build("plain", backbone=backbone, norm="layer")


def _survivals(**knobs: Any) -> list[float]:
    with torch.device("meta"):
        net = build("resnet", **knobs)
    return [m.survival for m in net.modules() if isinstance(m, StochasticDepth)]


def test_survival_falls_evenly_to_the_last_unit_as_in_the_paper() -> None:
    survivals = _survivals(depth=110, survival=0.5)
    assert len(survivals) == 54 and survivals[-1] == 0.5
    assert survivals == [1 - unit / 54 * 0.5 for unit in range(1, 55)]
    assert sum(survivals) == pytest.approx(40.25)  # Huang 2016, section 3: about 40 of 54
    assert set(_survivals(depth=110, survival=0.5, survival_rule="uniform")) == {0.5}
    assert not _survivals(depth=110) and not _survivals(depth=110, survival=0.5, plain_twin=True)


def test_a_branch_takes_part_for_the_whole_batch_and_in_testing_by_its_survival() -> None:
    case: Case = ("resnet", {**DENSE, "depth": 3, "survival": 0.25})
    net = built(case, double=True)
    unit = net.get_submodule("stages.0.0")
    x = torch.rand(6, settled(case)["width"], dtype=torch.float64)
    whole, act = unit.get_submodule("branch"), unit.get_submodule("after_add")
    correction = whole[:-1](x)
    with_branch, without = act(x + correction), act(x)
    torch.manual_seed(0)
    taken = []
    for _ in range(400):
        out = unit.train()(x)
        assert torch.equal(out, with_branch) or torch.equal(out, without)
        taken.append(torch.equal(out, with_branch))
    assert 0.18 < sum(taken) / 400 < 0.32
    torch.testing.assert_close(unit.eval()(x), act(x + 0.25 * correction), rtol=1e-12, atol=0)


@pytest.mark.parametrize("value", [0, 1.5, -1])
def test_a_survival_that_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(SpecError, match="survival"):
        build("resnet", backbone="dense", depth=5, survival=value)


@pytest.mark.parametrize(("init", "spread"), [("he", 2.0), ("glorot", 1.0), ("orthogonal", 1.0)])
def test_initial_weights_have_the_variance_that_their_name_promises(
    init: str, spread: float
) -> None:
    net = built(("plain", {"backbone": "dense", "depth": 3, "width": 400, "init": init}))
    weight = net.get_submodule("stages.0.0.transform.linear1").get_parameter("weight")
    assert abs(float(weight.detach().var()) * 400 / spread - 1) < 0.03
    assert not net.get_submodule("stages.0.0.transform.linear1").get_parameter("bias").any()


def test_torch_default_weights_are_those_that_a_linear_layer_draws_by_itself() -> None:
    weight = (
        built(("plain", {"backbone": "dense", "depth": 3, "width": 400}))
        .get_submodule("stages.0.0.transform.linear1")
        .get_parameter("weight")
    )
    assert float(weight.detach().abs().max()) <= 1 / 20
    assert abs(float(weight.detach().var()) * 1200 - 1) < 0.03
