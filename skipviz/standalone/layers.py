"""One layer as text: a `Step` of a plan as the torch call that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skipviz.models.steps import Chain, Step

Names = Mapping[str, str]
"""A step's numbers as text: literals, or names of arguments."""

NUMBERS: dict[str, tuple[str, ...]] = {
    "conv": ("inputs", "outputs", "kernel", "stride", "padding", "groups"),
    "linear": ("inputs", "outputs"),
    "norm": ("inputs",),
    "layer_norm": ("inputs",),
    "max_pool": ("kernel", "stride", "padding"),
    "avg_pool": ("kernel", "stride"),
    "zero_pad": ("outputs", "stride"),
    "dropout": ("value",),
    "stochastic_depth": ("survival",),
}
"""The numbers that a layer of each kind needs; a kind that is not here needs none."""

ZERO_PAD = '''
class ZeroPad(nn.Module):
    """h(x) = [x at every stride-th pixel, 0]: a shortcut without parameters (He 2015, option A)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))
'''

STOCHASTIC_DEPTH = '''
class StochasticDepth(nn.Module):
    """y = b x; b is 1 with this probability, else 0, and in testing the probability itself."""

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        b = x.new_empty(()).bernoulli_(self.survival) if self.training else self.survival
        return x * b
'''


def numbers(step: Step) -> dict[str, float]:
    """The numbers of a step that its layer needs, by name."""
    return {name: getattr(step, name) for name in NUMBERS.get(step.kind, ())}


def literals(step: Step) -> dict[str, str]:
    return {name: repr(value) for name, value in numbers(step).items()}


def _options(names: Names, **defaults: str) -> str:
    """The keyword arguments that are not at their defaults."""
    options = {name: names[name] for name, value in defaults.items() if names[name] != value}
    return "".join(f", {name}={value}" for name, value in options.items())


def _conv(step: Step, n: Names) -> str:
    options = _options(n, stride="1", padding="0", groups="1") + (
        "" if step.bias else ", bias=False"
    )
    return f"nn.Conv2d({n['inputs']}, {n['outputs']}, {n['kernel']}{options})"


def _linear(step: Step, n: Names) -> str:
    return f"nn.Linear({n['inputs']}, {n['outputs']}{'' if step.bias else ', bias=False'})"


def _max_pool(step: Step, n: Names) -> str:
    up = ", ceil_mode=True" if step.round_up else ""
    return f"nn.MaxPool2d({n['kernel']}, stride={n['stride']}{_options(n, padding='0')}{up})"


_CALLS: dict[str, Callable[[Step, Names], str]] = {
    "conv": _conv,
    "linear": _linear,
    "norm": lambda s, n: f"nn.BatchNorm{1 if s.flat else 2}d({n['inputs']})",
    "layer_norm": lambda s, n: f"nn.LayerNorm({n['inputs']})",
    "relu": lambda s, n: "nn.ReLU()",
    "tanh": lambda s, n: "nn.Tanh()",
    "sigmoid": lambda s, n: "nn.Sigmoid()",
    "max_pool": _max_pool,
    "avg_pool": lambda s, n: f"nn.AvgPool2d({n['kernel']}, stride={n['stride']})",
    "global_avg": lambda s, n: "nn.AdaptiveAvgPool2d(1)",
    "global_max": lambda s, n: "nn.AdaptiveMaxPool2d(1)",
    "flatten": lambda s, n: "nn.Flatten()",
    "dropout": lambda s, n: f"nn.Dropout({n['value']})",
    "stochastic_depth": lambda s, n: f"StochasticDepth({n['survival']})",
    "zero_pad": lambda s, n: f"ZeroPad({n['outputs']}, stride={n['stride']})",
}


def call(step: Step, names: Names | None = None) -> str:
    """The call that makes the layer: "nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)"."""
    return _CALLS[step.kind](step, literals(step) if names is None else names)


def named_layers(
    target: str, chain: Chain, indent: int, names: list[Names] | None = None
) -> list[str]:
    """The lines of `target = named(conv1=…, norm1=…)`; `return named(…)` if target is "return"."""
    pad = " " * indent
    sign = " " if target == "return" else " = "
    if not chain:
        return [f"{pad}{target}{sign}named()"]
    values_of_steps = names or [literals(step) for step in chain]
    calls = [
        f"{step.name}={call(step, arguments)}"
        for step, arguments in zip(chain, values_of_steps, strict=True)
    ]
    if len(calls) == 1:
        return [f"{pad}{target}{sign}named({calls[0]})"]
    return [f"{pad}{target}{sign}named(", *(f"{pad}    {each}," for each in calls), f"{pad})"]
