"""The ctypes mirror of kernel.c and drawn.h."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_double, c_int64, c_void_p
from typing import Any

ACTIVATIONS = ("relu", "tanh", "sigmoid")
"""In the order of their numbers in kernel.c."""

OPTIMISERS = ("sgd", "nesterov", "adam", "adamw")
"""In the order of their numbers in kernel.c."""

KINDS = (
    "linear", *ACTIVATIONS, "norm", "layer_norm", "dropout", "scale", "rezero", "add", "multiply",
    "complement", "constant", "concat", "conv", "zero_pad", "global_avg", "global_max", "avg_pool",
    "max_pool",
)  # fmt: skip
"""In the order of their numbers in drawn.h."""

NOTHING, WRITE, PLUS = -1, 0, 1
"""What becomes of a source's gradient, as in drawn.h."""


class Op(ctypes.Structure):
    """`struct op`, field by field."""

    _fields_ = [
        *((name, c_int64) for name in ("kind", "channels", "first", "second")),
        *((name, c_int64) for name in ("out", "stride", "grad", "grad_stride")),
        *((name, c_int64) for name in ("to_first", "to_second", "weights", "biased")),
        *((name, c_int64) for name in ("room", "kept", "layer", "point", "gate", "done")),
        *((name, c_int64) for name in ("plus", "relu")),
        *((name, c_int64) for name in ("high", "wide", "inputs", "in_high", "in_wide")),
        *((name, c_int64) for name in ("kernel", "hop", "border")),
        *((name, c_double) for name in ("momentum", "epsilon")),
    ]


class Net(ctypes.Structure):
    """`struct net`, field by field."""

    _fields_ = [
        *((name, c_int64) for name in ("depth", "inputs", "width", "classes", "batch")),
        *((name, c_int64) for name in ("activation", "gated", "optimiser")),
        ("skips", c_void_p),
        ("floats", c_int64),
        *((name, c_void_p) for name in ("weights", "velocity", "square", "grads", "work")),
        *((name, c_void_p) for name in ("reading", "x", "y")),
        *((name, c_int64) for name in ("x_stride", "measure", "dead", "finite")),
        *((name, c_double) for name in ("lr", "momentum", "weight_decay", "clip")),
        *((name, c_double) for name in ("rate", "root", "all_squares")),
        ("ops", c_void_p),
        *((name, c_int64) for name in ("count", "points", "layers")),
        *((name, c_void_p) for name in ("values", "seeds", "running", "back", "grad", "patch")),
    ]


class Kernel:
    """The functions of a library that was built from kernel.c."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._step: Any = library.step
        self._step.argtypes = [POINTER(POINTER(Net)), c_int64, c_int64]
        self._step.restype = None
        self.padded: Any = library.padded
        self.padded.argtypes, self.padded.restype = [c_int64], c_int64
        self.work_floats: Any = library.work_floats
        self.work_floats.argtypes, self.work_floats.restype = [POINTER(Net)], c_int64
        self._pick: Any = library.pick
        self._pick.argtypes = [c_void_p, c_void_p, *([c_int64] * 3), *([c_void_p] * 3)]
        self._pick.restype = None
        self.peak_flops: Any = library.peak_flops
        self.peak_flops.argtypes, self.peak_flops.restype = [c_double], c_double

    def step(self, nets: Sequence[Net], threads: int) -> None:
        """One step of every net, on so many threads at most."""
        kind = POINTER(Net) * len(nets)
        self._step(kind(*map(ctypes.pointer, nets)), len(nets), threads)

    def pick(self, images: Any, rows: Any, mean: Any, std: Any, to: Any) -> None:
        """Standardises rows (n,) int64 of images (N, C, H, W) uint8, with mean and std of each
        channel float32, into `to` (n, C, H, W) float32: tensors on the CPU without gaps."""
        count, channels, high, wide = to.shape
        at = [tensor.data_ptr() for tensor in (images, rows, mean, std, to)]
        self._pick(at[0], at[1], count, channels, high * wide, *at[2:])
