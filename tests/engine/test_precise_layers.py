"""Layers whose torch kernels are coarse or wrong in some places are as exact as float64 shows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.engine import device as devices
from skipviz.engine.batches import Batches
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.precise_layers import ROWS, carefully, unmet

CPU = torch.device("cpu")
LAST = torch.channels_last


def run(net: nn.Module, x: Tensor, dy: Tensor, *, half: bool = False) -> list[Tensor]:
    """y, dLoss/dx and dLoss/dw of every weight for dLoss/dy = dy."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    net.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        y = net(x)
    y.backward(dy.to(y.dtype))
    assert x.grad is not None
    return [y.detach(), x.grad, *(w.grad for w in net.parameters() if w.grad is not None)]


def off(found: Tensor, expected: Tensor) -> float:
    """The L2 norm of the difference as a share of the expected one's."""
    if not found.isfinite().all():
        return float("inf")
    size = float(expected.norm())
    return float((found.double() - expected).norm()) / (size if size > 1e-9 else 1.0)


def norms(channels: int, half: bool = False) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    """BatchNorm as it trains here, and the same in float64."""
    torch.manual_seed(0)
    ours, exact = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    exact.load_state_dict(ours.state_dict())
    carefully(ours, last=True, half=half, draw=None)
    return ours, exact.double()


@pytest.mark.parametrize(
    "shape", [(2, 3, 1, 1), (3, 1, 2, 2), (64, 5, 1, 1), (7, 16, 8, 8), (5, 3, 17, 13)]
)
def test_normalisation_with_channels_last_is_that_of_float64(shape: tuple[int, ...]) -> None:
    ours, exact = norms(shape[1])
    random = torch.Generator().manual_seed(1)
    for _ in range(2):
        x, dy = torch.randn(2, *shape, generator=random).mul_(3).add_(2).unbind()
        found = run(ours, x.contiguous(memory_format=LAST), dy)
        right = run(exact, x.double(), dy.double())
        # Of two values hardly anything of dy comes through: its terms' size is what rounding is of.
        spread = x.double().var((0, 2, 3), correction=0, keepdim=True).add(exact.eps).sqrt()
        terms = float((dy * exact.weight.detach()[:, None, None] / spread).norm())
        for one, other in zip(found, right, strict=True):
            size = max(terms, float(other.norm())) if other is right[1] else float(other.norm())
            assert float((one.double() - other).norm()) < 2e-5 * size
    for name, value in exact.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name].double(), value.double(), rtol=1e-5,
                                   atol=1e-6)  # fmt: skip


def test_sums_of_many_values_are_ten_times_as_exact_as_torch_makes_them() -> None:
    x = torch.randn(32, 4, 32, 32, generator=torch.Generator().manual_seed(0)).add_(1)
    x = x.contiguous(memory_format=LAST)
    assert x.numel() / 4 > 100 * ROWS
    ours, exact = norms(4)
    coarse = nn.BatchNorm2d(4)
    coarse.load_state_dict(ours.state_dict())
    dy = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).add_(1)
    expected = run(exact, x.double(), dy.double())
    errors = [
        max(off(a, b) for a, b in zip(run(net, x, dy), expected, strict=True))
        for net in (ours, coarse)
    ]
    assert errors[0] < 1e-5 and errors[0] < errors[1] / 10


def test_running_statistics_may_be_an_average_and_an_evaluated_net_uses_them() -> None:
    ours, exact = norms(3)
    ours.momentum = exact.momentum = None
    for scale in (1.0, 3.0):
        x = torch.randn(4, 3, 5, 5).mul_(scale).contiguous(memory_format=LAST)
        ours(x), exact(x.double())
    torch.testing.assert_close(ours.running_var.double(), exact.running_var, rtol=1e-5, atol=0)
    ours.eval(), exact.eval()
    torch.testing.assert_close(ours(x).double(), exact(x.double()), rtol=1e-4, atol=1e-5)


NETS: dict[str, dict[str, Any]] = {
    "plain": {"depth": 8},
    "resnet": {"depth": 8},
    "resnext": {"depth": 11, "cardinality": 2, "base_width": 4},
    "densenet": {"depth": 10},
}
FEW = [("plain", "cifar"), ("resnet", "cifar"), ("densenet", "cifar"), ("plain", "uniform")]


@pytest.mark.parametrize(("family", "backbone"), FEW)
def test_the_norms_of_a_small_net_are_those_of_float64(family: str, backbone: str) -> None:
    knobs = NETS[family] if backbone == "cifar" else {}
    lane = Lane(family=family, knobs={"backbone": backbone, **knobs})
    of = Experiment(lanes=[lane], batch_size=16, device="cpu")
    ours, exact = NetTrainer(of, lane, 0, CPU), NetTrainer(of, lane, 0, CPU)
    exact.net.double()
    x, y = Batches(of, CPU).batch(0, 0)
    reads = []
    for trainer, images in ((ours, x), (exact, x.double())):
        trainer.instruments.watch()
        logits, loss = trainer.differentiate(images, y)
        reads.append(trainer.reading(loss, logits, y).numpy())
    np.testing.assert_allclose(reads[0], reads[1], rtol=2e-2 if backbone == "uniform" else 1e-3)


