"""What the Architecture page says of a net: zooms, clicks, tables, code, differences."""

from __future__ import annotations

import ast

import pytest

from skipviz import graphs
from skipviz.core import registry
from skipviz.core.experiment import Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import architecture, full_settings
from skipviz.ui.architecture import anatomy, comparison, net_form
from skipviz.ui.architecture.page import opponent, wiring_of
from skipviz.ui.architecture.zoom import Zoom, nearest_zoom

LANES = [
    *(Lane(family=family) for family in registry.architectures()),
    Lane(family="resnet", knobs={"depth": 1202}),
    Lane(family="resnet", knobs={"backbone": "imagenet", "depth": 50}),
    Lane(family="densenet", knobs={"backbone": "imagenet", "depth": 121}),
    Lane(family="highway", knobs={"backbone": "fitnet", "depth": 19}),
    Lane(family="plain", knobs={"backbone": "dense", "depth": 1}),
]
every_lane = pytest.mark.parametrize("lane", LANES, ids=Lane.text)


@every_lane
def test_every_click_leads_to_a_place_that_can_be_drawn_and_back(lane: Lane) -> None:
    wiring = wiring_of(lane)
    for path, words in Zoom(wiring).targets().values():
        near = Zoom(wiring, path)
        assert words.startswith("Open ") and near.dot(dark=False).source
        assert near.crumbs()[0] == (wiring.name, "") and near.crumbs()[-1][1] == path
        for nearest, _ in near.targets().values():
            assert Zoom(wiring, nearest).unit is not None


@every_lane
def test_what_can_be_clicked_is_in_the_graph_and_covers_every_unit(lane: Lane) -> None:
    drawn = graphs.drawing(wiring_of(lane))
    names = {node.id for node in drawn.nodes} | {f"cluster_{key}" for key, _, _ in drawn.clusters}
    targets = Zoom(wiring_of(lane)).targets()
    assert set(targets) <= names
    assert {node.id for node in drawn.nodes if node.kind == "unit"} <= set(targets)


def test_a_place_that_another_net_lacks_is_the_whole_net_or_one_sentence() -> None:
    wiring = wiring_of(Lane(family="resnet"))
    assert nearest_zoom(wiring, "stage9").at == ""
    with pytest.raises(SpecError, match="'stage9': ResNet-20 has no such stage or unit"):
        Zoom(wiring, "stage9")


@every_lane
def test_the_shape_table_adds_up_to_the_net(lane: Lane) -> None:
    wiring = wiring_of(lane)
    rows, total = anatomy.layer_rows(wiring), wiring.describe()
    assert sum(row["All: parameters"] for row in rows) == total["parameters"]
    assert sum(row["All: multiply-adds"] for row in rows) == total["multiply_adds"]
    assert len(rows) <= 100


@every_lane
def test_the_code_of_every_unit_is_a_class_that_can_be_read(lane: Lane) -> None:
    for code in {unit.body.code for unit in wiring_of(lane).units if unit.body.code}:
        tree = ast.parse(anatomy.source_of(code))
        assert isinstance(tree.body[0], ast.ClassDef)
        assert tree.body[0].name == code.partition(":")[2]


def test_the_formula_of_a_plain_twin_is_the_plain_nets() -> None:
    lane = Lane(family="resnet", knobs={"plain_twin": True})
    assert anatomy.declared(lane).formula == architecture("plain").formula


@every_lane
def test_there_is_a_net_to_begin_a_comparison_with(lane: Lane) -> None:
    other = opponent(lane)
    said = comparison.sentences(wiring_of(lane), wiring_of(other))
    assert other != lane and all(text.endswith(".") for text in said)


def test_the_words_on_plain_against_resnet_name_exactly_the_shortcuts() -> None:
    said = comparison.sentences(wiring_of(Lane(family="resnet")), wiring_of(Lane(family="plain")))
    assert said == [
        "Both have **20** weighted layers on the main path.",
        "Only **ResNet-20** has 9 additions; its shortcuts: 7 identity, 2 zero-padded.",
        "Both have exactly **269,722** parameters.",
    ]


# --- The depth slider and the ready nets ----------------------------------------------------------


def test_the_slider_offers_what_the_family_allows() -> None:
    cifar = net_form.depths("resnet", {"backbone": "cifar", "bottleneck": False})
    assert cifar[:4] == (8, 14, 20, 26) and cifar[-1] == 1202
    assert all((depth - 2) % 6 == 0 for depth in cifar)
    bottlenecks = net_form.depths("resnet", {"backbone": "cifar", "bottleneck": True})
    assert all((depth - 2) % 9 == 0 for depth in bottlenecks) and 1001 in bottlenecks
    assert net_form.depths("plain", {"backbone": "imagenet"}) == (18, 34)
    assert net_form.depths("highway", {}) == tuple(range(1, 1203))


def test_the_slider_stops_at_every_small_and_every_famous_depth_and_never_too_often() -> None:
    stops = net_form.stops(net_form.depths("plain", {"backbone": "dense"}), 777)
    assert stops[:33] == list(range(1, 34))
    assert {110, 164, 777, 1001, 1202} <= set(stops)
    assert stops == sorted(set(stops)) and len(stops) < 200


@pytest.mark.parametrize("family", registry.architectures())
def test_a_ready_net_is_the_preset_of_its_name(family: str) -> None:
    for preset in architecture(family).presets:
        lane = net_form.ready(family, preset)
        expected = architecture(family).wiring(full_settings(family, {"preset": preset}))
        assert wiring_of(lane) == expected
