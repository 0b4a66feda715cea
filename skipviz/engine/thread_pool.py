"""Nets that do not wait for each other, trained by one thread each.

A convolutional net spends its time in products of megabytes, which leave Python's lock alone: two
of them on two cores take little more time than one. Thin dense nets would only fight for the lock:
they stand in stacks, or come one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn

from skipviz.engine import device as devices
from skipviz.engine.precise_layers import depths, dropouts

Result = TypeVar("Result")


class NetThreads:
    """Does jobs side by side on the CPU where the nets that they train allow it, else in turn."""

    def __init__(self, nets: Sequence[nn.Module], threads: int) -> None:
        """threads: of torch within each job, whether it has company or not: the number of threads
        decides the order of sums, and a lane's numbers must not depend on what stands beside it.
        """
        self.count = min(len(nets), max(1, devices.cores() // threads))
        self.pool: ThreadPoolExecutor | None = None
        if self.count > 1 and all(map(_may, nets)):
            self.pool = ThreadPoolExecutor(
                self.count, initializer=torch.set_num_threads, initargs=(threads,)
            )

    def results(self, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
        """What the jobs return, in their order; the first error of any is raised."""
        if self.pool is None:
            return [job() for job in jobs]
        return [future.result() for future in [self.pool.submit(job) for job in jobs]]


def _may(net: nn.Module) -> bool:
    """On the CPU, convolutional, and drawing no random numbers: one stream serves all threads."""
    on_cpu = next(net.parameters()).device.type == "cpu"
    convolutional = any(isinstance(module, nn.Conv2d) for module in net.modules())
    return on_cpu and convolutional and not draws(net)


def draws(net: nn.Module) -> bool:
    """Does its training draw random numbers?"""
    return bool(dropouts(net) or depths(net))
