"""Looking inside a run: predictions, feature maps, histograms, a picture that somebody draws."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset, probe
from skipviz.figures import inside as figures
from skipviz.figures import theme
from skipviz.server.run import Run
from skipviz.store.lane_axes import LaneAxes, lane_axes
from skipviz.ui import access, manager
from skipviz.ui.draw import draw
from skipviz.ui.notes import complain, only_the_lecturer, untrainable
from skipviz.ui.pictures import picture
from skipviz.ui.run import choices
from skipviz.ui.run.any_probe import any_probe
from skipviz.ui.run.share import is_fixed
from skipviz.ui.theme import is_dark

BEFORE = "What was measured before is shown in the other views"


def inside(run: Run) -> None:
    """The section under the charts of a stored run: nothing is measured before it is asked for."""
    views = {key: registry.probes()[key].title for key in VIEWS} | {MORE: "More measurements"}
    view_key: str | None = choices.option_in_address("inside", list(views), "")
    if run.folder is None or (is_fixed() and not view_key):
        return
    with st.container(border=True):
        st.markdown("#### Look inside this run")
        if not is_fixed():
            view_key = st.segmented_control(
                "Look inside",
                list(views),
                default=view_key or None,
                format_func=views.__getitem__,
                key="inside_view",
                label_visibility="collapsed",
            )
        choices.note("inside", view_key or "")
        if not view_key:
            st.caption(
                untrainable()
                or "Measured on the newest saved weights: they are saved every few seconds and when"
                " the run ends."
            )
            return
        if view_key in (MORE, "classify") and not access.may(Action.MEASURE):
            only_the_lecturer(BEFORE, Action.MEASURE)
            return
        if view_key == MORE:
            any_probe(run, [key for key in registry.probes() if key not in VIEWS])
            return
        try:
            VIEWS[view_key](run, lane_axes(run.experiment))
        except SpecError as error:
            complain(error)
            return
        st.caption(f"{probe(view_key).definition} *Caveat:* {probe(view_key).caveat}")


def _ask(run: Run, key: str, **options: Any) -> dict[str, Any]:
    with st.spinner("Measuring …", show_time=True):
        return manager.current().measure(run.id, key, options)


def _lane(lanes: list[LaneAxes], key: str) -> int:
    """Which lane is looked into."""
    if len(lanes) == 1:
        return 0
    return choices.one_of(
        st, "Lane", range(len(lanes)), "lane_shown", key=key, named=False,
        says=lambda i: lanes[i].label,
    )  # fmt: skip


def _predictions(run: Run, lanes: list[LaneAxes]) -> None:
    """A fixed grid of held-out pictures with every lane's word on them, and who mistook what."""
    answer = _ask(run, "predictions", pictures=30)
    classes = dataset(run.experiment.data).classes
    top = float(
        max(max(max(row) for row in plane) for image in answer["images"] for plane in image)
    )
    errors = ", ".join(
        f"**{track.label}** {100 * lane['error']:.1f} %"
        for track, lane in zip(lanes, answer["lanes"], strict=True)
    )
    st.markdown(
        f"Error on {answer['held_out']} held-out pictures after {answer['step']} steps: {errors}."
    )
    tiles = []
    for i, (image, label) in enumerate(zip(answer["images"], answer["labels"], strict=True)):
        sentences = "".join(
            _word(classes[lane["predicted"][i]], lane["predicted"][i] == label, track.family)
            for track, lane in zip(lanes, answer["lanes"], strict=True)
        )
        name = escape(classes[label])
        tiles.append(f"<figure>{picture(image, 64, name, top)}<b>{name}</b>{sentences}</figure>")
    st.html(f'<div class="skip-tiles">{"".join(tiles)}</div>')
    st.caption("Under each picture its class, then what each lane takes it for: ✓ right, ✗ wrong.")
    boxes = st.columns(min(2, len(lanes)))
    for i, (track, lane) in enumerate(zip(lanes, answer["lanes"], strict=True)):
        chart = figures.confusion(lane["confusion"], classes, track.label, is_dark())
        boxes[i % len(boxes)].plotly_chart(chart, theme=None, key=f"inside_confusion_{i}")


def _word(name: str, right: bool, family: str) -> str:
    ink = theme.ink(family, dark=is_dark())
    return f'<span style="color:{ink}">{"✓" if right else "✗"} {escape(name)}</span>'


