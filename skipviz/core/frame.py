"""What one recorded step yields: Frame, and one LaneFrame for each lane.

Shapes (S seeds, P signal points, L weighted layers, G gated units; of what is drawn cell by cell,
see `map_plan`: U units, C cells of the widest, K samples): with one seed the leading S axis is left
out and `loss`, `error` are plain floats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

_EMPTY = np.zeros(0)


@dataclass(frozen=True, eq=False)
class LaneFrame:
    """One lane at one step, measured on its batch before the update: step 0 is the net at init.

    loss                  mean cross-entropy of the batch, nats; a float, or (S,)
    error                 share of the batch that is classified wrongly, 0 to 1; a float, or (S,)
    signal_gradient_norm  L2 norm of dLoss/dx at each signal point, (P,) or (S, P) float64: one norm
                          over all values of x for the whole batch, (B, …) taken as one vector, and
                          Loss the mean over the batch. A batch of B alike samples gives 1/√B of
                          the norm of one of them alone
    weight_gradient_norm  L2 norm of dLoss/dW of each layer that the depth counts, biases left
                          out, (L,) or (S, L)
    activation_scale      root mean square of x at each signal point, (P,) or (S, P)
    gate_mean             mean transform gate T of each gated unit over the batch, (G,) or (S, G)
    gate_bias_map         the gates' biases, (U, C) float32, NaN where they are not learned. This
                          and the next three are of the first seed's net, None between two maps
    gate_mean_map         T, mean over evenly chosen training samples, (U, C)
    gate_map              T of each fixed sample, (K, U, C)
    output_map            the units' outputs for the same samples, (K, U, C): the stripes; also of a
                          plain lane beside a gated one. These three are float16: three digits
    held_out_loss         mean cross-entropy on the held-out split, nats, BatchNorm's statistics
                          re-estimated before; a float, or (S,); None on steps without evaluation
    held_out_error        share of the held-out split that is classified wrongly, 0 to 1; likewise
    diverged_at           the first step whose loss was not finite; None as long as it is
    """

    loss: Any
    error: Any
    signal_gradient_norm: np.ndarray
    weight_gradient_norm: np.ndarray
    activation_scale: np.ndarray
    gate_mean: np.ndarray = field(default_factory=lambda: _EMPTY)
    gate_bias_map: np.ndarray | None = None
    gate_mean_map: np.ndarray | None = None
    gate_map: np.ndarray | None = None
    output_map: np.ndarray | None = None
    held_out_loss: Any = None
    held_out_error: Any = None
    diverged_at: int | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One recorded step: `step` is the number of updates made before it was measured."""

    step: int
    lanes: tuple[LaneFrame, ...]
