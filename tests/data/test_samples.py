"""The figures of the Data page, and what they need before the first of them is drawn."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import numpy as np
from PIL import Image

from skipviz.figures import samples


def test_pandas_is_whole_before_a_figure_is_drawn_in_whatever_thread() -> None:
    code = (
        "import sys, skipviz.figures.samples; print(hasattr(sys.modules.get('pandas'), 'Series'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "True", done.stderr


def test_a_strip_holds_the_pictures_side_by_side_with_gaps_that_one_sees_through() -> None:
    images = np.random.default_rng(0).random((3, 3, 12, 12))
    kind, _, data = samples.strip(images).partition(",")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert kind == "data:image/png;base64" and sheet.shape == (12, 3 * 12 + 2, 4)
    for i, image in enumerate(images):
        shown = sheet[:, 13 * i : 13 * i + 12, :3].transpose(2, 0, 1)
        np.testing.assert_array_equal(shown, np.rint(image * 255))
    assert not sheet[:, 12, 3].any() and not sheet[:, 25, 3].any()