@pytest.mark.slow
@pytest.mark.skipif(not devices.bfloat16(CPU), reason="the processor has no bfloat16")
def test_digits_on_the_uniform_backbone_train_in_bfloat16_as_they_do_in_float32() -> None:
    """Where maps are down to one pixel, 3 × 3 convolutions stand whose gradients torch's kernel
    leaves unset."""
    lane = Lane(family="resnet", knobs={"backbone": "uniform"})

    def curves(precision: str) -> tuple[np.ndarray, np.ndarray]:
        of = Experiment(lanes=[lane], data="digits", steps=12, lr=0.01, batch_size=64,
                        device="cpu", precision=precision)  # fmt: skip
        frames = [frame.lanes[0] for frame in engine.train(of)]
        norms = [frame.weight_gradient_norm for frame in frames]
        return np.array([frame.loss for frame in frames]), np.array(norms)

    (losses, norms), (full_losses, full_norms) = curves("bfloat16"), curves("float32")
    for curve in (losses, full_losses):
        assert curve[-3:].mean() < curve[:3].mean() - 0.2
    np.testing.assert_allclose(norms[0], full_norms[0], rtol=0.25)
    ratios = norms / full_norms
    assert np.isfinite(ratios).all() and (ratios > 0.1).all() and (ratios < 10).all()


# --- convolutions

KERNELS, STRIDES, SIDES = (1, 3, 7), (1, 2), (1, 2, 3)


def test_taps_that_meet_no_pixel_are_known_by_their_gradient() -> None:
    for kernel, stride, side in product(KERNELS, STRIDES, (1, 2, 3, 4, 8)):
        conv = nn.Conv2d(1, 1, kernel, stride, kernel // 2, bias=False).double()
        conv(torch.ones(1, 1, side, side, dtype=torch.float64)).sum().backward()
        assert conv.weight.grad is not None
        assert unmet(conv, (side, side)) == bool((conv.weight.grad == 0).any())


def test_a_convolution_whose_taps_meet_no_pixel_stays_in_float32() -> None:
    conv = nn.Conv2d(8, 16, 3, 2, 1, bias=False)
    carefully(conv, last=True, half=True, draw=None)
    for side, kind in ((1, torch.float32), (4, torch.bfloat16)):
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            if kind == torch.bfloat16 and not devices.bfloat16(CPU):
                continue  # there torch's own fallback writes where it must not
            assert conv(torch.ones(2, 8, side, side)).dtype == kind


def test_no_channel_is_left_unset_where_the_stride_is_larger_than_the_map() -> None:
    if not devices.bfloat16(CPU):
        pytest.skip("the processor has no bfloat16")
    for _ in range(200):  # torch's own kernel leaves one unset in about every tenth
        conv = nn.Conv2d(3, 16, 1, 2)
        carefully(conv, last=False, half=True, draw=None)
        junk = [torch.full_like(conv.weight, float("nan")) for _ in range(8)]
        del junk
        for value in run(conv, torch.randn(3, 3, 1, 1), torch.randn(3, 16, 1, 1), half=True):
            assert value.isfinite().all()


@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST], ids=["first", "last"])
def test_convolutions_on_the_smallest_maps_are_those_of_float64(
    layout: torch.memory_format, half: bool
) -> None:
    if half and not devices.bfloat16(CPU):
        pytest.skip("the processor has no bfloat16")
    cases = product(KERNELS, STRIDES, SIDES, ((1, 8, 1), (3, 16, 1), (8, 8, 2), (17, 9, 1)), (1, 3))
    for kernel, stride, side, (inputs, outputs, groups), batch in cases:
        torch.manual_seed(0)
        ours, exact = (
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups) for _ in "12"
        )
        exact.load_state_dict(ours.state_dict())
        ours.to(memory_format=layout)
        carefully(ours, last=layout == LAST, half=half, draw=None)
        x = torch.randn(batch, inputs, side, side)
        dy = torch.randn_like(ours(x))
        expected = run(exact.double(), x.double(), dy.double())
        for _ in range(3):  # what is left unset holds what was there before
            junk = [torch.full_like(ours.weight, float("nan")) for _ in range(3)]
            del junk
            found = run(ours, x.contiguous(memory_format=layout), dy, half=half)
            for one, other in zip(found, expected, strict=True):
                case = (kernel, stride, side, inputs, outputs, groups, batch)
                assert off(one, other) < (5e-2 if half else 1e-5), case
