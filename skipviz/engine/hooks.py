"""What probes share: what a module puts out, a net on batch statistics, numbers for JSON."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.datafiles.class_samples import spread
from skipviz.engine.trained import Trained
from skipviz.models.backbones import StochasticDepth


@contextmanager
def capture_outputs(net: nn.Module, paths: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """What the modules at `paths` put out while this lasts, by path; the newest pass replaces the
    one before."""
    outputs: dict[str, Tensor] = {}

    def keep(path: str) -> Any:
        return lambda module, args, out: outputs.__setitem__(path, out)

    hooks = [net.get_submodule(path).register_forward_hook(keep(path)) for path in set(paths)]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def on_batch_statistics(net: nn.Module) -> nn.Module:
    """A copy that normalises with the statistics of each batch, as in training, and takes nothing
    out: branches count as in testing.

    A net at init has no running statistics worth the name. The copy may be changed at will.
    """
    copied = copy.deepcopy(net).train()
    for module in copied.modules():
        if isinstance(module, (nn.Dropout, StochasticDepth)):
            module.eval()
    return copied


def sample_batch(trained: Trained, samples: int) -> tuple[Tensor, Tensor]:
    """Evenly chosen training samples, standardised (n, C, H, W), and their labels (n,)."""
    count = len(trained.batches.labels)
    rows = torch.from_numpy(spread(count, samples)).to(trained.device)
    return trained.batches.pictures(rows), trained.batches.training_labels(trained.seed)[rows]


def to_json(values: Any, digits: int = 6) -> Any:
    """Numbers, lists, arrays and tensors as JSON takes them: floats with so many digits, None for
    one that is not finite; anything else stays as it is."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    if isinstance(values, (Tensor, np.ndarray, np.floating)):
        values = values.tolist()
    if isinstance(values, list):
        return [to_json(value, digits) for value in values]
    if isinstance(values, float):
        return float(f"{values:.{digits}g}") if math.isfinite(values) else None
    return values
