"""Our nets against torchvision's, weights copied across: equal outputs and equal gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from skipviz.models import build

from .nets import randomise_norms

_LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)

NETS: list[tuple[str, str, dict[str, Any]]] = [
    ("resnet18", "resnet", {"depth": 18}),
    ("resnet50", "resnet", {"depth": 50}),
    ("resnext50_32x4d", "resnext", {"depth": 50}),
    ("densenet121", "densenet", {"depth": 121}),
]


def _executed(net: nn.Module, x: Tensor) -> list[nn.Module]:
    """The layers that hold weights, in the order in which they run."""
    ran: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda m, args, out: ran.append(m))
        for module in net.modules()
        if isinstance(module, _LAYERS)
    ]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return ran


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "family", "knobs"), NETS, ids=[net[0] for net in NETS])
def test_our_net_computes_what_torchvisions_does(
    theirs: str, family: str, knobs: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 48, 48, dtype=torch.float64)
    source = getattr(torchvision.models, theirs)(num_classes=10).double()
    randomise_norms(source)
    ours = build(
        family, backbone="imagenet", input_shape=(3, 48, 48), num_classes=10, **knobs
    ).double()
    source.eval()
    ours.eval()
    pairs = list(zip(_executed(source, x), _executed(ours, x), strict=True))
    for there, here in pairs:
        here.load_state_dict(there.state_dict())
    expected, got = source(x), ours(x)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)
    expected.logsumexp(1).sum().backward()
    got.logsumexp(1).sum().backward()
    for there, here in pairs:
        for one, other in zip(there.parameters(), here.parameters(), strict=True):
            assert one.grad is not None and other.grad is not None
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-9, atol=1e-9)
