"""What a family declares, without torch, and how it answers wrong input: in one sentence."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.models import build

from .nets import RUN, name_of, settled, wired

FAMILIES = list(registry.architectures())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_explains_itself(family: str) -> None:
    declared = registry.architecture(family)
    texts = (declared.title, declared.formula, declared.backward, declared.summary, declared.paper)
    assert all(texts) and declared.symbols and declared.departures
    assert all(knob.label and knob.help for knob in declared.knobs)
    assert {"backbone", "depth", "num_classes", "input_shape"} <= {k.name for k in declared.knobs}
    assert declared.join in ("none", "add", "gate", "concat")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_preset_and_every_default_of_a_knob_can_be_settled_and_drawn(family: str) -> None:
    declared = registry.architecture(family)
    for knobs in ({}, *declared.presets.values()):
        settings = registry.full_settings(family, knobs)
        assert declared.wiring(settings).depth == settings["depth"]
        assert registry.full_settings(family, settings) == settings
        for knob in declared.knobs:
            assert knob.parse(settings[knob.name]) == settings[knob.name]


def test_reading_the_declarations_does_not_load_torch() -> None:
    code = (
        "import sys; from skipviz import graphs; from skipviz.core import registry\n"
        "for family, declared in registry.architectures().items():\n"
        "    wiring = declared.wiring(registry.full_settings(family, {}))\n"
        "    wiring.describe(); graphs.net(wiring).source; "
        "    declared.twin(registry.full_settings(family, {}))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("case", RUN, ids=name_of)
def test_the_source_of_every_unit_can_be_shown_and_fits_a_screen(case: Any) -> None:
    for unit in wired(case).units:
        if unit.body.code:
            module, _, name = unit.body.code.partition(":")
            source = inspect.getsource(getattr(import_module(module), name))
            assert source.startswith(f"class {name}(nn.Module)") and source.count("\n") <= 55


@pytest.mark.parametrize(
    ("family", "knobs", "sentence"),
    [
        ("resnet", {"depth": 21}, "depth 21: a CIFAR ResNet has 6n+2 layers; nearest: 20, 26"),
        ("resnet", {"depth": 3}, "depth 3: a CIFAR ResNet has 6n+2 layers; nearest: 8, 14"),
        (
            "resnet",
            {"depth": 30, "bottleneck": True},
            "depth 30: a CIFAR bottleneck ResNet has 9n+2 layers; nearest: 29, 38",
        ),
        ("plain", {"depth": 1201}, "nearest: 1196, 1202"),
        ("resnet", {"backbone": "imagenet", "depth": 40}, "nearest: 34, 50"),
        ("densenet", {"depth": 41}, "6m+4 layers; nearest: 40, 46"),
        ("densenet", {"depth": 41, "bottleneck": False}, "3m+4 layers; nearest: 40, 43"),
        ("densenet", {"backbone": "imagenet", "depth": 130}, "nearest: 121, 161"),
        ("highway", {"backbone": "cifar", "depth": 20}, "3n+4 layers; nearest: 19, 22"),
        ("highway", {"backbone": "fitnet", "depth": 12}, "nearest: 10, 19"),
        ("highway", {"preset": "highway1", "depth": 19}, "the preset highway1"),
        ("highway", {"preset": "highway1", "backbone": "dense"}, "is a fitnet"),
        ("resnext", {"depth": 30}, "9n+2 layers; nearest: 29, 38"),
        ("resnet", {"depth": 0}, "depth 0: must be a whole number from 1 to 1202"),
        ("resnet", {"depth": 20, "input_shape": (3, 4, 4)}, "at least 8 by 8"),
        ("resnet", {"depth": 20, "input_shape": (64,)}, "needs channels x height x width"),
        ("resnet", {"shortcut": "D"}, "shortcut 'D': must be one of A, B, C"),
        ("resnet", {"branch_scale": "two"}, "branch_scale 'two': must be a number"),
        ("highway", {"gate": 1.5}, "gate 1.5: must be a number from 0 to 1, or learned"),
        ("resnet", {"backbone": "dense", "bottleneck": True}, "bottleneck true"),
        ("resnet", {"backbone": "imagenet", "depth": 18, "bottleneck": True}, "no bottlenecks"),
        ("densenet", {"backbone": "imagenet", "bottleneck": False}, "have bottlenecks"),
        ("capsnet", {}, "family 'capsnet': must be one of plain, resnet"),
        ("plain", {"shortcut": "A"}, "knob 'shortcut': plain has no such knob"),
    ],
)
def test_wrong_input_is_answered_by_one_sentence_that_helps(
    family: str, knobs: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build(family, **knobs)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "knobs", "name"),
    [
        ("resnet", {"depth": 20}, "ResNet-20"),
        ("plain", {"backbone": "dense", "depth": 50}, "Plain-50"),
        ("highway", {}, "Highway-20"),
        ("densenet", {"depth": 100}, "DenseNet-BC-100"),
        ("densenet", {"backbone": "imagenet"}, "DenseNet-121"),
        ("resnext", {}, "ResNeXt-29 8×64d"),
        ("resnet", {"preset": "wrn28_10"}, "WRN-28-10"),
        ("resnet", {"depth": 20, "plain_twin": True}, "plain twin of ResNet-20"),
        ("highway", {"preset": "highway3"}, "Highway 3 (reconstruction)"),
    ],
)
def test_names_are_those_of_the_papers(family: str, knobs: dict[str, Any], name: str) -> None:
    assert wired((family, knobs)).name == name


def test_defaults_follow_the_backbone() -> None:
    assert settled(("resnet", {}))["shortcut"] == "A"
    assert settled(("resnet", {"backbone": "imagenet"}))["shortcut"] == "B"
    assert settled(("resnet", {"backbone": "dense"}))["norm"] == "none"
    assert settled(("plain", {"backbone": "dense"}))["init"] == "torch_default"
    highway = settled(("highway", {}))
    assert (highway["activation"], highway["init"], highway["gate_bias"]) == ("tanh", "glorot", -2)
    assert settled(("highway", {"backbone": "fitnet", "depth": 10}))["gate_bias"] == -1
    dense = settled(("densenet", {"backbone": "imagenet", "depth": 161}))
    assert (dense["growth_rate"], dense["stem_width"]) == (48, 96)
    assert settled(("densenet", {"bottleneck": False}))["stem_width"] == 16
