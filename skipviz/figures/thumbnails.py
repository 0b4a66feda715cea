"""Loss curves as a picture a finger's breadth wide, for lists of runs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

from skipviz.figures import theme

WIDTH_PX, HEIGHT_PX = 132, 48
_ROOM = 3


def thumbnail(curves: Sequence[Sequence[Any]], label: str, dark: bool = False) -> str:
    """An image element of curves [family, [[x, y], …]], x and y from 0 to 1, y downwards; lanes of
    one family after its first are dashed. Empty curves are a frame."""
    seen: set[str] = set()
    lines = []
    for family, points in curves:
        dash = ' stroke-dasharray="4 2"' if family in seen else ""
        seen.add(family)
        at = " ".join(f"{_place(x, WIDTH_PX)},{_place(y, HEIGHT_PX)}" for x, y in points)
        lines.append(
            f'<polyline points="{at}" fill="none" stroke="{theme.colour(family, dark)}"'
            f' stroke-width="2"{dash}/>'
        )
    frame = f'<rect x="0.5" y="0.5" width="{WIDTH_PX - 1}" height="{HEIGHT_PX - 1}" rx="4"'
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}"'
        f' width="{WIDTH_PX}" height="{HEIGHT_PX}">{frame} fill="none"'
        f' stroke="{theme.theme(dark).quiet}" stroke-opacity="0.5"/>{"".join(lines)}</svg>'
    )
    packed = base64.b64encode(drawn.encode()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{packed}" alt="{escape(label)}"'
        f' width="{WIDTH_PX}" height="{HEIGHT_PX}">'
    )


def _place(share: float, size: int) -> str:
    return f"{_ROOM + share * (size - 2 * _ROOM):.1f}"
