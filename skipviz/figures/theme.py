"""The palette: one colour for each family, after Okabe & Ito, so that it reads with any eyes.

Every family has a light-theme colour and a brighter one for the dark theme (#0e1117 behind it).
"""

from __future__ import annotations

from dataclasses import dataclass

_FAMILIES = {
    "plain": ("#D55E00", "#FF8C42"),
    "resnet": ("#0072B2", "#58A6F0"),
    "highway": ("#009E73", "#2FC49A"),
    "densenet": ("#CC79A7", "#E6A1C6"),
    "resnext": ("#56B4E9", "#A5DCFF"),
}
_OTHER = ("#B07D00", "#E69F00")
"""A family that has no slot of its own."""


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
    return _FAMILIES.get(family, _OTHER)[int(dark)]
