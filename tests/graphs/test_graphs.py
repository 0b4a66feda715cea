"""The graphs: what they show of any net, how large they get, and that their DOT is sound."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from skipviz import graphs
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.figures.theme import DARK, FREE, LIGHT, colour
from skipviz.graphs.diffs import diff_drawing
from skipviz.graphs.drawing import Drawing


def wired(family: str, **knobs: Any) -> Wiring:
    made: Wiring = registry.architecture(family).wiring(registry.full_settings(family, knobs))
    return made


NETS = {
    "plain": wired("plain", depth=56),
    "resnet": wired("resnet", depth=20),
    "deepest": wired("resnet", depth=1202),
    "bottlenecks": wired("resnet", backbone="imagenet", depth=152),
    "pre-activation": wired("resnet", depth=164, variant="full_preact"),
    "resnext": wired("resnext"),
    "highway": wired("highway", depth=100),
    "uniform": wired("resnet", preset="units25"),
    "fitnet": wired("highway", preset="highway4"),
    "densenet": wired("densenet", depth=100),
    "densenet201": wired("densenet", backbone="imagenet", depth=201),
    "one layer": wired("plain", backbone="dense", depth=1),
}
NETS |= {family: wired(family) for family in registry.architectures() if family not in NETS}
every_net = pytest.mark.parametrize("wiring", NETS.values(), ids=NETS)


def _boxes(drawing: Drawing) -> int:
    return sum(node.kind in ("box", "unit") for node in drawing.nodes)


@every_net
@pytest.mark.parametrize("zoom", ["net", "stage", "unit"])
def test_a_graph_has_few_boxes_and_a_short_text_however_deep_the_net(
    wiring: Wiring, zoom: graphs.Zoom
) -> None:
    assert _boxes(graphs.drawing(wiring, zoom)) <= 25
    assert len(graphs.net(wiring, zoom).source) < 20_000


@every_net
@pytest.mark.parametrize("zoom", ["net", "stage", "unit"])
def test_arrows_join_nodes_that_are_drawn_and_every_node_is_reached(
    wiring: Wiring, zoom: graphs.Zoom
) -> None:
    drawing = graphs.drawing(wiring, zoom)
    ids = [node.id for node in drawing.nodes]
    assert len(ids) == len(set(ids))
    ends = {link.source for link in drawing.links} | {link.target for link in drawing.links}
    assert ends == set(ids)


@every_net
def test_collapsed_boxes_stand_for_every_unit_of_the_net(wiring: Wiring) -> None:
    drawn = [node for node in graphs.drawing(wiring).nodes if node.kind == "unit"]
    assert sum(node.times for node in drawn) == len(wiring.units)


def test_identity_shortcuts_are_solid_and_projections_and_zero_pads_dashed() -> None:
    for shortcut in "ABC":
        wiring = wired("resnet", depth=20, shortcut=shortcut)
        for stage in wiring.stages[1:-1]:
            for unit in stage.units:
                drawing = graphs.drawing(wiring, "unit", unit=unit.path)
                dashed = {link.dashed for link in drawing.links if link.role == "shortcut"}
                changes = unit.body.input_shape != unit.body.output_shape
                assert dashed == {changes or shortcut == "C"}


def test_the_rule_half_the_size_double_the_width_is_said_where_it_happens() -> None:
    titles = [title for _, title, _ in graphs.drawing(NETS["resnet"]).clusters]
    assert titles[:3] == [
        "stage 1",
        "stage 2: half the size, double the width",
        "stage 3: half the size, double the width",
    ]


def test_a_dense_block_says_how_its_channels_grow() -> None:
    labels = [node.label for node in graphs.drawing(NETS["densenet"]).nodes]
    assert any("24 + 16·12 = 216 channels" in label for label in labels)


def test_the_gate_of_a_highway_unit_is_drawn() -> None:
    drawing = graphs.drawing(NETS["highway"], "unit")
    assert {"sigmoid", "1 − T"} <= {node.label for node in drawing.nodes}
    assert [node.label for node in drawing.nodes if node.kind == "join"] == ["×", "×", "+"]
    assert any(link.role == "gate" for link in drawing.links)


def test_every_arrow_of_a_unit_carries_the_shape_of_what_flows() -> None:
    drawing = graphs.drawing(wired("resnet", depth=20, shortcut="B"), "unit", unit="stages.1.0")
    said = {link.source: link.label for link in drawing.links if link.label}
    assert said["input"] == "16×32×32" and said["stages.1.0.branch.conv1"] == "32×16×16"
    operations = {node.id for node in drawing.nodes if node.kind in ("box", "join")}
    assert operations - set(said) <= {"stages.1.0.after_add.act1"}


@every_net
@pytest.mark.parametrize("dark", [False, True])
def test_dot_is_quoted_and_its_nodes_carry_their_ids(wiring: Wiring, dark: bool) -> None:
    source = graphs.net(wiring, dark=dark).source
    assert source.count("{") == source.count("}") and source.count('"') % 2 == 0
    assert "<" not in source and "transparent" in source
    for node in graphs.drawing(wiring).nodes:
        assert re.search(rf'\bid="?{re.escape(node.id)}"?[ \]]', source), node.id
    assert (wiring.family == "plain") or colour(wiring.family, dark) in source


@pytest.mark.parametrize(
    "zoom", [{"zoom": "stage", "stage": "stage9"}, {"zoom": "unit", "unit": "x"}]
)
def test_an_unknown_stage_or_unit_is_one_sentence(zoom: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="stage9|ResNet-20 has no such unit"):
        graphs.net(NETS["resnet"], **zoom)


# --- The diff -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plain", "resnet"),
    [
        (wired("plain", depth=20), wired("resnet", depth=20)),
        (wired("plain", depth=1202), wired("resnet", depth=1202)),
        (wired("plain", backbone="dense", depth=51), wired("resnet", backbone="dense", depth=51)),
        (wired("plain", backbone="imagenet"), wired("resnet", backbone="imagenet", depth=18)),
        (wired("resnet", plain_twin=True), wired("resnet")),
    ],
)
def test_plain_against_resnet_shows_exactly_the_shortcuts(plain: Wiring, resnet: Wiring) -> None:
    drawing = diff_drawing(plain, resnet)
    marked = [node for node in drawing.nodes if node.mark]
    assert {node.mark for node in marked} == {"b"}
    assert all(
        node.kind == "join" or re.match("zero-pad|1×1 conv|BN", node.label) for node in marked
    )
    assert sum(node.times for node in marked if node.kind == "join") <= len(resnet.joins)
    ends = {node.id for node in marked}
    for link in drawing.links:
        touches = link.source in ends or link.target in ends
        assert bool(link.mark) == touches and link.mark in ("", "b")


@every_net
def test_a_net_does_not_differ_from_itself(wiring: Wiring) -> None:
    drawing = diff_drawing(wiring, wiring)
    assert not [node for node in drawing.nodes if node.mark]
    assert not [link for link in drawing.links if link.mark]


@pytest.mark.parametrize("a", NETS.values(), ids=NETS)
@pytest.mark.parametrize("b", NETS.values(), ids=NETS)
def test_any_two_nets_can_be_compared_in_a_graph_of_sound_size(a: Wiring, b: Wiring) -> None:
    drawing = diff_drawing(a, b)
    ids = {node.id for node in drawing.nodes}
    assert {link.source for link in drawing.links} | {link.target for link in drawing.links} == ids
    assert len(ids) == len(drawing.nodes) <= 120
    assert graphs.diff(a, b).source.startswith("digraph")


# --- The palette ----------------------------------------------------------------------------------


def _linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ _linear(colour))


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("family", registry.architectures())
def test_a_familys_colour_stands_out_from_the_dark_and_the_light_ground(family: str) -> None:
    assert _contrast(colour(family, dark=True), DARK.ground) > 4.5
    assert _contrast(colour(family), LIGHT.ground) > 2


@pytest.mark.parametrize("pair", FREE)
def test_the_next_free_colours_stand_out_too(pair: tuple[str, str]) -> None:
    assert _contrast(pair[1], DARK.ground) > 4.5 and _contrast(pair[0], LIGHT.ground) > 4.5


EYES = {
    "any": np.eye(3),
    "protanopia": np.array([
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]),
    "deuteranopia": np.array([
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]),
}  # fmt: skip
"""What becomes of linear RGB (Machado, Oliveira & Fernandes 2009, Table 1, severity 1)."""

_TO_LMS = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_TO_OKLAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


def _oklab(colour: str, eye: np.ndarray) -> np.ndarray:
    """In a space where distances are as they look (Ottosson 2020, Oklab)."""
    return _TO_OKLAB @ np.cbrt(_TO_LMS @ (eye @ _linear(colour)).clip(0))


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("dark", [False, True])
def test_colour_blind_eyes_tell_every_familys_colour_and_every_free_one_apart(
    eye: str, dark: bool
) -> None:
    own = {declared.colour for declared in registry.architectures().values() if declared.colour}
    places = [_oklab(pair[dark], EYES[eye]) for pair in (*own, *FREE)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 0.06


def test_a_family_without_a_colour_gets_the_next_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    families = registry.architectures()
    without = {name: replace(families["plain"], colour=None) for name in ("a", "b", "c", "d")}
    monkeypatch.setattr(registry, "architectures", lambda: families | without)
    assert [(colour(name), colour(name, dark=True)) for name in without] == [*FREE, FREE[0]]
    assert colour("resnet") == "#0072B2"


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_writing_can_be_read_on_every_ground(look: Any) -> None:
    for ground in (look.ground, look.fill):
        assert _contrast(look.text, ground) > 7
        assert _contrast(look.line, ground) > 4
