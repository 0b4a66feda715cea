"""Experiment, Lane and Knob: exact round trips, and one friendly sentence for every wrong value."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest

from skipviz.core import registry
from skipviz.core.budgets import Budget, Change
from skipviz.core.experiment import Experiment, Lane, twin
from skipviz.core.knob import Knob, SpecError

FAMILIES = registry.architectures()
PICTURES = [key for key, of in registry.datasets().items() if of.input_shape[1] >= 8]
"""Data sets that every backbone takes."""


DENSE = {"backbone": "dense"}
LANES: list[tuple[str, dict[str, Any]]] = [
    *((family, {}) for family in FAMILIES),
    *((family, {"depth": 20}) for family in ("plain", "resnet")),
    ("plain", DENSE | {"depth": 1, "activation": "sigmoid", "init": "glorot"}),
    ("plain", DENSE | {"depth": 1202, "width": 1, "norm": "batch"}),
    ("resnet", {"variant": "full_preact", "shortcut": "B", "depth": 56}),
    ("resnet", DENSE | {"depth": 50, "branch_scale": 0.1}),
    ("resnet", DENSE | {"depth": 50, "branch_scale": 1 / 3}),
    ("resnet", DENSE | {"depth": 50, "branch_scale": "rezero", "plain_twin": False}),
    ("highway", {"gate_bias": -2.5, "gate": 1e-3, "carry": "learned"}),
    ("highway", {"gate_bias": -0.1, "depth": 100, "width": 71}),
    ("highway", {"gate_bias": 0.1 + 0.2, "carry": 1.0}),
    ("densenet", {"growth_rate": 12, "compression": 0.1, "bottleneck": True, "depth": 40}),
    ("densenet", DENSE | {"growth_rate": 8, "depth": 30}),
]
FIELDS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "seed": 2**31 - 1},
    {"lr": 1e-3, "momentum": 0.0, "weight_decay": 1e-4, "optimiser": "adam"},
    {"lr": 0.1 + 0.2, "steps": 1, "batch_size": 2, "seeds": 16, "record_every": 10_000},
    {"lr": 5e-324, "device": "cpu", "data": "digits"},
    {"seconds": 0.1 + 0.2, "steps": 10_000},
    {"evaluate_every": 25, "seeds": 5},
    {"optimiser": "adamw", "schedule": "cosine", "warmup": 100, "clip": 0.1 + 0.2},
    {"changes": (Change(step=0, lr=0.1 + 0.2), Change(step=120, lr=5e-324))},
    {"budgets": (Budget(end=57, steps=100), Budget(end=200, steps=200)), "schedule": "cosine"},
]


def _lane(family: str = "resnet", **knobs: Any) -> Lane:
    return Lane(family=family, knobs=knobs)


def _experiment(**fields: Any) -> Experiment:
    return Experiment(**{"lanes": [_lane()], **fields})


def _sentence(caught: pytest.ExceptionInfo[SpecError]) -> str:
    """The error's text, which must be one printable line of a bearable length."""
    text = str(caught.value)
    assert text.isprintable() and 10 < len(text) < 400, text
    return text


# --- Round trips -------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "knobs"), LANES)
def test_a_lane_comes_back_exactly_from_its_text(family: str, knobs: dict[str, Any]) -> None:
    lane = _lane(family, **knobs)
    assert Lane.from_text(lane.text()) == lane
    assert Lane.from_text(lane.text()).settings() == lane.settings()


@pytest.mark.parametrize(("family", "knobs"), LANES)
@pytest.mark.parametrize("data", PICTURES)
def test_an_experiment_comes_back_exactly_from_json_and_from_a_url(
    family: str, knobs: dict[str, Any], data: str
) -> None:
    made = _experiment(lanes=[_lane(family, **knobs), _lane("plain", depth=20)], data=data)
    assert Experiment.from_json(made.to_json()) == made
    assert Experiment.from_json(made.to_json().encode()) == made
    through_a_browser = parse_qs(urlencode(made.to_query(), doseq=True))
    assert Experiment.from_query(through_a_browser) == made
    assert hash(Experiment.from_query(made.to_query())) == hash(made)


@pytest.mark.parametrize("fields", FIELDS)
def test_every_field_comes_back_exactly(fields: dict[str, Any]) -> None:
    made = _experiment(**fields)
    assert {name: getattr(made, name) for name in fields} == fields
    for back in (Experiment.from_json(made.to_json()), Experiment.from_query(made.to_query())):
        assert back == made
        assert back.to_json() == made.to_json()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_offered_choice_of_every_family_is_parsed_from_its_own_text(family: str) -> None:
    for knob in FAMILIES[family].knobs:
        for choice in knob.choices:
            assert knob.parse(choice) == choice


