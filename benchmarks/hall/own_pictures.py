"""A data set of one's own, made as the Data page makes it, and taken away again."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path

from PIL import Image

from skipviz.core import user_datasets
from skipviz.core.knob import SpecError
from skipviz.datafiles import adding, pictures


@cache
def kinds() -> tuple[bytes, ...]:
    """A small picture in each form that is read."""
    made = []
    for kind in sorted(pictures.FORMATS):
        buffer = io.BytesIO()
        Image.radial_gradient("L").resize((9, 7)).convert("RGB").save(buffer, kind)
        made.append(buffer.getvalue())
    return tuple(made)


def add(path: Path, data: bytes) -> None:
    """Adds the archive `data`, which is written to `path`, and removes the set again. What cannot
    be read is refused in one sentence of bounded length: AssertionError where it is not."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            key = adding.add("x", path, 8, lambda **event: None)
        except SpecError as error:
            assert "\n" not in str(error) and len(str(error)) < 400, error
            return
    user_datasets.remove(key)
