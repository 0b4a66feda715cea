"""Class routing, lesions and adaptive gates of one run, each measured when it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from skipviz.core.escapes import markdown, plotly
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import dataset, probe
from skipviz.figures.answers import lesion as lesion_figure
from skipviz.figures.answers import routing as routing_figure
from skipviz.server.run import Run
from skipviz.store.lane_axes import families, labels
from skipviz.ui.highway.gate_maps import gate_maps, is_convolutional
from skipviz.ui.highway.sections import gated_lane, seeds, table
from skipviz.ui.run import choices
from skipviz.ui.run.probe_answers import answers
from skipviz.ui.run.share import is_fixed
from skipviz.ui.theme import is_dark

DENSE = {"backbone": "dense"}

MNIST: dict[str, Any] = {"data": "mnist", "pool": 2, "subset": 800, "batch_size": 100}
MNIST |= {"steps": 500, "seeds": 3}

SAMPLES = 100_000
"""All that are trained on, as in the paper's Fig. 4; the probe takes fewer where that is slow."""


def _highway(depth: int, bias: float) -> Lane:
    return Lane(family="highway", knobs=DENSE | {"depth": depth, "gate_bias": bias})


def _three() -> list[Lane]:
    """Nets of 20 layers after the first that all train: the plain one needs another init for it."""
    plain = {"depth": 21, "activation": "tanh", "init": "orthogonal"}
    return [
        _highway(21, -2.0),
        Lane(family="resnet", knobs=DENSE | {"depth": 21}),
        Lane(family="plain", knobs=DENSE | plain),
    ]


def _graded(depth: int, bias: float) -> list[Lane]:
    """Nets in which some layers matter more than others, and a highway net."""
    normed = DENSE | {"depth": depth, "norm": "batch", "init": "he"}
    return [
        _highway(depth, bias),
        Lane(family="resnet", knobs=normed),
        Lane(family="resnet", knobs=normed | {"variant": "full_preact"}),
    ]


def recipes() -> dict[str, Experiment]:
    """Experiments by name, three seeds each."""
    return {
        "Routing: 20 highway layers, b_T = −1": Experiment(
            lanes=[_highway(21, -1.0)], lr=0.1, steps=600, seeds=3
        ),
        "Lesions: highway, residual, plain": Experiment(
            lanes=_three(), lr=0.03, steps=600, seeds=3
        ),
        "Lesions that hurt: b_T = −1, residual with BatchNorm, pre-activated": Experiment(
            lanes=_graded(21, -1.0), lr=0.1, steps=300, record_every=5, seeds=3
        ),
        "Lesions at 50 layers: idle ones (b_T = −4), residual with BatchNorm": Experiment(
            lanes=_graded(51, -4.0), lr=0.1, steps=300, record_every=10, seeds=3
        ),
        "MNIST at 14×14: 50 highway layers, b_T = −2": Experiment(
            lanes=[_highway(51, -2.0)], lr=0.3, **MNIST
        ),
        "MNIST at 14×14, lesions: highway, residual, plain": Experiment(
            lanes=_three(), lr=0.03, **MNIST
        ),
        "Convolutional highway": Experiment(
            lanes=[
                Lane(family="highway", knobs={"backbone": "cifar", "depth": 10, "gate_bias": -2.0})
            ],
            lr=0.1,
            steps=150,
            record_every=5,
            seeds=3,
        ),
    }


def views(run: Run) -> None:
    """The sections, one at a time."""
    keys = [key for key, (_, fits, _) in VIEWS.items() if fits(run)]
    view_key = choices.one_of(
        st, "What to look at", keys, "view", key=f"routing_view_{run.id}", named=False,
        usual="lesions" if len(run.experiment.lanes) > 1 else keys[0],
        says=lambda key: VIEWS[key][0],
    )  # fmt: skip
    VIEWS[view_key][2](run)


