"""What every page that needs no server is made of: style, script, plotly.js, packed data."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from skipviz.core import places
from skipviz.core.strict_json import dumps
from skipviz.offline.classic_script import classic_script
from skipviz.offline.run_data import pack
from skipviz.stream import assets


@cache
def script() -> str:
    """The app's modules that draw, and what these pages do, as one classic script."""
    return classic_script([places.shipped() / "assets" / "offline" / "offline.js"])


@cache
def style(name: str) -> str:
    """A style sheet: "live" of the charts, "offline" of the page around them."""
    folder = places.shipped() / "assets" / name
    return (folder / f"{name}.css").read_text(encoding="utf-8")


def plotly_file() -> Path:
    """plotly.js as its package ships it."""
    return assets.plotly_file()


@cache
def packed_plotly() -> str:
    """plotly.js, packed."""
    return pack(plotly_file().read_bytes())


def third_party() -> str:
    """The licences of all that is bundled, as Markdown."""
    return (places.shipped() / "THIRD_PARTY.md").read_text(encoding="utf-8")


def brought(name: str, text: str) -> str:
    """A script that brings packed data to the page, under a name."""
    return f"(self.skipvizPacked ??= {{}})[{dumps(name)}] = {dumps(text)};"


def inline_script(text: str) -> str:
    """A script element that holds a script. ValueError where its text would end the element."""
    return f"<script>{_whole('script', text)}</script>"


def inline_style(text: str, name: str = "") -> str:
    """A style element that holds a style sheet. ValueError where its text would end the element."""
    named = f' id="{name}"' if name else ""
    return f"<style{named}>{_whole('style', text)}</style>"


def _whole(tag: str, text: str) -> str:
    if re.search(rf"</{tag}|<!--", text, re.IGNORECASE):
        raise ValueError(f"this cannot stand in a {tag} element")
    return text