@pytest.mark.parametrize("family", FAMILIES)
def test_every_preset_and_every_default_settles(family: str) -> None:
    names = {knob.name for knob in FAMILIES[family].knobs}
    for knobs in ({}, *FAMILIES[family].presets.values()):
        settings = _lane(family, **knobs).settings()
        assert set(settings) == names
        assert _lane(family, **settings).settings() == settings


def test_a_shape_comes_back_exactly_from_json_and_text() -> None:
    lane = _lane("resnet", depth=20, input_shape=(3, 32, 48), num_classes=7)
    assert lane.text() == "resnet:depth=20,num_classes=7,input_shape=3x32x48"
    assert Lane.from_text(lane.text()) == lane
    assert Lane.model_validate_json(lane.model_dump_json()) == lane
    assert isinstance(Lane.model_validate_json(lane.model_dump_json()).knobs["input_shape"], tuple)


def test_the_order_in_which_knobs_are_given_does_not_matter() -> None:
    one, two = _lane(depth=20, shortcut="B"), _lane(shortcut="B", depth=20)
    assert one == two and one.text() == two.text() and hash(one) == hash(two)


def test_a_url_leaves_out_what_is_at_its_default() -> None:
    assert _experiment().to_query() == {"lane": ["resnet"]}
    assert _experiment(steps=401).to_query() == {"lane": ["resnet"], "steps": ["401"]}


def test_numbers_are_read_from_text_and_from_numpy() -> None:
    assert _experiment(steps="1e3").steps == 1000
    assert _experiment(steps=np.int64(7), lr=np.float64(0.25)).lr == 0.25
    assert _lane(depth="20").knobs == {"depth": 20}


def test_an_experiment_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        _experiment().steps = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        _lane().family = "plain"  # type: ignore[misc]


def test_a_changed_copy_is_validated_again() -> None:
    made = _experiment()
    assert made.with_(steps=5).steps == 5 and made.steps == 400
    with pytest.raises(SpecError, match="^steps 0: must be"):
        made.with_(steps=0)


def test_the_data_set_decides_shape_and_classes() -> None:
    settings = _lane("resnet", depth=20).settings("digits")
    assert (settings["input_shape"], settings["num_classes"]) == ((1, 8, 8), 10)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("data", [None, *PICTURES])
def test_a_twin_is_a_valid_lane_with_no_twin_that_adds_or_gates(
    family: str, data: str | None
) -> None:
    made = twin(_lane(family), data)
    if made is not None:
        lane, shares = made
        assert Lane.from_text(lane.text()) == lane
        assert lane.settings(data)["depth"] > 0
        assert isinstance(shares, bool)


# --- Wrong values ------------------------------------------------------------------------------

WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"steps": 0}, "steps 0: must be a whole number from 1 to 1000000"),
    ({"steps": 2.5}, "steps 2.5: must be a whole number from 1 to 1000000"),
    ({"steps": True}, "steps True: must be a whole number from 1 to 1000000"),
    ({"steps": None}, "steps None: must be a whole number from 1 to 1000000"),
    ({"steps": "many"}, "steps 'many': must be a whole number from 1 to 1000000"),
    ({"steps": ""}, "steps '': must be a whole number from 1 to 1000000"),
    ({"lr": float("nan")}, "lr nan: must be a number from 0 to 100"),
    ({"lr": "inf"}, "lr 'inf': must be a number from 0 to 100"),
    ({"lr": -0.1}, "lr -0.1: must be a number from 0 to 100"),
    ({"lr": 1j}, "lr 1j: must be a number from 0 to 100"),
    ({"momentum": 1.0}, "momentum 1.0: must be a number from 0 to 0.9999"),
    ({"seed": 2**31}, "seed 2147483648: must be a whole number from 0 to 2147483647"),
    ({"batch_size": 1}, "batch_size 1: must be a whole number from 2 to 8192"),
    ({"batch_size": 1438}, "batch_size 1438: digits has 1437 training samples"),
    ({"optimiser": "lion"}, "optimiser 'lion': must be one of sgd, nesterov, adam, adamw"),
    ({"schedule": "linear"}, "schedule 'linear': must be one of constant, step, cosine"),
    ({"warmup": -1}, "warmup -1: must be a whole number from 0 to 1000000"),
    ({"seconds": -1}, "seconds -1: must be a number from 0 to 86400"),
    ({"clip": -0.1}, "clip -0.1: must be a number from 0 to 1000000"),
    ({"device": ["cpu"]}, "device ['cpu']: must be one of auto, cpu, cuda, mps"),
    ({"data": "cats"}, "data 'cats': must be one of digits, shapes"),
    ({"data": 5}, "data 5: must be one of digits, shapes"),
    ({"lanes": []}, "lanes: 0 given, must be 1 to 4"),
    ({"lanes": [_lane()] * 5}, "lanes: 5 given, must be 1 to 4"),
    ({"lanes": "resnet"}, "lanes 'resnet': must be a list of 1 to 4 lanes"),
    ({"lanes": {"family": "plain"}}, "lanes {'family': 'plain'}: must be a list of 1 to 4 lanes"),
    ({"lanes": None}, "lanes None: must be a list of 1 to 4 lanes"),
    ({"lanes": [_lane(), 7]}, "lane 2 7: must have a family and its knobs"),
    ({"lanes": [{}]}, "family: is missing; fields are family, knobs"),
    ({"lanes": [{"family": "vgg"}]}, "family 'vgg': must be one of"),
    ({"lanes": [{"family": ["plain"]}]}, "family ['plain']: must be one of"),
    ({"lanes": [{"family": "plain", "width": 3}]}, "field 'width': there is no such field"),
    ({"changes": "120:lr=0.1"}, "changes '120:lr=0.1': must be a list of steps"),
    ({"changes": None}, "changes None: must be a list of steps"),
    ({"changes": [120]}, "change 1 120: must have its step and its lr"),
    ({"changes": ["120"]}, "change '120': must be step:lr=number, such as 120:lr=0.01"),
    ({"changes": ["x:lr=1"]}, "change 'x': must be a whole number from 0 to 1000000"),
    ({"changes": ["1:lr=-1"]}, "lr '-1': must be a number from 0 to 100"),
    ({"changes": [{"step": 1}]}, "lr: is missing; fields are step, lr"),
    ({"budgets": 5}, "budgets 5: must be a list of ends, each with its steps"),
    ({"budgets": ["0"]}, "budget '0': must be a whole number from 1 to 1000000"),
    ({"budgets": ["9/8"]}, "budget '9/8': must end at its last step or before"),
    ({"budgets": ["9", "9/20"]}, "budget '9/20': stands after one that ends at 9; budgets must be"),
    ({"budgets": ["400"]}, "budget '400': must end before the run does, at 400 steps"),
    ({"changes": ["5:lr=1", "5:lr=2"]}, "change '5:lr=2.0': stands after step 5; changes must be"),
    ({"changes": ["5:lr=1", "4:lr=2"]}, "change '4:lr=2.0': stands after step 5; changes must be"),
    ({"changes": [f"{i}:lr=1" for i in range(501)]}, "changes: 501 given, must be at most 500"),
    ({"step": 3}, "field 'step': there is no such field; fields are lanes, data, steps"),
    ({"self": 3}, "field 'self': there is no such field"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG_FIELDS)
