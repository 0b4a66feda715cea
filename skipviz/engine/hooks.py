"""What probes share: what a module puts out, a net on batch statistics, the two ways through a
unit.

B samples, C channels or features of a signal.
"""

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
from skipviz.models.densenet.net import DenseUnit
from skipviz.models.highway.net import HighwayUnit
from skipviz.models.resnet.net import ResidualUnit


@contextmanager
def seen(net: nn.Module, paths: Iterable[str]) -> Iterator[dict[str, Tensor]]:
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
    """A copy that normalises with the statistics of each batch, as in training, and drops nothing.

    A net at init has no running statistics worth the name. The copy may be changed at will.
    """
    copied = copy.deepcopy(net).train()
    for module in copied.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return copied


def sample_batch(trained: Trained, samples: int) -> tuple[Tensor, Tensor]:
    """Evenly chosen training samples, standardised (n, C, H, W), and their labels (n,)."""
    count = len(trained.batches.labels)
    rows = torch.from_numpy(spread(count, samples)).to(trained.device)
    return trained.batches.pictures(rows), trained.batches.training_labels(trained.seed)[rows]


def has_two_ways(unit: nn.Module) -> bool:
    """Whether something leads around the unit's layers."""
    if isinstance(unit, ResidualUnit):
        return unit.shortcut is not None
    return isinstance(unit, DenseUnit) or (
        isinstance(unit, HighwayUnit) and unit.transform_gate is not None
    )


def two_ways(unit: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(carried, changed, joined): what goes around the layers, what comes out of them, and the two
    together, before an activation that follows the addition.

    Residual: h(x), scale · F(x). Highway: x · C, H · T, with the carry gate C as it is: along
    `carried` no gradient flows into the gates. Dense: x, H(x), joined by concatenation.
    """
    if isinstance(unit, ResidualUnit) and unit.shortcut is not None:
        x = unit.before_split(x)
        changed = unit.branch(x)
        changed = changed if unit.scale is None else changed * unit.scale
        carried = unit.shortcut(x)
        return carried, changed, carried + changed
    if isinstance(unit, HighwayUnit) and unit.transform_gate is not None:
        t = unit.transform_gate(x)
        c = 1 - t if unit.carry_gate is None else unit.carry_gate(x)
        changed = unit.transform(x) * t
        return x * c.detach(), changed, changed + x * c
    if isinstance(unit, DenseUnit):
        changed = unit.branch(x)
        return x, changed, torch.cat([x, changed], dim=1)
    raise TypeError(f"{type(unit).__name__} has one way through")


def after(unit: nn.Module, joined: Tensor) -> Tensor:
    """A unit's output from what its two ways make together."""
    out: Tensor = unit.after_add(joined) if isinstance(unit, ResidualUnit) else joined
    return out


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
