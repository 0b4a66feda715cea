"""What a guest may use of this server, and all together. The lecturer has none of these limits but
those of pictures, which he alone may upload.

Each field is a setting of `skipviz.toml`, under `[limits]`, and of the environment as
SKIPVIZ_LIMIT_<NAME>; its metadata say what it counts and the least that makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from skipviz.core.knob import SpecError, show


def _limit(default: float, words: str, least: float = 0) -> Any:
    return field(default=default, metadata={"words": words, "least": least})


@dataclass(frozen=True)
class Limits:
    """Numbers; whole ones where the default is one."""

    guest_runs: int = _limit(
        4, "runs of a guest that wait or train at a time; measurements that wait, too", 1
    )
    guest_steps: int = _limit(20_000, "steps of a guest's run", 1)
    guest_parameters: int = _limit(
        20_000_000, "parameters of a guest's run, over all its nets and seeds", 1
    )
    guest_memory_mb: float = _limit(2048, "estimated memory of a guest's run, in MB", 350)
    guest_step_s: float = _limit(1.0, "estimated seconds of one step of a guest's run", 0.001)
    guest_minutes: float = _limit(10, "minutes that a guest's run may train", 0.1)
    lease_minutes: float = _limit(2, "minutes until a guest's run ends that nobody watches", 0.05)
    waiting: int = _limit(600, "guests' runs that wait, all together", 1)
    memory_mb: float = _limit(0, "estimated memory of guests' runs that train; 0: what is free")
    pictures: int = _limit(
        500_000, "pictures of one's own that are kept; only the lecturer adds", 1
    )
    pictures_mb: float = _limit(8192, "pictures of one's own that are kept, in MB", 1)


def parse(name: str, value: Any, where: str) -> int | float:
    """The value of a limit. SpecError, in one sentence, for what is none."""
    declared = {each.name: each for each in fields(Limits)}[name]
    whole = isinstance(declared.default, int) and not isinstance(declared.default, bool)
    whole = whole and declared.type == "int"
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(value) if whole and str(value).strip().isdecimal() else float(value)
    except (TypeError, ValueError):
        raise SpecError(f"{where}: {show(value)} must be a number") from None
    least = declared.metadata["least"]
    if not least <= number < float("inf") or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise SpecError(f"{where}: {show(value)} must be {kind} of at least {least:g}")
    return int(number) if whole else float(number)
