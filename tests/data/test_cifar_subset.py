"""The papers' nets take a few steps on real photographs, added as a set of one's own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.datafiles import adding
from tests.data.torchvision_files import REAL

SUBSET = REAL / "cifar10_subset_png.npz"
NETS = {
    "resnet": {"backbone": "cifar", "depth": 20},
    "plain": {"backbone": "cifar", "depth": 20},
    "highway": {"backbone": "fitnet", "depth": 19},
    "densenet": {"backbone": "cifar", "depth": 40, "bottleneck": True},
}


def photographs() -> tuple[np.ndarray, np.ndarray]:
    """The first 500 held-out photographs of the subset; noise of the same shape where it is not
    beside the repository."""
    if not SUBSET.is_file():
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (500, 32, 32, 3), dtype=np.uint8), np.arange(500) % 10
    with np.load(SUBSET, allow_pickle=False) as stored:
        first = int(stored["x_test_png_len"][0])
        sheet = np.asarray(Image.open(io.BytesIO(stored["x_test_png"][:first].tobytes())))
        labels = stored["y_test"][:500]
    down, across = sheet.shape[0] // 32, sheet.shape[1] // 32
    tiles = sheet.reshape(down, 32, across, 32, 3).swapaxes(1, 2)
    return tiles.reshape(-1, 32, 32, 3)[:500], labels


@pytest.mark.slow
@pytest.mark.parametrize("family", NETS)
def test_a_net_of_the_papers_takes_its_first_steps_on_photographs(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    images, labels = photographs()
    np.savez(tmp_path / "photographs.npz", images=images, labels=labels)
    key = adding.add("Photographs", tmp_path / "photographs.npz", 0, lambda **event: None)
    lane = Lane(family=family, knobs=NETS[family])
    experiment = Experiment(
        lanes=[lane], data=key, steps=3, batch_size=4, lr=0.02, augment="both", device="cpu"
    )
    losses = [frame.lanes[0].loss for frame in engine.train(experiment)]
    assert len(losses) == 3 and np.isfinite(losses).all() and losses[0] > 1
