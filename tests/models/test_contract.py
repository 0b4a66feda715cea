"""What every net of every family keeps, and what its wiring says about it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.utils.flop_counter
from torch import fx, nn

from skipviz import graphs
from skipviz.core import registry
from skipviz.core.wiring import JOINS, Wiring
from skipviz.engine import ablation
from skipviz.engine.two_ways import after, has_two_ways, two_ways

from .nets import LARGE, RUN, WIDE, Case, batch, built, name_of, on_meta, settled, wired

every_net = pytest.mark.parametrize("case", RUN, ids=name_of)
every_shape = pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, id=name_of(case)) for case in RUN),
        *(pytest.param(case, id=name_of(case), marks=pytest.mark.slow) for case in WIDE),
    ],
)
every_size = pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, id=name_of(case)) for case in RUN),
        *(pytest.param(case, id=name_of(case), marks=pytest.mark.slow) for case in LARGE),
    ],
)


@every_net
def test_a_net_maps_a_batch_to_logits_and_is_finite(case: Case) -> None:
    out = built(case)(batch(case))
    assert out.shape == (4, settled(case)["num_classes"])
    assert out.isfinite().all()


@every_net
def test_every_parameter_gets_a_gradient(case: Case) -> None:
    net = built(case)
    for seed in range(2):
        x = batch(case, size=12, seed=seed)
        labels = torch.arange(12) % settled(case)["num_classes"]
        nn.functional.cross_entropy(net(x), labels).backward()
    starts_at_zero = settled(case).get("branch_scale") in ("zero_init", "rezero")
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        if not (starts_at_zero and "branch" in name):
            assert parameter.grad.abs().max() > 0, name


@every_net
def test_the_same_seed_draws_the_same_weights_and_another_seed_others(case: Case) -> None:
    one, same, other = (built(case, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@every_size
def test_the_wiring_counts_what_the_module_holds(case: Case) -> None:
    net, counts = on_meta(case), wired(case).describe()
    norm = [
        m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm))
    ]
    in_norm = sum(p.numel() for m in norm for p in m.parameters())
    held = sum(p.numel() for p in net.parameters())
    assert counts["parameters"] == held
    assert counts["parameters_without_norm"] == held - in_norm


@every_size
def test_the_wirings_paths_are_modules_and_its_depth_is_the_nets(case: Case) -> None:
    net, wiring, settings = on_meta(case), wired(case), settled(case)
    assert wiring.depth == wiring.describe()["longest_path"] == settings["depth"]
    for layer in wiring.layers:
        assert isinstance(net.get_submodule(layer.path), (nn.Conv2d, nn.Linear))
    assert [layer.depth for layer in wiring.layers] == list(range(1, settings["depth"] + 1))
    for place in (*wiring.points, *wiring.gates):
        net.get_submodule(place.path)
    for unit in wiring.units:
        for op in unit.body.ops:
            if op.path:
                net.get_submodule(unit.module(op))


@every_size
def test_only_layers_of_a_shortcut_have_shortcut_in_their_name(case: Case) -> None:
    net = on_meta(case)
    drawn = {
        unit.module(op): op.role for unit in wired(case).units for op in unit.body.ops if op.path
    }
    for name, module in net.named_modules():
        if not list(module.children()) and not isinstance(module, nn.Sequential):
            assert (drawn[name] == "shortcut") == ("shortcut" in name), name
            assert (drawn[name] == "gate") == ("gate" in name), name


class _Books(torch.utils.flop_counter.FlopCounterMode):
    """Counts the multiply-adds of a forward pass."""


def _shapes(net: nn.Module, paths: list[str], x: torch.Tensor) -> dict[str, list[tuple[int, ...]]]:
    """The output shapes that each module returned in one forward pass."""
    seen: dict[str, list[tuple[int, ...]]] = {path: [] for path in paths}
    hooks = [
        net.get_submodule(path).register_forward_hook(
            lambda module, args, out, path=path: seen[path].append(tuple(out.shape[1:]))
        )
        for path in paths
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return seen


@every_shape
def test_every_module_runs_once_and_gives_the_shape_that_is_drawn(case: Case) -> None:
    net, wiring = on_meta(case), wired(case)
    x = torch.empty(2, *settled(case)["input_shape"], device="meta")
    drawn = {unit.module(op): op.shape for unit in wiring.units for op in unit.body.ops if op.path}
    drawn |= {unit.path: unit.body.output_shape for unit in wiring.units}
    for path, shapes in _shapes(net, list(drawn), x).items():
        assert shapes == [drawn[path]], path


@every_shape
def test_multiply_adds_are_those_of_the_forward_pass(case: Case) -> None:
    net = on_meta(case)
    x = torch.empty(1, *settled(case)["input_shape"], device="meta")
    with _Books(display=False) as books:
        net.eval()(x)
    net.train()
    bias_free = wired(case).describe()["multiply_adds"]
    assert books.get_total_flops() == 2 * bias_free


@every_net
def test_activation_bytes_are_what_autograd_keeps_for_the_way_back(case: Case) -> None:
    net, size = built(case), 3
    own = {p.untyped_storage().data_ptr() for p in [*net.parameters(), *net.buffers()]}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        per_sample = tensor.dim() > 0 and tensor.shape[0] == size and tensor.dim() > 1
        if storage.data_ptr() not in own and per_sample:
            kept[storage.data_ptr()] = math.prod(tensor.shape) * tensor.element_size()
            alive.append(tensor)
        return tensor

    alive: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = net(batch(case, size))
    assert out.requires_grad
    assert wired(case).describe()["activation_bytes"] * size == sum(kept.values())


# --- The drawing against a trace of the module ----------------------------------------------------


def _traced_joins(net: nn.Module, case: Case) -> dict[str, list[str]]:
    """The kinds of the joins that the module computes, by the path of the module that does."""
    kinds = {"add": "add", "mul": "multiply", "cat": "concat"}
    found: dict[str, list[str]] = {}
    for node in fx.Tracer().trace(net).nodes:
        name = getattr(node.target, "__name__", "")
        signals = [arg for arg in node.all_input_nodes if arg.op != "get_attr"]
        if node.op == "call_function" and name in kinds and len(signals) > 1:
            path = next(reversed(node.meta["nn_module_stack"].values()))[0]
            found.setdefault(path, []).append(kinds[name])
    return found


@every_size
def test_the_joins_of_the_module_are_the_drawings_at_every_zoom(case: Case) -> None:
    wiring, traced = wired(case), _traced_joins(on_meta(case), case)
    assert {path: tuple(joins) for path, joins in traced.items()} == wiring.joins
    total: dict[str, int] = dict.fromkeys(JOINS, 0)
    for joins in traced.values():
        for join in joins:
            total[join] += 1
    assert +graphs.drawing(wiring).joins() == {k: n for k, n in total.items() if n}
    for stage in wiring.stages:
        inside = [join for unit in stage.units for join in traced.get(unit.path, [])]
        drawn = graphs.drawing(wiring, "stage", stage=stage.key).joins()
        assert drawn == {join: inside.count(join) for join in set(inside)}
    for unit in wiring.units[:: max(1, len(wiring.units) // 20)]:
        drawn = graphs.drawing(wiring, "unit", unit=unit.path).joins()
        own = traced.get(unit.path, [])
        assert drawn == {join: own.count(join) for join in set(own)}


# --- What is read from the drawing where a family says nothing of its own -------------------------


def _seen(net: nn.Module, wiring: Wiring, x: torch.Tensor) -> dict[str, tuple[Any, Any]]:
    """Input and output of every unit in one forward pass, by path."""
    signals: dict[str, tuple[Any, Any]] = {}
    for unit in wiring.units:
        net.get_submodule(unit.path).register_forward_hook(
            lambda module, args, out, path=unit.path: signals.__setitem__(path, (args[0], out))
        )
    net(x)
    return signals


@every_net
def test_the_two_ways_of_a_unit_make_together_what_the_unit_puts_out(case: Case) -> None:
    net, wiring = built(case, double=True).eval(), wired(case)
    for path, (x, out) in _seen(net, wiring, batch(case, double=True)).items():
        unit, body = net.get_submodule(path), wiring.body(path)
        assert has_two_ways(body) == any(join != "multiply" for join in body.joins), path
        if has_two_ways(body):
            carried, changed, joined = two_ways(unit, body, x)
            assert torch.equal(after(unit, body, joined), out), path
            parts = [carried, changed]
            both = torch.cat(parts, dim=1) if body.appends else carried + changed
            assert torch.equal(both, joined), path
            assert carried.shape == x.shape or body.output_shape != body.input_shape


@every_net
def test_a_lesion_leaves_what_goes_around_the_layers_and_takes_out_the_rest(case: Case) -> None:
    net, wiring = built(case, double=True).eval(), wired(case)
    signals = _seen(net, wiring, batch(case, double=True))
    for lesion in ablation.lesions(wiring):
        path = wiring.units[lesion.place].path
        (x, _), unit, body = signals[path], net.get_submodule(path), wiring.body(path)
        around = "branch" if has_two_ways(body) else "unit"
        assert lesion.how == ("gate" if body.gate else around), path
        with ablation.without(net, [lesion]):
            out = unit(x)
        if lesion.how == "branch":
            carried, changed, _ = two_ways(unit, body, x)
            zero = torch.zeros_like(changed)
            joined = torch.cat([carried, zero], dim=1) if body.appends else carried + zero
            assert torch.equal(out, after(unit, body, joined)), path
        elif settled(case).get("carry", "coupled") == "coupled":
            assert torch.equal(out, x), path


# --- Execution order, and twins -------------------------------------------------------------------


def _order(net: nn.Module, case: Case) -> list[str]:
    """The weighted modules' names in the order in which they run."""
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda m, args, out, name=name: ran.append(name))
        for name, module in net.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
    net(torch.empty(2, *settled(case)["input_shape"], device="meta"))
    for hook in hooks:
        hook.remove()
    return ran


