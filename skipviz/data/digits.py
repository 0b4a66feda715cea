"""Digits: 1797 real handwritten digits of 8×8 pixels, in digits.npz beside this file: no download.

digits.npz has what scikit-learn's `load_digits` gives, in its order (`images`, `labels`), and the
rows of both parts (`train_rows`, `test_rows`); DIGITS-LICENCE.txt says whose they are.

43 people wrote on a form that was scanned to 32×32 bits; each 4×4 square of it became one pixel
that counts its ink, 0 to 16. We keep the counts as they are, as uint8 (16 is white, not 255).

360 test images: one of them is 0.28 percentage points, so test errors that are less than two points
apart are no difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core.declarations import Dataset

FILE = Path(__file__).with_suffix(".npz")
TEST_SIZE = 360


def load() -> tuple[Any, Any, Any, Any]:
    """Stratified: each digit has the same share of the training and of the test images. The rows
    were drawn by scikit-learn's `train_test_split` with `random_state=0`."""
    with np.load(FILE, allow_pickle=False) as arrays:
        images = arrays["images"][:, None]  # (N, 1, 8, 8), 0 to 16
        labels = arrays["labels"].astype(np.int64)
        train, test = arrays["train_rows"], arrays["test_rows"]
    return images[train], labels[train], images[test], labels[test]


DATASET = Dataset(
    title="Digits",
    summary="1797 scans of handwritten digits, 8×8 pixels with 17 grey levels (0 to 16). Small "
    "enough that a net of fifty layers trains in seconds on a laptop.",
    input_shape=(1, 8, 8),
    classes=tuple("0123456789"),
    train_size=1437,
    test_size=TEST_SIZE,
    origin="The test part of “Optical Recognition of Handwritten Digits” by E. Alpaydin and "
    "C. Kaynak, UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, in the order of "
    "scikit-learn's load_digits.",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    load=load,
    order=0,
)
