"""A GIF that the browser's code writes, opened by Pillow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.js import node

SIZE = (320, 180)


def pictures() -> list[Image.Image]:
    """Few colours; 256 of them at random; a chart with antialiased lines, of far more than 256."""
    flat = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(flat).rectangle((20, 30, 90, 100), fill="#1f77b4")
    chance = np.random.default_rng(3)
    palette = chance.integers(0, 256, (256, 3), np.uint8)
    noise = Image.fromarray(palette[chance.integers(0, 256, SIZE[::-1])])
    large = Image.new("RGB", (4 * SIZE[0], 4 * SIZE[1]), "white")
    for i in range(24):
        colour = tuple(int(each) for each in chance.integers(0, 256, 3))
        ImageDraw.Draw(large).line((0, 30 * i, 1279, 700 - 28 * i), fill=colour, width=7)
    return [flat, noise, large.resize(SIZE, Image.Resampling.LANCZOS)]


def test_pillow_reads_the_pictures_that_were_written(tmp_path: Path) -> None:
    try:
        program = node.find().program
    except node.NoNode as error:
        pytest.skip(str(error))
    wanted, film = pictures(), tmp_path / "film.gif"
    command = [program, str(node.HERE / "write_gif.mjs"), str(film), *map(str, SIZE)]
    for i, (picture, lasts_s) in enumerate(zip(wanted, (0.1, 0.125, 1.5), strict=True)):
        (tmp_path / f"{i}.rgba").write_bytes(picture.convert("RGBA").tobytes())
        command += [str(tmp_path / f"{i}.rgba"), str(lasts_s)]
    subprocess.run(command, check=True)
    with Image.open(film) as gif:
        assert (gif.format, gif.size, gif.n_frames, gif.info["loop"]) == ("GIF", SIZE, 3, 0)
        lasts_ms = []
        for i, picture in enumerate(wanted):
            gif.seek(i)
            lasts_ms.append(gif.info["duration"])
            apart = np.abs(np.asarray(gif.convert("RGB"), int) - np.asarray(picture, int))
            if i < 2:
                assert apart.max() == 0
            else:
                assert len(picture.getcolors(picture.width * picture.height)) > 1000
                assert np.median(apart) == 0 and apart.mean() < 2 and apart.max() < 64
    assert lasts_ms == [100, 130, 1500]
