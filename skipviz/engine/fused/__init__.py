"""The fused kernel: a training step of a net in one native call, where a C compiler is found.

It trains what the stacked engine trains, and convolutional nets as the modules do, with the same
numbers to rounding, and is never needed: where there is none, or with SKIPVIZ_FUSED=0, those do the
work, and so the stacked engine does for highway nets whose gates are numbers and for layers wider
than `WIDEST`. `stack.claims` says which nets it takes.

kernel.c   the step of a chain of layers, and a pool of threads that share out the nets
drawn.h    the step of every other net, operation by operation
pictures.h   what of it is done on feature maps
build      compiles them into the cache
native     the ctypes mirror of their structures
arena      weights, and what the optimiser keeps of them
chain      plain, residual and coupled highway nets of equal layers
plan       where everything lies of a net that is computed as it is drawn; `drawn`: such nets
stack      `FusedStack`, used in place of `Stack`
trial      what a fresh library must get right before it is used

C and not numba: the product of a layer (128×50 by 50×50) runs at 100 Gflop/s and more against 36
for numba 0.68 with the best loops found (four rows at once, padded; AVX-512, Zen 4, one core, peak
117 to 158), is compiled once a machine instead of once a process, and asks for no further package.
"""

from __future__ import annotations

import os
from functools import cache

from skipviz.engine.fused import build
from skipviz.engine.fused.native import Kernel

WIDEST = 512
"""Wider layers are left to the libraries behind torch, which cut large products into pieces."""


def available() -> bool:
    """Can dense nets be trained by the fused kernel? Builds it on the first call, in seconds."""
    return why() == ""


def why() -> str:
    """Why there is no fused kernel, as part of a sentence; "" where there is one."""
    if os.environ.get("SKIPVIZ_FUSED") == "0":
        return "SKIPVIZ_FUSED is 0"
    return _found()[1]


def kernel() -> Kernel:
    """The kernel. build.Unavailable, which says why, where there is none."""
    reason = why()
    library = _found()[0]
    if reason or library is None:
        raise build.Unavailable(reason)
    return library


def peak_gflops(seconds: float = 0.2) -> float:
    """What one thread can do at best here, in 10⁹ floating-point operations a second: multiply-adds
    of whole vectors in registers, by CPU time. build.Unavailable where there is no kernel."""
    return kernel().peak_flops(seconds) / 1e9


@cache
def _found() -> tuple[Kernel | None, str]:
    try:
        return Kernel(build.load()), ""
    except build.Unavailable as error:
        return None, str(error)