def _features(run: Run, lanes: list[LaneAxes]) -> None:
    """One picture on its way through a lane, and the first layer's filters."""
    left, right = st.columns([3, 1])
    with left:
        lane = _lane(lanes, "inside_features_lane")
    size = dataset(run.experiment.data).test_size
    row = choices.whole_number(
        right, "Held-out picture", 0, size - 1, "picture", key="inside_features_picture", usual=0
    )
    answer = _ask(run, "features", lane=lane, picture=int(row or 0), channels=8)
    name = escape(dataset(run.experiment.data).classes[answer["label"]])
    st.html(
        f'<div class="skip-tiles"><figure>{picture(answer["image"], 96, name)}'
        f"<b>{name}</b></figure>"
        + "".join(f"<figure>{picture(w, 64, 'filter')}</figure>" for w in answer["filters"])
        + "</div>"
    )
    st.caption(
        "The picture, and the first layer's first filters: dark is negative, light positive."
    )
    if len(answer["points"][0]["maps"][0]) == 1:
        st.plotly_chart(
            figures.cells(answer["points"], is_dark()),
            theme=None,
            key="inside_cells",
            alt="Activations of every layer for this sample",
        )
        return
    rows = [
        f'<div class="skip-maps"><b>layer {point["depth"]}</b>'
        + "".join(picture(plane, 72, "feature map") for plane in point["maps"])
        + "</div>"
        for point in answer["points"]
    ]
    st.html("".join(rows))


KINDS = {
    "weights": "weight",
    "activations": "activation x",
    "gradients": "signal gradient dLoss/dx",
}


def _histograms(run: Run, lanes: list[LaneAxes]) -> None:
    """The spread of a lane's numbers over its depth, and one layer's histogram."""
    lane = _lane(lanes, "inside_histograms_lane")
    kind = choices.one_of(
        st, "Values", list(KINDS), "values", key="inside_histograms_kind", usual="activations",
        named=False,
    )  # fmt: skip
    entries = _ask(run, "histograms", lane=lane, samples=256)[kind]
    colour = theme.colour(lanes[lane].family, dark=is_dark())
    left, right = st.columns(2)
    left.plotly_chart(
        figures.spread(entries, colour, KINDS[kind], is_dark()),
        theme=None,
        key="inside_spread",
        alt=f"{KINDS[kind]} over the layers",
    )
    depths = [entry["depth"] for entry in entries]
    layer = choices.option_in_address("layer", depths, depths[0])
    if not is_fixed():
        layer = right.select_slider("Layer", depths, layer, key=f"inside_layer_{lane}_{kind}")
    choices.note("layer", layer, depths[0])
    entry = entries[depths.index(layer)]
    right.plotly_chart(
        figures.histogram(entry, colour, KINDS[kind], is_dark()),
        theme=None,
        key="inside_histogram",
        alt=f"{KINDS[kind]} in layer {layer}",
    )
    right.caption(f"Exact zeros: {100 * entry['zeros']:.0f} % of {sum(entry['counts']):,} values.")


def _classify(run: Run, lanes: list[LaneAxes]) -> None:
    """Draw a picture, and see what every lane takes it for."""
    data_set = dataset(run.experiment.data)
    shape = run.experiment.dataset.input_shape
    left, right = st.columns([1, 3])
    with left:
        pixels = draw(shape, key="inside_draw")
    if not pixels:
        right.info("Draw in the black square: white on black, as large as it will go.")
        return
    answer = _ask(run, "classify", pixels=pixels)
    bars = [
        (track.label, track.family, lane["probabilities"])
        for track, lane in zip(lanes, answer["lanes"], strict=True)
    ]
    right.plotly_chart(
        figures.probabilities(bars, data_set.classes, is_dark()),
        theme=None,
        key="inside_bars",
        alt="What each lane takes the drawing for",
    )


MORE = "more"
"""Every probe without a view of its own: asked by a form made of its options, its answer drawn by
its figure or by the shape of its JSON."""

VIEWS: dict[str, Callable[[Run, list[LaneAxes]], None]] = {
    "predictions": _predictions,
    "classify": _classify,
    "features": _features,
    "histograms": _histograms,
}