def test_a_wrong_field_is_named_with_what_it_got_and_what_is_allowed(
    fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        _experiment(**fields)
    assert _sentence(caught).startswith(sentence)


WRONG_KNOBS: list[tuple[str, Any, str]] = [
    ("resnet", {"depht": 20}, "knob 'depht': resnet has no such knob; its knobs are backbone, "),
    ("resnet", {1: 20}, "knob 1: resnet has no such knob"),
    ("resnet", ["depth"], "knobs ['depth']: must be names with values, such as depth=20"),
    ("resnet", None, "knobs None: must be names with values, such as depth=20"),
    ("resnet", {"depth": True}, "depth True: must be a whole number from 1 to 1202"),
    ("resnet", {"depth": None}, "depth None: must be a whole number from 1 to 1202"),
    ("resnet", {"depth": 1203}, "depth 1203: must be a whole number from 1 to 1202"),
    ("resnet", {"depth": 20.5}, "depth 20.5: must be a whole number from 1 to 1202"),
    ("resnet", {"depth": [20]}, "depth [20]: must be a whole number from 1 to 1202"),
    ("resnet", {"shortcut": "D"}, "shortcut 'D': must be one of A, B, C"),
    ("resnet", {"bottleneck": 1}, "bottleneck 1: must be true or false"),
    ("resnet", {"bottleneck": "maybe"}, "bottleneck 'maybe': must be true or false"),
    ("highway", {"gate": 1.5}, "gate 1.5: must be a number from 0 to 1, or learned"),
    ("highway", {"gate_bias": float("-inf")}, "gate_bias -inf: must be a number from -100 to 100"),
    ("plain", {"input_shape": (3, 8.5, 8)}, "input_shape (3, 8.5, 8): must be channels, height"),
    ("plain", {"input_shape": (3, True, 8)}, "input_shape (3, True, 8): must be channels"),
    ("plain", {"input_shape": "3x-1x8"}, "input_shape '3x-1x8': must be channels"),
    ("plain", {"input_shape": (3, 8, 8, 8)}, "input_shape (3, 8, 8, 8): must be channels"),
    ("plain", {"input_shape": (float("inf"),)}, "input_shape (inf,): must be channels"),
    ("plain", {"input_shape": ()}, "input_shape (): must be channels"),
    ("plain", {"input_shape": 8}, "input_shape 8: must be channels"),
]


@pytest.mark.parametrize(("family", "knobs", "sentence"), WRONG_KNOBS)
def test_a_wrong_knob_is_named_with_what_it_got_and_what_is_allowed(
    family: str, knobs: Any, sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        Lane(family=family, knobs=knobs)
    assert _sentence(caught).startswith(sentence)


WRONG_DEPTHS: list[tuple[str, dict[str, Any], str]] = [
    ("resnet", {"depth": 21}, "depth 21: a CIFAR ResNet has 6n.2 layers; nearest: 20, 26"),
    ("resnet", {"depth": 1}, "depth 1: a CIFAR ResNet has 6n.2 layers; nearest: 8, 14"),
    ("resnet", {"depth": 30, "bottleneck": True}, "depth 30: .* 9n.2 layers; nearest: 29, 38"),
    ("resnet", {"depth": 60, "backbone": "imagenet"}, "depth 60: .*nearest: 34, 50"),
    ("plain", {"depth": 23}, "depth 23: .*6n.2 layers; nearest: 20, 26"),
    ("densenet", {"depth": 41, "bottleneck": False}, "depth 41: .*3m.4 layers; nearest: 40, 43"),
    ("densenet", {"depth": 41, "bottleneck": True}, "depth 41: .*6m.4 layers; nearest: 40, 46"),
    ("highway", {"depth": 1200, "backbone": "cifar"}, "depth 1200: .* nearest: 1198, 1201"),
]


@pytest.mark.parametrize(("family", "knobs", "pattern"), WRONG_DEPTHS)
def test_a_wrong_depth_names_the_two_nearest_and_both_are_right(
    family: str, knobs: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(SpecError, match="^" + pattern) as caught:
        _lane(family, **knobs)
    for nearest in _sentence(caught).rpartition("nearest: ")[2].split(", "):
        assert _lane(family, **knobs | {"depth": nearest}).settings()["depth"] == int(nearest)


BACKBONES = [
    (family, backbone)
    for family, declared in FAMILIES.items()
    for knob in declared.knobs
    for backbone in knob.choices
    if knob.name == "backbone"
]


@pytest.mark.parametrize(("family", "backbone"), BACKBONES)
def test_every_depth_settles_or_is_refused_with_two_that_settle(family: str, backbone: str) -> None:
    for depth in [*range(1, 130), 150, 164, 199, 200, 201, 1001, 1199, 1200, 1201, 1202]:
        try:
            _lane(family, backbone=backbone, depth=depth)
        except SpecError as error:
            told, _, nearest = str(error).rpartition("nearest: ")
            assert told.startswith(f"depth {depth}: "), str(error)
            for right in nearest.split(", "):
                _lane(family, backbone=backbone, depth=right)


def test_a_knob_that_contradicts_the_data_set_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        _experiment(lanes=[_lane(num_classes=11)])
    assert _sentence(caught) == "num_classes 11: digits has 10; leave the knob out"
    with pytest.raises(SpecError, match=r"^input_shape 3x32x32: digits has 1x8x8; leave"):
        _experiment(lanes=[_lane(input_shape=(3, 32, 32))])


def test_a_knob_has_words_for_what_is_allowed() -> None:
    assert Knob("a", "int", "", "", low=1).allowed() == "a whole number of at least 1"
    assert Knob("a", "float", "", "").allowed() == "a number"
    assert Knob("a", "int", "", "", low=0, high=2**31 - 1).allowed().endswith("0 to 2147483647")


def test_an_unknown_family_is_refused_everywhere() -> None:
    for call in (registry.architecture, registry.dataset):
        for value in ("", "Resnet", "../resnet", "resnet.family", None, 3, ["resnet"], "__init__"):
            with pytest.raises(SpecError) as caught:
                call(value)
            assert "must be one of" in _sentence(caught)
