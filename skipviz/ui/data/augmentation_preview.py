"""What augmentation makes of a set's pictures: the same few, several throws of the dice each."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from skipviz.core.declarations import Dataset
from skipviz.datafiles import augmentation, statistics
from skipviz.figures import samples

WAYS = {"crop": "Crop", "flip": "Flip", "both": "Crop and flip"}
DRAWS = 8
MOST_ROWS = 10
LEAST_SIDE = 8
"""An experiment augments no smaller images than this."""


def preview(
    declared: Dataset, images: np.ndarray, labels: np.ndarray, about: dict[str, Any]
) -> None:
    """The first picture of each class as it is, and as some steps of a training may see it."""
    left, right = st.columns([3, 1], vertical_alignment="center")
    how = left.segmented_control(
        "Augmentation",
        list(WAYS),
        default="both",
        required=True,
        format_func=WAYS.__getitem__,
        key="augmented_how",
        label_visibility="collapsed",
    )
    if right.button("Draw again", icon=":material/casino:", key="augmented_again"):
        st.session_state.augmented_seed = st.session_state.get("augmented_seed", 0) + 1
    seed = st.session_state.get("augmented_seed", 0)
    st.caption(
        f"Left each picture as it is, then what {DRAWS} steps may see of it: the dice are thrown"
        f" again at every step, here from seed {seed}. {_said(str(how), declared.input_shape[1])}"
    )
    classes = range(min(MOST_ROWS, declared.num_classes))
    rows = [int(np.flatnonzero(labels == label)[0]) for label in classes]
    originals, augmented = draws(images[rows], np.array(about["histogram"]), str(how), seed)
    lines = [
        _line(declared.classes[label], originals[label : label + 1], augmented[:, label])
        for label in classes
    ]
    st.html(f'<div class="skip-sheet">{"".join(lines)}</div>')


def draws(
    images: np.ndarray, histogram: np.ndarray, how: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Stored images (B, C, H, W) as values from 0 to 1, and what DRAWS steps make of them, (DRAWS,
    B, C, H, W): the throws of the first steps of a run with that seed and this batch."""
    top = max(1, int(np.flatnonzero(histogram.sum(axis=0)).max()))
    mean, deviation = (part[:, None, None] for part in statistics.moments(histogram))
    deviation = np.where(deviation == 0, 1, deviation)
    standardised = (images - mean) / deviation
    throws_of_set = []
    for step in range(DRAWS):
        rng = np.random.default_rng([seed, step, augmentation.STREAM])
        throws = augmentation.thrown(how, len(images), images.shape[2], rng)
        throws_of_set.append(augmentation.applied(standardised, throws) * deviation + mean)
    return images / top, np.stack(throws_of_set) / top


def _said(how: str, height: int) -> str:
    """How it is done, in words, and where it goes wrong."""
    pad = augmentation.padding(height)
    crop = (
        f"Crop: {pad} {'pixel' if pad == 1 else 'pixels'} of the mean colour on each side, then a"
        f" window of {height}×{height} anywhere in it."
    )
    flip = "Flip: mirrored left to right with probability ½, which spoils most digits and letters."
    words = {"crop": crop, "flip": flip, "both": f"{crop} {flip}"}
    return f"{words[how]} As in He et al. 2015, section 4.2."


def _line(name: str, original: np.ndarray, augmented: np.ndarray) -> str:
    label = escape(name)
    return (
        f'<div class="skip-class"><div><b title="{label}">{label}</b></div><div class="skip-pair">'
        f'<img class="skip-pixels" src="{samples.strip(original)}" alt="{label} as it is">'
        f'<img class="skip-pixels" src="{samples.strip(augmented)}" alt="{label} augmented">'
        "</div></div>"
    )
