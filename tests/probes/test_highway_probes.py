"""The numbers of gates, stripes, routing and lesions, on gates that were set by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.engine import ablation, gate_stats
from skipviz.engine.trained import Trained, restore
from skipviz.engine.training import Training
from skipviz.models.highway.net import HighwayUnit

DEPTH = 8
UNITS = DEPTH - 1
DENSE = {"backbone": "dense", "depth": DEPTH}


def ask(key: str, trained: Trained, **options: Any) -> dict[str, Any]:
    declared = probe(key)
    return declared.measure(trained, **declared.options(options))


@pytest.fixture(scope="module")
def learned() -> Trained:
    """A short run: a highway net, its plain twin, a residual net, a dense net."""
    lanes = [
        Lane(family="highway", knobs=DENSE | {"gate_bias": -1.0}),
        Lane(family="highway", knobs=DENSE | {"gate_bias": -1.0, "plain_twin": True}),
        Lane(family="resnet", knobs={"backbone": "dense", "depth": 9}),
        Lane(family="densenet", knobs={"backbone": "dense", "depth": 5}),
    ]
    experiment = Experiment(lanes=lanes, steps=80, lr=0.05, device="cpu")
    training = Training(experiment)
    for _ in training.frames():
        pass
    return restore(experiment, training.state(), training.batches, 0)


def gates_at(trained: Trained, value: float) -> Trained:
    """The same nets with every transform gate of the first lane at `value` (its weights 0)."""
    made = trained.at_init()
    for unit in made.nets[0].modules():
        if isinstance(unit, HighwayUnit) and unit.transform_gate is not None:
            layer = unit.transform_gate[0]
            assert isinstance(layer, nn.Linear)
            with torch.no_grad():
                layer.weight.zero_()
                layer.bias.fill_(math.inf if value == 1 else -math.inf)
    return made


def test_closed_gates_carry_every_cell_through_every_layer(learned: Trained) -> None:
    value = ask("carried", gates_at(learned, 0.0))["lanes"][0]["now"]
    assert value["below_01"] == value["below_05"] == value["stripes"] == 1.0
    assert value["stripes_own"] == value["correlation"] == 1.0
    assert value["mean"] == value["selectivity"] == value["first"] == value["last"] == 0.0
    assert value["median"] == value["mean_length"] == value["longest"] == UNITS
    assert value["lengths"] == [0] * UNITS + [1437 * 50]
    assert value["early"] is None


def test_open_gates_make_a_highway_net_its_plain_twin(learned: Trained) -> None:
    lanes = ask("carried", gates_at(learned, 1.0))["lanes"]
    highway, plain = lanes[0]["now"], lanes[1]["now"]
    assert highway["below_05"] == 0.0 and highway["mean"] == 1.0
    assert plain["below_05"] is None
    for name in gate_stats.STRIPES:
        assert highway[name] == plain[name], name
    assert highway["stripes"] < 0.3 and highway["longest"] < UNITS


def test_stripes_end_where_a_cell_leaves_the_value_it_began_with() -> None:
    """One sample, three cells over five points: still, drifting by steps within reach, jumping."""
    cells = torch.tensor([[1.0, 1, 1, 1, 1], [0.0, 0.3, 0.6, 0.9, 1.2], [0.0, 5, 0, 5, 0]])
    xs = [cells[:, point][None] for point in range(5)]
    assert gate_stats.longest(xs, reach=0.4).tolist() == [[4, 1, 0]]
    assert gate_stats.longest(xs, reach=0.7).tolist() == [[4, 2, 0]]


def test_change_and_its_thirds_are_counted_layer_by_layer() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    xs = [x, 2 * x, 2 * x, 3 * x]
    value = gate_stats.tally(xs, [])
    assert value["change"] == [1.0, 0.0, 0.5]
    assert (value["first"], value["last"], value["early"]) == (1.0, 0.5, 0.5)
    assert value["correlation"] == 1.0


def test_selectivity_is_the_deviation_of_a_gate_over_samples() -> None:
    ts = [torch.tensor([[0.05, 0.2], [0.05, 0.8]]), torch.tensor([[0.6, 0.6], [0.6, 0.6]])]
    value = gate_stats.tally([], ts)
    assert value["below_01"] == 2 / 8 and value["below_05"] == 3 / 8
    assert value["selectivity"] == pytest.approx(0.3 / 4) and value["selective"] == 1 / 4
    assert value["stripes"] is None


def test_gates_are_those_of_the_forward_pass(learned: Trained) -> None:
    value = ask("gates", learned, sample=5)
    unit = learned.nets[0].get_submodule("stages.0.0")
    assert isinstance(unit, HighwayUnit) and unit.transform_gate is not None
    with torch.no_grad():
        x = learned.nets[0].get_submodule("stem")(learned.batches.pictures(slice(0, None)))
        t, y = unit.transform_gate(x), unit(x)
    torch.testing.assert_close(torch.tensor(value["mean"][0]), t.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.tensor(value["sample_gate"][0]), t[5], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.tensor(value["sample_output"][0]), y[5], atol=1e-4, rtol=1e-4)
    assert value["depth"] == list(range(2, DEPTH + 1)) and len(value["bias"]) == UNITS
    assert set(sum(ask("gates", learned, when="init")["bias"], [])) == {-1.0}


def test_a_net_without_gates_has_outputs_alone(learned: Trained) -> None:
    value = ask("gates", learned, lane=1)
    assert not value["gated"] and value["bias"] == value["mean"] == value["sample_gate"] == []
    assert len(value["sample_output"]) == UNITS


def test_convolutional_gates_are_averaged_over_space_and_shown_as_maps() -> None:
    lane = Lane(family="highway", knobs={"backbone": "cifar", "depth": 10})
    experiment = Experiment(lanes=[lane], steps=1, subset=20, device="cpu")
    training = Training(experiment)
    trained = restore(experiment, training.state(), training.batches, 0)
    value = ask("gates", trained, maps=3)
    assert [len(row) for row in value["mean"]] == [16, 16, 32, 32, 64, 64]
    assert [torch.tensor(each).shape for each in value["maps"]] == [
        *[(3, 8, 8)] * 2, *[(3, 4, 4)] * 2, *[(3, 2, 2)] * 2,
    ]  # fmt: skip
    means = torch.tensor(value["maps"][0]).mean((1, 2))
    torch.testing.assert_close(means, torch.tensor(value["sample_gate"][0][:3]), atol=1e-4, rtol=0)
    carried = ask("carried", trained)["lanes"][0]["now"]
    assert carried["samples"] == 200 and carried["longest"] <= 2


def test_routing_is_the_class_mean_minus_the_mean_of_all(learned: Trained) -> None:
    value = ask("routing", learned)
    labels = learned.batches.labels
    _, ts, _ = next(gate_stats.passes(learned, 0, torch.arange(len(labels))))
    for k in (0, 7):
        wanted = ts[2][labels == k].mean(0) - ts[2].mean(0)
        found = torch.tensor(value["maps"][k][2])
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert value["of_classes"]["rms"] > 3 * value["of_null"]["rms_most"]
    again = ask("routing", learned, classes="7,0")
    assert again["shown"] == [7, 0] and again["maps"][0] == value["maps"][7]


def test_gates_that_do_not_look_at_the_input_route_no_class(learned: Trained) -> None:
    value = ask("routing", gates_at(learned, 0.0))
    assert value["of_classes"] == {"rms": 0.0, "max": 0.0, "thirds": [0.0] * 3}
    assert value["of_null"]["rms"] == 0.0


@pytest.mark.parametrize(
    ("key", "options", "sentence"),
    [
        ("routing", {"lane": 1}, r"lane 1: has no gates; of this run \[0\] have"),
        ("routing", {"classes": "12"}, "classes '12': must be at most"),
        ("lesion", {"layers": "x"}, "layers 'x': must be layer numbers"),
        ("lesion", {"lane": 0, "layers": "99"}, "no unit that can be taken out"),
        ("gates", {"sample": 5000}, "sample 5000: there are 1437"),
    ],
)
def test_a_question_that_has_no_answer_gets_one_sentence(
    key: str, options: dict[str, Any], sentence: str, learned: Trained
) -> None:
    with pytest.raises(SpecError, match=sentence):
        ask(key, learned, **options)


def test_a_lesion_is_the_net_with_that_unit_passed_by(learned: Trained) -> None:
    """Computed anew from the start, by hand, for the highway net and for its plain twin."""
    rows = torch.arange(len(learned.batches.labels))
    value = ask("lesion", learned)
    for lane in (0, 1):
        found, net = value["lanes"][lane], learned.nets[lane]
        assert found["depth"] == list(range(2, DEPTH + 1))
        for place in (0, 4):
            x = net.get_submodule("stem")(learned.batches.pictures(rows))
            for i in range(UNITS):
                x = x if i == place else net.get_submodule(f"stages.0.{i}")(x)
            logits = net.get_submodule("head")(x)
            right = (logits.argmax(1) == learned.batches.labels).float().mean()
            assert found["accuracy"][place] == pytest.approx(float(right), abs=1e-4)


def test_after_a_lesion_every_net_is_as_before(learned: Trained) -> None:
    picture = learned.batches.images[:9]
    before = [learned.logits(lane, picture) for lane in range(4)]
    ask("lesion", learned, layers="3,5")
    ask("adaptivity", learned)
    for lane in range(4):
        assert torch.equal(before[lane], learned.logits(lane, picture))
    with (
        pytest.raises(ZeroDivisionError),
        ablation.without(learned.nets[0], ablation.lesions(learned.wirings[0])),
    ):
        raise ZeroDivisionError
    assert torch.equal(before[0], learned.logits(0, picture))


def test_without_all_its_branches_a_residual_net_is_its_stem_and_head(learned: Trained) -> None:
    net = learned.nets[2]
    x = learned.batches.pictures(slice(0, 20))
    with ablation.without(net, ablation.lesions(learned.wirings[2])), torch.no_grad():
        bare = net(x)
    through = net.get_submodule("stem")(x)
    for unit in learned.wirings[2].units[1:-1]:
        through = net.get_submodule(f"{unit.path}.after_add")(through)
    torch.testing.assert_close(bare, net.get_submodule("head")(through))


def test_several_units_and_a_half_are_taken_out_together(learned: Trained) -> None:
    value = ask("lesion", learned, lane=0, layers="3,5")["lanes"][0]
    taken = [unit for unit in ablation.lesions(learned.wirings[0]) if unit.depth in (3, 5)]
    rows = torch.arange(len(learned.batches.labels))
    with ablation.without(learned.nets[0], taken):
        loss, accuracy = ablation.score(learned, 0, rows)
    assert value["several"]["depth"] == [3, 5]
    assert value["several"]["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert value["several"]["loss"] == pytest.approx(loss, rel=1e-3)
    assert len(value["half"]["depth"]) == UNITS // 2
    beside = ask("lesion", learned, layers="4", alone=False)["lanes"]
    assert [lane["several"]["depth"] for lane in beside] == [[4], [4], [5], [4]]
    assert beside[0]["accuracy"] == []


def test_gates_that_are_the_same_for_all_inputs_lose_nothing_to_their_mean(
    learned: Trained,
) -> None:
    value = ask("adaptivity", gates_at(learned, 0.0))["lanes"]
    assert value[0]["per_cell"] == value[0]["per_layer"] == value[0]["base"]
    assert value[0]["smallest"] == value[0]["largest"] == 0.0
    assert value[0]["closed"] == value[0]["values"] == 1437 * UNITS * 50
    assert value[1:] == [None, None, None]


def test_a_mean_gate_is_worse_than_the_gates_that_were_learned(learned: Trained) -> None:
    lane = ask("adaptivity", learned)["lanes"][0]
    assert lane["per_layer"]["loss"] > lane["base"]["loss"]
    assert 0 < lane["smallest"] < lane["largest"] < 1 and lane["closed"] == 0


def with_biases(trained: Trained, first: float, step: float) -> Trained:
    """The first lane's gate biases set by hand: layer k has first + k · step."""
    made = replace(trained, nets=trained.at_init().nets)
    for k, bias in enumerate(gate_stats.biases(made, 0)):
        bias.fill_(first + k * step)
    return made


