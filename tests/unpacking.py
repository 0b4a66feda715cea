"""The browser's side of the stream, for tests: packed messages laid open."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from skipviz.core.protocol import PackedKind
from skipviz.store.frame_schema import LaneAxes

_HEAD = struct.Struct("<BBHIIII")
_MAP_HEAD = struct.Struct("<BBBBIHHff")
_PARTS = {"gate_bias_map": 1, "gate_mean_map": 2, "gate_map": 4, "output_map": 8}
_PROFILES = ("signal_gradient_norm", "weight_gradient_norm", "activation_scale")
_LOWEST_LOSS = 1e-8


def unpack(data: bytes, tracks: Sequence[LaneAxes]) -> dict[str, Any]:
    """What a packed message says."""
    if data[0] == PackedKind.MAPS:
        return _unpack_maps(data)
    kind, _, h, start, stop, n, m = _HEAD.unpack_from(data)
    at = _HEAD.size

    def take(count: int, number: str = "<f4") -> np.ndarray:
        nonlocal at
        size = count * np.dtype(number).itemsize
        at += size
        return np.frombuffer(data, number, count, at - size)

    def scores(k: int, seeds: int) -> dict[str, Any]:
        if seeds == 1:
            return {name: take(k) for name in ("loss", "error")}
        lane: dict[str, Any] = {name: take(k) for name in ("loss", "error", "low", "high")}
        bottom, top = (np.log(np.maximum(lane[x], _LOWEST_LOSS))[:, None] for x in ("low", "high"))
        for name in ("losses", "errors"):
            whole = take(k * seeds, "<u2").reshape(k, seeds)
            lane[name] = np.where(whole < 65535, whole / 65534, np.nan)
        lane["losses"] = np.exp(bottom + lane["losses"] * (top - bottom))
        return lane

    points: dict[str, Any] = {"step": take(n, "<u4")}
    points["lanes"] = [scores(n, track.seeds) for track in tracks]
    held: dict[str, Any] = {"step": take(h, "<u4")}
    held["lanes"] = [scores(h, track.seeds) for track in tracks] if h else []
    columns: dict[str, Any] = {"step": take(m, "<u4"), "lanes": []}
    for track in tracks:
        widths = (len(track.points), len(track.layers), len(track.points))
        lane = {name: take(m * w).reshape(m, w) for name, w in zip(_PROFILES, widths, strict=True)}
        if track.gates:
            lane["gate_mean"] = take(m * len(track.gates)).reshape(m, len(track.gates))
        columns["lanes"].append(lane)
    diverged = take(len(tracks), "<i4").tolist()
    rows = {"from": start, "to": stop}
    parts = {"points": points, "held_out": held, "columns": columns}
    return {"kind": kind, **rows, **parts, "diverged": diverged}


def _unpack_maps(data: bytes) -> dict[str, Any]:
    _, lane, sample, parts, step, units, cells, bias, output = _MAP_HEAD.unpack_from(data)
    said: dict[str, Any] = {"kind": PackedKind.MAPS, "lane": lane, "sample": sample, "step": step}
    said |= {"bias_reach": bias, "output_reach": output}
    at = _MAP_HEAD.size
    for name, bit in _PARTS.items():
        if bit & parts:
            number = "<f4" if name == "gate_bias_map" else "<f2"
            values = np.frombuffer(data, number, units * cells, at)
            said[name] = values.reshape(units, cells)
            at += values.nbytes + -values.nbytes % 4
    return said


def split(data: bytes) -> list[str | bytes]:
    """The inverse of `messages.join`."""
    messages: list[str | bytes] = []
    at = 0
    while at < len(data):
        packed, size = struct.unpack_from("<BI", data, at)
        body = data[at + 5 : at + 5 + size]
        messages.append(body if packed else body.decode())
        at += 5 + size
    return messages
