"""Loss and error on the held-out split, with BatchNorm's statistics re-estimated just before.

In training BatchNorm standardises with the mean and variance of each batch; in evaluation with
running averages of them, which lag behind weights that change quickly: after a short run the
held-out error reads far too high for that reason alone. So they are measured anew for the weights
as they are (Wu and Johnson 2021, section 3: "PreciseBN").
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import nn

from skipviz.datafiles.class_samples import spread
from skipviz.engine.batches import Batches

STATISTICS_BATCHES = 16
"""BatchNorm's statistics are averages over so many training batches."""

MOST_HELD_OUT = 2000
"""Of a larger held-out split so many samples are looked at, spread evenly: on a laptop, looking at
ten thousand would take longer than the steps between."""

_CHUNK = 250


class Evaluator:
    """Looks at nets while they train and leaves no trace in their training.

    The rows are the same for all nets and steps: neither augmented nor with random labels.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        size = batches.experiment.batch_size
        order = np.random.default_rng(0).permutation(len(batches.labels))
        self._batches = torch.from_numpy(order[: STATISTICS_BATCHES * size]).split(size)
        if len(self._batches[-1]) < size:
            self._batches = self._batches[:-1]

    @cached_property
    def _held(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The images (n, C, H, W) uint8 and labels (n,) that are looked at."""
        count = len(self.batches.held_labels)
        rows = torch.from_numpy(spread(count, MOST_HELD_OUT))
        return self.batches.held_images[rows], self.batches.held_labels[rows]

    @torch.no_grad()
    def evaluate(self, net: nn.Module) -> tuple[float, float]:
        """Mean cross-entropy (nats) and share of errors on the held-out split, in evaluation mode.

        BatchNorm's running statistics are those of the weights as they are now.
        """
        self.reestimate_batchnorm(net)
        was_training = net.training
        net.eval()
        images, labels = self._held
        logits = torch.cat([net(self.batches.standardise(part)) for part in images.split(_CHUNK)])
        net.train(was_training)
        labels = labels.to(logits.device)
        loss = nn.functional.cross_entropy(logits, labels)
        return loss.item(), (logits.argmax(1) != labels).float().mean().item()

    @torch.no_grad()
    def reestimate_batchnorm(self, net: nn.Module) -> None:
        """Sets BatchNorm's running statistics to the average over fixed training batches, each of
        them standardised as in training. Nothing else of the net changes."""
        norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
        if not norms:
            return
        was_training, momenta = net.training, [norm.momentum for norm in norms]
        net.eval()
        for norm in norms:
            norm.train()
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative average
        for rows in self._batches:
            net(self.batches.pictures(rows.to(self.batches.device)))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        net.train(was_training)
