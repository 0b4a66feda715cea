"""What is in a data set: its pictures by class, its pixels, a linear model's error."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from skipviz.core.declarations import Dataset
from skipviz.datafiles import cache, statistics
from skipviz.figures import samples
from skipviz.ui.data import jobs
from skipviz.ui.data.augmentation_preview import LEAST_SIDE, preview
from skipviz.ui.theme import is_dark

STORED, SEEN, AUGMENTED = "As they are stored", "As the nets see them", "Augmented"
_RANGE = 2.5
"""Standardised values are shown from minus to plus so many deviations."""


@st.fragment(run_every=1.0)
def _fitting(key: str) -> None:
    """Waits for the linear model of a set that is shown already."""
    job = jobs.find("prepare", key) or jobs.find("get", key)
    if cache.linear(key) is not None or job is None or job.state != "running":
        st.rerun(scope="app")
    st.caption("A linear model is being fitted …")


def yardstick(key: str, declared: Dataset) -> None:
    """The error of a linear model: what a net must beat to be worth its depth."""
    job = jobs.find("prepare", key)
    is_fitted = job is not None and job.state == "running"
    result = cache.linear(key)
    if result is None:
        if is_fitted:
            _fitting(key)
        return
    chance = 1 - 1 / declared.num_classes
    left, right = st.columns(2)
    left.metric("A linear model misses", f"{result['error']:.1%}")
    right.metric("Guessing misses", f"{chance:.0%}")
    st.caption(
        f"Computed here: softmax regression on standardised pixels, fitted to"
        f" {result['train_images']:,} training images (missing {result['train_error']:.1%}),"
        f" measured on {result['held_out_images']:,} held-out ones"
        + (", those of seed 0." if declared.held_out else ".")
    )


def pixels(declared: Dataset, about: dict[str, Any]) -> None:
    """Mean and deviation of each channel, and how often each value occurs."""
    histogram = np.array(about["histogram"])
    mean, deviation = statistics.moments(histogram)
    names = samples.CHANNELS[len(histogram)]
    sentence = ", ".join(
        f"{name} **{m:.1f}** ± {d:.1f}" for name, m, d in zip(names, mean, deviation, strict=True)
    )
    what = "points" if len(histogram) == 2 else "images"
    part = "all" if declared.held_out else "the training"
    st.markdown(f"Mean ± deviation of {part} {what}: {sentence}")
    if what == "points":
        return
    st.plotly_chart(
        samples.values(histogram, is_dark()),
        theme=None,
        config={"displayModeBar": False},
        alt="How often each channel has each value",
    )


def contact_sheet(key: str, declared: Dataset, about: dict[str, Any]) -> None:
    """Training images of every class with their counts, or the points of the plane."""
    arrays = cache.mapped(key)
    if arrays is None:
        return
    images, labels = arrays[0], np.asarray(arrays[1])
    if declared.input_shape[1] == 1:
        figure = samples.plane(images[:, :, 0, 0], labels, declared.classes, is_dark())
        st.plotly_chart(figure, theme=None, config={"displayModeBar": False}, alt="The points")
        return
    views = [STORED, SEEN] + ([AUGMENTED] if declared.input_shape[1] >= LEAST_SIDE else [])
    view = st.segmented_control(
        "Show", views, default=STORED, required=True, label_visibility="collapsed"
    )
    if view == AUGMENTED:
        preview(declared, images, labels, about)
        return
    if view == SEEN:
        st.caption(
            "Standardised: the mean of each channel is taken away, and what is left is divided by"
            f" its deviation. Middle grey is 0, black and white are −{_RANGE} and +{_RANGE}"
            " deviations and beyond."
        )
    most = 10 if declared.num_classes <= 20 else 4
    rows = [
        _row(name, about, label, _shown(images, labels, label, most, about, str(view)))
        for label, name in enumerate(declared.classes)
    ]
    many = " skip-many" if declared.num_classes > 20 else ""
    st.html(f'<div class="skip-sheet{many}">{"".join(rows)}</div>')


def _shown(
    images: np.ndarray, labels: np.ndarray, label: int, most: int, about: dict[str, Any], view: str
) -> np.ndarray:
    """The first training images of a class as values from 0 to 1."""
    class_images = np.asarray(images[np.flatnonzero(labels == label)[:most]], dtype=np.float64)
    histogram = np.array(about["histogram"])
    if view == STORED:
        top = np.flatnonzero(histogram.sum(axis=0)).max()
        return class_images / max(1, top)
    mean, deviation = (part[:, None, None] for part in statistics.moments(histogram))
    standardised: np.ndarray = (class_images - mean) / np.where(deviation == 0, 1, deviation)
    return standardised / (2 * _RANGE) + 0.5


def _row(name: str, about: dict[str, Any], label: int, images: np.ndarray) -> str:
    """One class: name, counts as a bar, and its pictures."""
    count, held = about["train_counts"][label], about["test_counts"][label]
    share = 100 * count / max(about["train_counts"])
    text = escape(name)
    return (
        f'<div class="skip-class"><div><b title="{text}">{text}</b>'
        f'<span class="skip-bar"><i style="width:{share:.1f}%"></i></span>'
        f"<small>{count:,} + {held:,}</small></div>"
        f'<img class="skip-pixels" src="{samples.strip(images)}" alt="pictures of {text}"></div>'
    )


def train(key: str, declared: Dataset) -> None:
    """A link to the Lab with a residual net and its plain twin on this set."""
    convolve = declared.input_shape[1] >= 16 and declared.input_shape[0] == 3
    backbone = "backbone=cifar,depth=20" if convolve else "backbone=dense,depth=20"
    size = min(64, declared.train_size)
    query = [("lane", f"resnet:{backbone}"), ("lane", f"plain:{backbone}"), ("data", key)]
    query += [("lr", "0.1" if convolve else "0.03"), ("batch_size", str(max(2, size)))]
    st.page_link(
        "pages/3_explore/01_lab.py",
        label="**Train on it in the Lab**",
        icon=":material/science:",
        query_params=query,
    )
