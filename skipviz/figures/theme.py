"""The palette: one colour for each family, after Okabe & Ito, so that it reads with any eyes.

Every family has a light-theme colour and a brighter one for the dark theme (#0e1117 behind it): its
own, as its ARCHITECTURE says, or the next free one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from skipviz.core import registry

FREE = (("#661100", "#F0E442"), ("#332288", "#6570F3"), ("#882255", "#DC39A2"))
"""For families without a colour of their own, in this order and then again: (light, dark), which
two kinds of colour-blind eyes tell from one another and from every family's."""

_OTHER = ("#B07D00", "#E69F00")
"""What belongs to no family."""


@dataclass(frozen=True)
class Theme:
    """The colours that every figure shares: writing, lines, quiet lines, the fill of a box."""

    text: str
    line: str
    quiet: str
    fill: str
    ground: str


LIGHT = Theme(text="#1F2328", line="#57606A", quiet="#8C959F", fill="#F3F4F6", ground="#FFFFFF")
DARK = Theme(text="#E6EDF3", line="#9EA7B3", quiet="#6E7681", fill="#21262D", ground="#0E1117")


def theme(dark: bool = False) -> Theme:
    """The shared colours of the light or the dark theme."""
    return DARK if dark else LIGHT


def colour(family: str, dark: bool = False) -> str:
    """The colour of `family` as #RRGGBB."""
    free, pair = cycle(FREE), _OTHER
    for key, declared in registry.architectures().items():
        own = declared.colour or next(free)
        pair = own if key == family else pair
    return pair[int(dark)]


def ink(family: str, dark: bool = False) -> str:
    """The colour of `family` for text on the page, as #RRGGBB: its contrast to a box of the page is
    4.6 or more (WCAG 2.2, criterion 1.4.3, asks for 4.5)."""
    full, box, share = colour(family, dark), theme(dark).fill, 1.0
    end = 255 if dark else 0
    while share > 0:
        mixed = [round(part * share + end * (1 - share)) for part in _parts(full)]
        if contrast(mixed, _parts(box)) >= 4.6:
            break
        share -= 0.02
    return "#" + "".join(f"{part:02X}" for part in mixed)


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """The contrast of two colours (r, g, b of 0 to 255), 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(parts: Sequence[int]) -> float:
    shares = [part / 255 for part in parts]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
