"""Digits: 1797 real handwritten digits of 8×8 pixels, shipped with scikit-learn: no download.

43 people wrote on a form that was scanned to 32×32 bits; each 4×4 square of it became one pixel
that counts its ink, 0 to 16. We keep the counts as they are, as uint8 (16 is white, not 255).

360 test images: one of them is 0.28 percentage points, so test errors that are less than two points
apart are no difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skipviz.spec import Dataset

TEST_SIZE = 360


def load() -> tuple[Any, Any, Any, Any]:
    """Stratified: each digit has the same share of the training and of the test images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]  # (N, 1, 8, 8), 0 to 16
    labels = bunch.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=TEST_SIZE, stratify=labels, random_state=0
    )
    return train_x, train_y, test_x, test_y


DATASET = Dataset(
    title="Digits",
    summary="1797 scans of handwritten digits, 8×8 pixels with 17 grey levels (0 to 16). Small "
    "enough that a net of fifty layers trains in seconds on a laptop.",
    input_shape=(1, 8, 8),
    classes=tuple("0123456789"),
    train_size=1437,
    test_size=TEST_SIZE,
    synthetic=False,
    origin="The test part of “Optical Recognition of Handwritten Digits” by E. Alpaydin and "
    "C. Kaynak, UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, as shipped with "
    "scikit-learn (load_digits).",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    load=load,
    order=0,
)
