"""The update of the weights: SGD with momentum or Nesterov momentum, Adam and AdamW, over all
tensors of a net at once.

The same arithmetic as torch.optim (a test compares them), without its start-up of seconds.

`step()` is told by the host; `update()` by tensors alone, in torch's own fused kernels: a CUDA
graph may hold it.
"""

from __future__ import annotations

from typing import Any

import torch

from skipviz.core.experiment import Experiment
from skipviz.engine.exact_sums import joint

Tensors = list[torch.Tensor]


def gradients(weights: Tensors, weight_decay: float) -> Tensors:
    """The gradients of the weights, with the pull of the weight decay added."""
    grads = [w.grad if w.grad is not None else torch.zeros_like(w) for w in weights]
    if weight_decay:
        grads = list(torch._foreach_add(grads, weights, alpha=weight_decay))
    return grads


@torch.no_grad()
def clip(weights: Tensors, most: float) -> None:
    """Scales the gradients of a net, all together, down to an L2 norm of at most `most` (Pascanu
    et al. 2013, algorithm 1)."""
    grads = [w.grad for w in weights if w.grad is not None]
    scale = (most / joint(grads)).clamp(max=1).to(grads[0].dtype)
    torch._foreach_mul_(grads, scale)


class Sgd:
    """v ← m·v + g, w ← w − lr·v; Nesterov: w ← w − lr·(g + m·v) (Sutskever et al. 2013, section 2,
    in the form that PyTorch uses).

    lr   one for all weights, or, where there is a single tensor of them, a tensor of its shape
    """

    def __init__(
        self, weights: Tensors, lr: float | torch.Tensor, weight_decay: float, momentum: float, *,
        nesterov: bool = False,
    ) -> None:  # fmt: skip
        self.weights, self.lr, self.weight_decay = weights, lr, weight_decay
        self.momentum, self.nesterov = momentum, nesterov
        self.velocity: Tensors = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self) -> None:
        grads = gradients(self.weights, self.weight_decay)
        torch._foreach_mul_(self.velocity, self.momentum)
        torch._foreach_add_(self.velocity, grads)
        ahead = self.momentum if self.nesterov else 1.0
        if self.nesterov:
            self._descend(grads, 1.0)
        self._descend(self.velocity, ahead)

    def _descend(self, along: Tensors, share: float) -> None:
        if isinstance(self.lr, torch.Tensor):
            self.weights[0].addcmul_(along[0], self.lr, value=-share)
        else:
            torch._foreach_add_(self.weights, along, alpha=-self.lr * share)

    @torch.no_grad()
    def update(self, lr: torch.Tensor, taken: torch.Tensor, ended: torch.Tensor) -> None:
        """`step()` at the rate `lr`, or nothing where `ended` is 1; both float32 on the device of
        the weights, and so is `taken`, the steps with this one, which only Adam asks for."""
        torch._fused_sgd_(
            self.weights, gradients(self.weights, 0.0), self.velocity if self.momentum else [],
            weight_decay=self.weight_decay, momentum=self.momentum, lr=lr, dampening=0.0,
            nesterov=self.nesterov, maximize=False, is_first_step=False, found_inf=ended,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {"velocity": self.velocity}

    def load(self, state: dict[str, Any]) -> None:
        torch._foreach_copy_(self.velocity, state["velocity"])


class Adam:
    """w ← w − lr·m̂ / (√v̂ + ε) (Kingma and Ba 2015, algorithm 1), β = 0.9 and 0.999, ε = 1e-8.

    `decoupled`: AdamW, w ← (1 − lr·λ)·w first, and no pull of λ in the gradient (Loshchilov and
    Hutter 2019, algorithm 2).
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(
        self, weights: Tensors, lr: float, weight_decay: float, *, decoupled: bool = False
    ) -> None:
        self.weights, self.lr, self.weight_decay = weights, lr, weight_decay
        self.decoupled = decoupled
        self.mean: Tensors = [torch.zeros_like(weight) for weight in weights]
        self.square: Tensors = [torch.zeros_like(weight) for weight in weights]
        self.steps = 0

    @torch.no_grad()
    def step(self) -> None:
        if self.decoupled:
            torch._foreach_mul_(self.weights, 1 - self.lr * self.weight_decay)
        grads = gradients(self.weights, 0.0 if self.decoupled else self.weight_decay)
        first, second = self.BETAS
        self.steps += 1
        torch._foreach_lerp_(self.mean, grads, 1 - first)
        torch._foreach_mul_(self.square, second)
        torch._foreach_addcmul_(self.square, grads, grads, 1 - second)
        scale = (1 - second**self.steps) ** 0.5
        below = torch._foreach_sqrt(self.square)
        torch._foreach_div_(below, scale)
        torch._foreach_add_(below, self.EPSILON)
        torch._foreach_addcdiv_(self.weights, self.mean, below, -self.lr / (1 - first**self.steps))

    @torch.no_grad()
    def update(self, lr: torch.Tensor, taken: torch.Tensor, ended: torch.Tensor) -> None:
        """As `Sgd.update()`. The host's count of `steps` is left to the caller."""
        fused = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        fused(
            self.weights, gradients(self.weights, 0.0), self.mean, self.square, [],
            [taken] * len(self.weights), lr=lr, beta1=self.BETAS[0], beta2=self.BETAS[1],
            weight_decay=self.weight_decay, eps=self.EPSILON, amsgrad=False, maximize=False,
            found_inf=ended,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean, "square": self.square, "steps": self.steps}

    def load(self, state: dict[str, Any]) -> None:
        torch._foreach_copy_(self.mean, state["mean"])
        torch._foreach_copy_(self.square, state["square"])
        self.steps = state["steps"]


def optimiser(experiment: Experiment, weights: Tensors) -> Sgd | Adam:
    """The optimiser that an experiment asks for, at its first learning rate."""
    kind, lr, weight_decay = experiment.optimiser, experiment.lr, experiment.weight_decay
    if kind in ("adam", "adamw"):
        return Adam(weights, lr, weight_decay, decoupled=kind == "adamw")
    return Sgd(weights, lr, weight_decay, experiment.momentum, nesterov=kind == "nesterov")