@every_shape
def test_layers_run_in_the_drawn_order_main_path_before_gates_and_shortcuts(case: Case) -> None:
    drawn = [
        unit.module(op)
        for unit in wired(case).units
        for op in unit.body.ops
        if op.kind in ("conv", "linear")
    ]
    assert _order(on_meta(case), case) == drawn


def _twin(case: Case) -> tuple[Case, bool] | None:

    made = registry.architecture(case[0]).twin(settled(case))
    return made and ((made[0], made[1]), made[2])


@every_net
def test_a_twin_that_shares_weights_starts_with_the_same_ones_and_has_no_joins(case: Case) -> None:
    made = _twin(case)
    if made is None:
        offers_none = _twin((case[0], {})) is None
        assert offers_none or settled(case)["plain_twin"]
        return
    twin, shares = made
    assert not wired(twin).joins
    assert built(twin)(batch(case)).shape == built(case)(batch(case)).shape
    if not shares:
        return
    ours, theirs = built(case).state_dict(), built(twin).state_dict()
    assert set(theirs) <= set(ours)
    for name, value in theirs.items():
        assert torch.equal(value, ours[name]), name


@pytest.mark.parametrize(
    "case",
    [c for c in [*RUN, *LARGE] if c[0] == "densenet" and settled(c)["backbone"] != "imagenet"],
    ids=name_of,
)
def test_a_densenets_twin_is_plain_of_nearly_its_depth_and_size(case: Case) -> None:
    made = _twin(case)
    assert made is not None and made[0][0] == "plain" and made[1] is False
    ours, theirs = wired(case).describe(), wired(made[0]).describe()
    assert abs(theirs["depth"] - ours["depth"]) <= 3
    knob = "width" if settled(case)["backbone"] == "dense" else "base_channels"
    size = settled(made[0])[knob]
    miss = abs(theirs["parameters"] - ours["parameters"])
    for other in {max(1, size - 1), size + 1}:
        neighbour: dict[str, Any] = {**made[0][1], knob: other}
        assert (
            abs(wired(("plain", neighbour)).describe()["parameters"] - ours["parameters"]) >= miss
        )