def _turn(run: Run, key: str) -> int:
    """Which seed's maps are drawn."""
    first, count = run.experiment.seed, run.experiment.seeds
    if count == 1:
        return 0
    seeds_there = range(first, first + count)
    return choices.one_of(st, "Seed", seeds_there, "seed_shown", key=key) - first


def _routing(run: Run) -> None:
    """All classes beside the null, on one scale; two of them compared."""
    lane = gated_lane(run)
    now, init = (answers(run, "routing", lane=lane, when=when) for when in ("now", "init"))
    what = [[answer[which]["rms"] for answer in said] for said, which in (
        (now, "of_classes"), (now, "of_null"), (init, "of_classes"))]  # fmt: skip
    times = np.array(what[0]) / np.maximum(what[1], 1e-12)
    st.markdown(
        f"Mean T of a class minus the mean of all: rms **{seeds(what[0], '.3f')}**;"
        f" with shuffled labels {seeds(what[1], '.3f')}, at init {seeds(what[2], '.3f')}."
        f" True classes differ **{seeds(list(times), '.0f')}** times as much as shuffled ones."
    )
    left, right = st.columns([1, 3])
    with left:
        answer = now[_turn(run, f"routing_seed_{run.id}")]
    classes = dataset(run.experiment.data).classes
    compared = choices.options_in_address("classes", answer["shown"])
    if not is_fixed():
        compared = right.segmented_control(
            "Compare two classes", answer["shown"], selection_mode="multi", default=compared,
            format_func=lambda k: markdown(classes[k]), key=f"routing_pair_{run.id}",
        )  # fmt: skip
    choices.note("classes", list(compared))
    st.plotly_chart(
        _maps(answer, list(compared), classes),
        theme=None,
        key=f"routing_maps_{run.id}",
        alt="Gates of the compared classes",
    )
    thirds = zip(answer["of_classes"]["thirds"], answer["of_null"]["thirds"], strict=True)
    parts = ", ".join(f"{a:.3f} ({b:.3f})" for a, b in thirds)
    st.caption(
        f"First, middle, last third of the layers, rms (null):"
        f" {parts}. {probe('routing').definition} *Caveat:* {probe('routing').caveat}"
    )


def _maps(answer: dict[str, Any], pair: list[int], classes: tuple[str, ...]) -> Any:
    """All classes; or two of them, their difference and the null."""
    if len(pair) != 2:
        return routing_figure.figure([answer], [], is_dark(), classes)
    first, second = (answer["maps"][answer["shown"].index(k)] for k in pair)
    names = [plotly(classes[k]) for k in pair]
    difference = [
        [a - b for a, b in zip(*rows, strict=True)] for rows in zip(first, second, strict=True)
    ]
    null = answer["null"][answer["shown"].index(pair[0])]
    titles = [
        *(f"class {name}" for name in names),
        f"{names[0]} minus {names[1]}",
        "shuffled labels",
    ]
    drawn, reach = [first, second, difference, null], routing_figure.reach(answer)
    return routing_figure.multiples(drawn, titles, answer["depth"], reach, is_dark())


def _lesions(run: Run) -> None:
    """Every unit alone, lane beside lane; several at once by clicks or from the list."""
    lesions = answers(run, "lesion", samples=SAMPLES)
    lanes = list(zip(labels(run.experiment), families(run.experiment), strict=True))
    key, chart = f"lesion_layers_{run.id}", f"lesion_chart_{run.id}"
    layers = sorted({layer for lane in lesions[0]["lanes"] for layer in lane["depth"]})
    layers_to_remove = sorted(
        st.session_state.setdefault(key, choices.options_in_address("layers_out", layers))
    )
    choices.note("layers_out", layers_to_remove)
    st.plotly_chart(
        lesion_figure.figure(lesions, lanes, is_dark(), layers_to_remove),
        theme=None,
        key=chart,
        on_select=lambda: _clicked(chart, key, layers),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Loss without each of the layers",
    )
    if not is_fixed():
        st.multiselect(
            "Layers taken out together: click layers of the drawn nets, or choose them here",
            layers,
            key=key,
            placeholder="none: each layer alone",
        )
    several = None
    if layers_to_remove:
        layers_said = ",".join(map(str, layers_to_remove))
        several = answers(run, "lesion", layers=layers_said, alone=False, samples=SAMPLES)
    _summary(lesions, several, [label for label, _ in lanes])


