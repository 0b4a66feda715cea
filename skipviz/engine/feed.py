"""The data set on the device, and which samples each step sees.

N samples, B batch size. The order depends on the seed and the step alone, so that every lane sees
the same batch, two runs see the same order, and a resumed run goes on where it stopped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from skipviz.spec import dataset


@lru_cache(maxsize=2)
def _arrays(data: str) -> tuple[Any, Any, Any, Any]:
    return dataset(data).load()


class Feed:
    """Standardised batches of one data set's training split.

    images   (N, C, H, W) uint8 on the device; standardised per channel with the split's own mean
    and deviation
    labels   (N,) int64 on the device
    held_images, held_labels   the held-out split, on the CPU: only probes look at it
    """

    def __init__(self, data: str, batch_size: int, device: torch.device) -> None:
        images, labels, held_images, held_labels = _arrays(data)
        self.images = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        self.labels = torch.from_numpy(np.ascontiguousarray(labels)).to(device)
        self.held_images = torch.from_numpy(np.ascontiguousarray(held_images))
        self.held_labels = torch.from_numpy(np.ascontiguousarray(held_labels))
        mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
        std = images.std(axis=(0, 2, 3), dtype=np.float64)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device)[None, :, None, None]
        self.std = torch.tensor(std, dtype=torch.float32, device=device)[None, :, None, None]
        self.batch_size = batch_size
        self.device = device
        self._order: dict[tuple[int, int], torch.Tensor] = {}

    def batch(self, step: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The images (B, C, H, W) float32 and labels (B,) of a step: a new permutation each epoch,
        the rest dropped."""
        per_epoch = len(self.labels) // self.batch_size
        epoch, place = divmod(step, per_epoch)
        rows = self._permutation(seed, epoch)[
            place * self.batch_size : (place + 1) * self.batch_size
        ]
        return self.pictures(rows), self.labels[rows]

    def pictures(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """Standardised images (n, C, H, W) float32 of the given rows."""
        return self.standardise(self.images[rows])

    def standardise(self, images: torch.Tensor) -> torch.Tensor:
        """Any uint8 images (n, C, H, W) as the nets see them, float32 on the device."""
        return (images.to(self.device).float() - self.mean) / self.std

    def _permutation(self, seed: int, epoch: int) -> torch.Tensor:
        key = (seed, epoch)
        if key not in self._order:
            self._order = {k: v for k, v in self._order.items() if k[1] >= epoch - 1}
            order = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
            self._order[key] = torch.from_numpy(order).to(self.device)
        return self._order[key]