def test_a_claim_is_judged_by_its_number(learned: Trained) -> None:
    rising = ask("claims", with_biases(learned, -6.0, 0.1))["lanes"]
    found = rising[0]
    assert rising[1:] == [None, None, None]
    assert found["decreased"] == {"value": 1.0, "init": 0.0, "holds": True}
    assert found["deeper"]["value"] == pytest.approx(1.0) and found["deeper"]["holds"]
    assert found["inverse"]["value"] > 0.9 and not found["inverse"]["holds"]
    assert found["sparse"]["value"] == 1.0 and found["stripes"]["holds"]
    falling = ask("claims", with_biases(learned, -0.5, -0.1))["lanes"][0]
    assert falling["deeper"]["value"] == pytest.approx(-1.0) and not falling["deeper"]["holds"]
    assert falling["decreased"]["value"] == pytest.approx((UNITS - 6) / UNITS, abs=1e-4)
    assert not falling["decreased"]["holds"]


def test_a_claim_without_a_number_is_left_open(learned: Trained) -> None:
    found = ask("claims", learned.at_init())["lanes"][0]
    assert found["deeper"] == {"value": None, "init": None, "holds": None}


def test_an_uncoupled_open_gate_is_a_residual_unit_and_a_half_open_one_is_up_to_a_power_of_two(
    learned: Trained,
) -> None:
    value = ask("special_case", learned)["lanes"]
    assert value[1:] == [None, None, None]
    found = value[0]
    assert found["layers"] == UNITS and found["uncoupled"] == 0.0
    assert found["coupled"] < 1e-12 and found["same_class"] == 1.0
    assert found["log2"] == pytest.approx(-UNITS, abs=1e-9)
    assert found["as_learned"] > 0.01