def _clicked(chart: str, key: str, layers: list[int]) -> None:
    """Takes the layers that were clicked out, or puts them back."""
    points = st.session_state[chart].selection.points
    clicked = {int(point["x"]) for point in points} & set(layers)
    st.session_state[key] = sorted({*st.session_state.get(key, [])} ^ clicked)


def _summary(
    lesions: list[dict[str, Any]], several: list[dict[str, Any]] | None, names: list[str]
) -> None:
    rows = []
    for place, lane in enumerate(lesions[0]["lanes"]):
        of = [answer["lanes"][place] for answer in lesions]
        together = [answer["lanes"][place]["several"] for answer in several or ()]
        rows.append(
            [
                names[lane["lane"]],
                seeds([each["base"]["accuracy"] for each in of], ".1%"),
                seeds([each.get("mean") for each in of], ".1%"),
                seeds([each.get("worst") for each in of], ".1%"),
                seeds([each.get("needed") for each in of], "%"),
                seeds([each["half"] and each["half"]["accuracy"] for each in of], ".1%"),
                seeds([each and each["accuracy"] for each in together], ".1%"),
            ]
        )
    head = ["", "whole net", "one layer less: mean", "worst", "layers that cost > 5 points"]
    st.html(table([*head, "without a random half", "without those chosen"], rows))
    first = lesions[0]["lanes"][0]
    st.caption(
        f"Training accuracy, each seed's own, on {first['samples']} of {first['of']} training"
        f" samples. {probe('lesion').definition} *Caveat:* {probe('lesion').caveat}"
    )


def _adaptivity(run: Run) -> None:
    """What the loss does when T no longer depends on the input."""
    lane = gated_lane(run)
    of_seeds = [answer["lanes"][lane] for answer in answers(run, "adaptivity")]
    rows = []
    for key, text in (
        ("base", "T(x), as learned"),
        ("per_cell", "T replaced by its mean, cell by cell"),
        ("per_layer", "T replaced by one number for each layer"),
    ):
        losses = [each[key]["loss"] for each in of_seeds]
        rows.append(
            [text, seeds(losses, ".3f"), seeds([each[key]["accuracy"] for each in of_seeds], "%")]
        )
    st.html(table(["", "training loss", "training accuracy"], rows))
    closed, values = sum(e["closed"] for e in of_seeds), sum(e["values"] for e in of_seeds)
    never = "no gate was ever closed." if not closed else "float32 rounded these down."
    st.markdown(
        f"Smallest T seen: **{seeds([e['smallest'] for e in of_seeds], '.2g')}**, largest"
        f" **{seeds([e['largest'] for e in of_seeds], '.4f')}**. Exactly 0: {closed} of {values:,}"
        f" values: {never}"
    )
    st.caption(f"{probe('adaptivity').definition} *Caveat:* {probe('adaptivity').caveat}")


def _gated(run: Run) -> bool:
    return gated_lane(run) is not None


VIEWS: dict[str, tuple[str, Callable[[Run], bool], Callable[[Run], None]]] = {
    "routing": ("Class routing", _gated, _routing),
    "lesions": ("Lesions", lambda run: True, _lesions),
    "adaptivity": ("Is the adaptivity used?", _gated, _adaptivity),
    "maps": ("Gates as maps", is_convolutional, gate_maps),
}
"""By their word in the address: name, which runs have it, what draws it."""
