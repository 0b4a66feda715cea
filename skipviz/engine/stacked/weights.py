"""All weights of the nets of a stack as parts of one tensor, which is updated in one piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from skipviz.engine.exact_sums import norms_of


class Weights:
    """`parts` are views of `flat`, matrices (.., N, out, in) of N nets; `grads` are those of its
    gradient."""

    def __init__(self, sizes: Sequence[tuple[int, ...]], like: dict[str, Any]) -> None:
        self.sizes = sizes
        self.flat = torch.empty(sum(map(math.prod, sizes)), **like)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parts, self.grads = self.cut(self.flat), self.cut(self.flat.grad)

    def cut(self, flat: Tensor) -> list[Tensor]:
        """A tensor laid out like `flat` as views of its parts."""
        parts = flat.split([math.prod(size) for size in self.sizes])
        return [part.view(size) for part, size in zip(parts, self.sizes, strict=True)]

    def each(self, values: Sequence[float]) -> Tensor:
        """A number for each net as a tensor laid out like `flat`."""
        of_nets = torch.tensor(values, dtype=self.flat.dtype, device=self.flat.device)
        whole = torch.empty_like(self.flat)
        for part in self.cut(whole):
            part.copy_(of_nets[:, None, None])
        return whole

    def clip(self, most: float) -> None:
        """Scales each net's gradient down to an L2 norm of at most `most`, as `optimise.clip`."""
        nets = self.sizes[0][-3]
        norms = [norms_of(grad).view(-1, nets) for grad in self.grads]
        whole = norms_of(torch.cat(norms).T[:, None].contiguous())
        scale = (most / whole).clamp(max=1).to(self.flat.dtype)[:, None, None]
        for grad in self.grads:
            grad.mul_(scale)

    def of_nets(self, nets: Iterable[int]) -> list[tuple[Tensor, Tensor]]:
        """Where the weights of some nets stand, and a copy of them."""
        places = [part.select(-3, i) for part in self.parts for i in nets]
        return [(place, place.clone()) for place in places]


Linears = Iterable[tuple[Any, Tensor, Tensor]]
"""Of one net: each reference module with the weight and the bias that a stack holds for it."""


@torch.no_grad()
def take_weights(nets: Iterable[Linears]) -> None:
    """Copies the reference modules' weights into a stack."""
    for linears in nets:
        for module, weight, bias in linears:
            weight.copy_(module.weight)
            bias.copy_(module.bias)


@torch.no_grad()
def give_weights(nets: Iterable[Linears]) -> None:
    """Copies a stack's weights into the reference modules."""
    for linears in nets:
        for module, weight, bias in linears:
            module.weight.copy_(weight)
            module.bias.copy_(bias)
