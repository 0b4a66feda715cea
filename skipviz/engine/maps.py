"""Gates and outputs cell by cell: recorded at the steps that `map_plan` says.

K samples, M samples that the mean is taken over, U units, C cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.map_plan import MAPS_PER_RUN, Picture, Place, belongs, pictures
from skipviz.datafiles.class_samples import first_row_of_each_class, spread
from skipviz.engine.batches import Batches

Seen = tuple[list[Tensor], list[Tensor]]
"""T of each unit, no entry where it has none, and y of each unit, (B, C)."""


class DenseForward:
    """A dense net in a stack, one layer after another, on the stack's own weights: nothing is
    copied, and a fraction of the time that modules and hooks take."""

    def __init__(
        self, linears: list[tuple[nn.Linear, Tensor, Tensor]], units: int, gated: bool, act: str
    ) -> None:
        """`linears` as a stack gives them: the first layer, those of the units, their gates, the
        head; of each its module, weight [out, in] and bias [out]."""
        first, *inner, _ = [(weight.T, bias) for _, weight, bias in linears]
        self.first, self.layers, self.gates = first, inner[:units], inner[units:]
        if len(inner) != units * (2 if gated else 1):
            raise ValueError(f"{len(inner)} layers do not make {units} units")
        self.act = _ACTIVATIONS[act]

    @torch.no_grad()
    def through(self, images: Tensor) -> Seen:
        """What the units put out, one after another."""
        x = self.act(torch.addmm(self.first[1], images.flatten(1), self.first[0]))
        gates, outputs = [], []
        for k, (weight, bias) in enumerate(self.layers):
            h = self.act(torch.addmm(bias, x, weight))
            if self.gates:
                gates.append(torch.addmm(self.gates[k][1], x, self.gates[k][0]).sigmoid_())
                h = torch.lerp(x, h, gates[-1])
            outputs.append(h)
            x = h
        return gates, outputs

    def biases(self) -> np.ndarray:
        """The transform gates' biases (U, C) float32."""
        stacked_biases: np.ndarray = torch.stack([bias for _, bias in self.gates]).cpu().numpy()
        return stacked_biases


_ACTIVATIONS = {"relu": torch.relu_, "tanh": torch.tanh_, "sigmoid": torch.sigmoid_}


class Maps:
    """What is drawn of an experiment's lanes, and the samples it is drawn for."""

    def __init__(self, experiment: Experiment, batches: Batches) -> None:
        self.experiment, self.batches = experiment, batches
        self.pictures = pictures(experiment)
        self._images: dict[tuple[int, int], Tensor] = {}
        self._part = -1

    def due(self, step: int, last: bool, spent_s: float) -> bool:
        """Whether maps belong to a recorded step; a budget of seconds is divided into parts, and
        the first step of each has some."""
        experiment = self.experiment
        if not experiment.seconds:
            return last or belongs(experiment, step)
        before, self._part = self._part, int(MAPS_PER_RUN * spent_s / experiment.seconds)
        return last or self._part > before

    def of(self, lane: int, net: nn.Module) -> dict[str, np.ndarray]:
        """The maps of a lane's net as fields of its frame; none where it has no picture."""
        picture = self.pictures[lane]
        if picture is None:
            return {}
        fields = map_fields(picture, *through_module(net, picture.units, self._samples(picture)))
        return fields | ({"gate_bias_map": biases(net, picture)} if picture.averaged else {})

    def of_chain(self, lane: int, chain: DenseForward) -> dict[str, np.ndarray]:
        """The same of a lane whose weights stand in a stack."""
        picture = self.pictures[lane]
        if picture is None:
            return {}
        fields = map_fields(picture, *chain.through(self._samples(picture)))
        return fields | ({"gate_bias_map": chain.biases()} if picture.averaged else {})

    def _samples(self, picture: Picture) -> Tensor:
        """Standardised images (K + M, C, H, W): the fixed samples, then those to average over."""
        key = picture.samples, picture.averaged
        if key not in self._images:
            labels = self.batches.labels
            fixed = torch.from_numpy(first_row_of_each_class(labels.cpu().numpy(), picture.samples))
            most = min(picture.averaged, len(labels))
            averaged = torch.from_numpy(spread(len(labels), most))
            rows = torch.cat([fixed, averaged]).to(labels.device)
            self._images[key] = self.batches.pictures(rows)
        return self._images[key]


def map_fields(
    picture: Picture, gates: list[Tensor], outputs: list[Tensor]
) -> dict[str, np.ndarray]:
    """gate_map, output_map (K, U, C) and gate_mean_map (U, C) from what was seen of the fixed
    samples, followed by those to average over.

    float16: three digits, more than a colour can show. Rows of units with fewer cells end with NaN.
    """
    k = picture.samples
    fields = {"output_map": _stacked([y[:k] for y in outputs])}
    if gates:
        mean = _stacked([t[k:].mean(0, keepdim=True) for t in gates])[0]
        fields |= {"gate_mean_map": mean, "gate_map": _stacked([t[:k] for t in gates])}
    return {name: values.half().cpu().numpy() for name, values in fields.items()}


def _stacked(parts: list[Tensor]) -> Tensor:
    """(B, C) of each unit as (B, U, C): the narrower ones end with NaN."""
    cells = max(part.shape[1] for part in parts)
    wide = [nn.functional.pad(x, (0, cells - x.shape[1]), value=torch.nan) for x in parts]
    return torch.stack(wide if any(x.shape[1] < cells for x in parts) else parts, 1)


@torch.no_grad()
def through_module(net: nn.Module, units: tuple[Place, ...], images: Tensor) -> Seen:
    """What the units of any net put out, in evaluation mode: a look leaves no trace. Feature maps
    are averaged over space."""
    paths = [path for unit in units for path in (unit.path, unit.gate) if path]
    parts: dict[str, list[Tensor]] = {path: [] for path in paths}
    with _looking(net, parts):
        for part in images.split(_PART):
            net(part)
    outputs_by_path = {path: torch.cat(part) for path, part in parts.items()}
    gates = [outputs_by_path[unit.gate] for unit in units if unit.gate]
    return gates, [outputs_by_path[unit.path] for unit in units]


_PART = 64


@contextmanager
def _looking(net: nn.Module, parts: dict[str, list[Tensor]]) -> Iterator[None]:
    """Collects what the modules at some paths put out."""

    def keep(path: str) -> Any:
        def keep_output(module: nn.Module, args: Any, out: Tensor) -> None:
            parts[path].append(out.flatten(2).mean(2) if out.dim() > 2 else out)

        return keep_output

    hooks = [net.get_submodule(path).register_forward_hook(keep(path)) for path in parts]
    was_training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()


def biases(net: nn.Module, picture: Picture) -> np.ndarray:
    """The transform gates' biases (U, C) float32; NaN where they are not learned."""
    stacked_biases = np.full((len(picture.units), picture.cells), np.nan, np.float32)
    for row, unit in zip(stacked_biases, picture.units, strict=True):
        for layer in net.get_submodule(unit.gate).children():
            bias: Any = getattr(layer, "bias", None)
            if bias is not None:
                row[: len(bias)] = bias.detach().cpu().numpy()
    return stacked_biases
