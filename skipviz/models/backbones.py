"""What the nets share in torch: chains of layers, stem → stages → head, initial weights.

Shapes: B samples; a signal is (B, C, H, W) in convolutional nets and (B, F) in dense ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.models.plans import NetPlan
from skipviz.models.steps import Chain, Step


class ZeroPad(nn.Module):
    """h(x) = [x at every stride-th pixel, 0]: the parameter-free shortcut (He 2015, option A).

    The new channels are appended after the old ones, as in the Torch code of 2015.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class StochasticDepth(nn.Module):
    """y = b x with one b for the whole batch: 1 with probability p, else 0; in testing y = p x.

    Huang et al. 2016 (arXiv 1603.09382), equations 2 and 5. torchvision's layer of this name
    divides by p while training in place of multiplying in testing.
    """

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x * self.survival
        return x.mul(x.new_empty(()).bernoulli_(self.survival))


class Constant(nn.Module):
    """A gate that is not learned: the same value for every cell and every sample."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.value)


def _conv(s: Step) -> nn.Module:
    return nn.Conv2d(
        s.inputs, s.outputs, s.kernel, s.stride, s.padding, groups=s.groups, bias=s.bias
    )


def _norm(s: Step) -> nn.Module:
    return nn.BatchNorm1d(s.inputs) if s.flat else nn.BatchNorm2d(s.inputs)


_MODULES: dict[str, Callable[[Step], nn.Module]] = {
    "conv": _conv,
    "linear": lambda s: nn.Linear(s.inputs, s.outputs, bias=s.bias),
    "norm": _norm,
    "layer_norm": lambda s: nn.LayerNorm(s.inputs),
    "relu": lambda s: nn.ReLU(),
    "tanh": lambda s: nn.Tanh(),
    "sigmoid": lambda s: nn.Sigmoid(),
    "max_pool": lambda s: nn.MaxPool2d(s.kernel, s.stride, s.padding, ceil_mode=s.round_up),
    "avg_pool": lambda s: nn.AvgPool2d(s.kernel, s.stride),
    "global_avg": lambda s: nn.AdaptiveAvgPool2d(1),
    "global_max": lambda s: nn.AdaptiveMaxPool2d(1),
    "flatten": lambda s: nn.Flatten(),
    "dropout": lambda s: nn.Dropout(s.value),
    "stochastic_depth": lambda s: StochasticDepth(s.value),
    "zero_pad": lambda s: ZeroPad(s.outputs, s.stride),
    "constant": lambda s: Constant(s.value),
}


def sequence(chain: Chain) -> nn.Sequential:
    """The modules of a chain in a row; of an empty chain the identity."""
    return nn.Sequential(OrderedDict((step.name, _MODULES[step.kind](step)) for step in chain))


class Net(nn.Module):
    """logits = head(unit_n(… unit_1(stem(x))))"""

    def __init__(self, plan: NetPlan, unit: Callable[[Any], nn.Module]) -> None:
        super().__init__()
        self.stem = sequence(plan.stem)
        self.stages = nn.Sequential(*(nn.Sequential(*map(unit, stage)) for stage in plan.stages))
        self.head = sequence(plan.head)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (B, *input_shape) -> (B, C, H, W) or (B, F)
        x = self.stages(x)
        return self.head(x)  # (B, num_classes)


_INITS: dict[str, Callable[[Tensor], Tensor]] = {
    "he": lambda w: nn.init.kaiming_normal_(w, mode="fan_in", nonlinearity="relu"),
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def _is_extra(name: str) -> bool:
    """Whether a module is a shortcut's or a gate's, not one of the main path."""
    return "shortcut" in name or "gate" in name


_NORMS = nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm


def initialise(net: nn.Module, init: str) -> None:
    """Draws every weight: he N(0, 2/fan_in), glorot uniform, orthogonal (biases 0), or torch's own.

    The main path is drawn before shortcuts and gates, so that a net and its plain twin start with
    the same weights when they start from the same random state.
    """
    modules = list(net.named_modules())
    for _, module in sorted(modules, key=lambda pair: _is_extra(pair[0])):
        if isinstance(module, (nn.Conv2d, nn.Linear)) and init in _INITS:
            _INITS[init](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.Conv2d, nn.Linear, *_NORMS)):
            module.reset_parameters()


def assemble(plan: NetPlan, unit: Callable[[Any], nn.Module], init: str) -> Net:
    """The net of `plan` with its weights drawn, once, on torch's default device."""
    with torch.device("meta"):
        net = Net(plan, unit)
    net.to_empty(device=torch.get_default_device())
    initialise(net, init)
    return net
