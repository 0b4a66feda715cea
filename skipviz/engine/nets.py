"""Makes the nets of a lane: built from the seed, a plain twin with its source's initial weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from skipviz.core.declarations import Dataset
from skipviz.core.experiment import Lane
from skipviz.models import from_settings


def make_net(lane: Lane, data: str | Dataset, seed: int) -> nn.Module:
    """The lane's net, freshly initialised on the CPU from `seed`, in training mode.

    A plain twin shares no random draw by chance: the net it is the twin of is built from the same
    seed, and the twin takes its branches' weights over (He et al. 2015, section 4.1: the same net
    with its shortcuts taken out).
    """
    settings = lane.settings(data)
    if not settings.get("plain_twin"):
        return _seeded(lane.family, settings, seed)
    source = _seeded(lane.family, settings | {"plain_twin": False}, seed).state_dict()
    net = _seeded(lane.family, settings, seed)
    net.load_state_dict({name: source[name] for name in net.state_dict()})
    return net


def _seeded(family: str, settings: dict[str, Any], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return from_settings(family, settings).train()
