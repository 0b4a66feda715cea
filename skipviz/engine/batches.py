"""The data set on the device, and which samples each step sees.

N samples, B batch size. Everything random here (order, label noise, augmentation) depends on the
seed and the step alone, so that every lane sees the same batch, two runs see the same order, and a
resumed run goes on where it stopped.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.datafiles import augmentation, cache, statistics
from skipviz.datafiles.class_samples import first_of_each_class
from skipviz.engine.augment import augmented
from skipviz.engine.fused.native import Kernel

AHEAD = 32
"""Augmentation's dice are thrown for so many steps at once: a device then waits once in as many
steps for what the host has thrown."""

_NOISE = 1
"""Tells this random stream of a seed from those of augmentation and split; the order of samples has
the stream of its own."""


class Batches:
    """Standardised batches of one experiment's training split.

    images   (N, C, H, W) uint8 on the device; standardised per channel with the split's own mean
    and deviation
    labels   (N,) int64 on the device, as they are, without noise
    held_images, held_labels   the held-out split, on the CPU: only probes look at it. It is pooled
    like the training images, but neither cut, nor augmented, nor noisy
    kernel   where it is set, it makes batches on the CPU in half the time, to the last bit the same

    Of a set that has no test part of its own, the experiment's seed decides what is held out: one
    split for all seeds of an experiment that has several.
    """

    def __init__(self, experiment: Experiment, device: torch.device) -> None:
        self.experiment, self.device = experiment, device
        images, labels, held_images, held_labels = cache.arrays(experiment.data, experiment.seed)
        as_kept = experiment.pool == 1 and not experiment.dataset.held_out
        statistics_kept = cache.about(experiment.data) if as_kept else None
        if experiment.subset:
            rows = first_of_each_class(labels, experiment.subset)
            images, labels, statistics_kept = images[rows], labels[rows], None
        if experiment.batch_size > len(labels):
            raise SpecError(
                f"batch_size {experiment.batch_size}: there are {len(labels)} training samples"
            )
        pooled = _pooled(images, experiment.pool)
        counts = (
            statistics_kept["histogram"]
            if statistics_kept
            else statistics.histogram(pooled.numpy())
        )
        self.images = pooled.to(device)
        self.labels = _tensor(labels).to(device)
        self.held_images = _pooled(held_images, experiment.pool)
        self.held_labels = _tensor(held_labels)
        mean, std = statistics.moments(np.array(counts))
        std[std == 0] = 1  # a channel that is the same everywhere tells nothing
        self.mean = torch.tensor(np.float32(mean), device=device)[None, :, None, None]
        self.std = torch.tensor(np.float32(std), device=device)[None, :, None, None]
        self.kernel: Kernel | None = None
        self._order: dict[tuple[int, int], torch.Tensor] = {}
        self._noisy: dict[int, torch.Tensor] = {}
        self._throws: dict[int, tuple[int, torch.Tensor]] = {}

    def batch(self, step: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The images (B, C, H, W) float32 and labels (B,) of a step: a new permutation each epoch,
        the rest dropped."""
        return self.batch_from(self.indices(step, seed), seed)

    def indices(self, step: int, seed: int) -> torch.Tensor:
        """All that chance decides of a step's batch, (1, B) or, with augmentation, (4, B) int64 on
        the device: which rows of the data set, and their `augmented` throws."""
        size = self.experiment.batch_size
        epoch, place = divmod(step, len(self.labels) // size)
        rows = self._permutation(seed, epoch)[None, place * size : (place + 1) * size]
        if self.experiment.augment == "none":
            return rows
        return torch.cat([rows, self._thrown(step, seed)])

    def batch_from(self, indices: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch that was indices. On the device alone: a CUDA graph may hold it."""
        rows, how = indices[0], self.experiment.augment
        images = self._picked(rows)
        if how != "none":
            images = augmented(images, how, indices[1:])
        return images, self.training_labels(seed)[rows]

    def _picked(self, rows: torch.Tensor) -> torch.Tensor:
        if self.kernel is None:
            return self.pictures(rows)
        to = torch.empty(len(rows), *self.images.shape[1:])
        self.kernel.pick(self.images, rows, self.mean, self.std, to)
        return to

    def training_labels(self, seed: int) -> torch.Tensor:
        """The labels (N,) that a seed's nets are taught: each is replaced by a random one with the
        probability `label_noise` (Zhang et al. 2017: "partially corrupted labels")."""
        if self.experiment.label_noise == 0:
            return self.labels
        if seed not in self._noisy:
            rng = np.random.default_rng([seed, 0, _NOISE])
            count = len(self.labels)
            wrong = torch.from_numpy(rng.random(count) < self.experiment.label_noise)
            random = rng.integers(0, self.experiment.dataset.num_classes, count)
            noisy = torch.where(wrong, torch.from_numpy(random), self.labels.cpu())
            self._noisy[seed] = noisy.to(self.device)
        return self._noisy[seed]

    def pictures(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """Standardised images (n, C, H, W) float32 of the given rows."""
        if isinstance(rows, slice):
            return self.standardise(self.images[rows])
        flat_images = self.images.flatten(1).index_select(0, rows)  # five times as fast as [rows]
        return self.standardise(flat_images.unflatten(1, self.images.shape[1:]))

    def standardise(self, images: torch.Tensor) -> torch.Tensor:
        """Any uint8 images (n, C, H, W) as the nets see them, float32 on the device."""
        return images.to(self.device).float().sub_(self.mean).div_(self.std)

    def _permutation(self, seed: int, epoch: int) -> torch.Tensor:
        key = (seed, epoch)
        if key not in self._order:
            self._order = {k: v for k, v in self._order.items() if k[1] >= epoch - 1}
            order = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
            self._order[key] = torch.from_numpy(order).to(self.device)
        return self._order[key]

    def _thrown(self, step: int, seed: int) -> torch.Tensor:
        """The throws (3, B) of a step, each step's from a stream of its own."""
        of, first = self.experiment, step - step % AHEAD
        if self._throws.get(seed, (-1,))[0] != first:
            height = self.images.shape[2]
            tables = []
            for k in range(first, first + AHEAD):
                rng = np.random.default_rng([seed, k, augmentation.STREAM])
                _, corners, mirrored = augmentation.thrown(of.augment, of.batch_size, height, rng)
                tables.append(np.vstack([corners, mirrored]))
            self._throws[seed] = first, _tensor(np.stack(tables)).to(self.device)
        return self._throws[seed][1][step - first]


def _tensor(values: np.ndarray) -> torch.Tensor:
    """The same memory as a tensor: mapped arrays stay mapped."""
    return torch.from_numpy(np.ascontiguousarray(values))


def _pooled(images: np.ndarray, pool: int) -> torch.Tensor:
    """uint8 images (N, C, H, W) with squares of pool×pool pixels averaged and rounded."""
    whole = _tensor(images)
    if pool == 1:
        return whole
    parts = [functional.avg_pool2d(part.float(), pool).round() for part in whole.split(4096)]
    return torch.cat([part.to(torch.uint8) for part in parts])
