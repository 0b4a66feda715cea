"""One page of HTML that needs no server: its frame, and the places of its charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from skipviz.core.experiment import Experiment
from skipviz.core.strict_json import dumps
from skipviz.figures import live_options
from skipviz.offline import parts

Shade = Literal["", "light", "dark"]

_PAGE = """<!doctype html>
<html lang="en"{shade}><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
{head}</head>
<body>
{body}
{scripts}
</body></html>
"""


@dataclass(frozen=True)
class Files:
    """Where the pages of a site find what they share, below their own address."""

    style: str
    scripts: Sequence[str]


def whole(title: str, body: str, packed: Mapping[str, str], shade: Shade = "") -> str:
    """A page that holds everything: style, script, plotly.js and data by name."""
    head = parts.inline_style(parts.style("live"), "sv-style")
    head += parts.inline_style(parts.style("offline"))
    brought = {"plotly": parts.packed_plotly(), **packed}
    texts = [*(parts.brought(name, text) for name, text in brought.items()), parts.script()]
    scripts = "\n".join(map(parts.inline_script, texts))
    return _page(title, head, body, scripts, shade)


def of_site(title: str, body: str, files: Files) -> str:
    """A page whose style, scripts and data are files beside it."""
    head = f'<link id="sv-style" rel="stylesheet" href="{escape(files.style)}">\n'
    scripts = "\n".join(f'<script src="{escape(path)}"></script>' for path in files.scripts)
    return _page(title, head, body, scripts, "")


def _page(title: str, head: str, body: str, scripts: str, shade: Shade) -> str:
    return _PAGE.format(
        title=escape(title), head=head, body=body, scripts=scripts,
        shade=f' data-theme="{shade}"' if shade else "",
    )  # fmt: skip


def live(
    run_id: str,
    experiment: Experiment,
    panels: Iterable[str],
    *,
    place: str,
    quantity: str = "signal",
    options: Mapping[str, Any] | None = None,
) -> str:
    """The place of live charts.

    place   tells the places of a page apart
    """
    settings = {
        "id": place,
        "run": run_id,
        "panels": list(panels),
        "options": live_options.options(experiment, quantity) | dict(options or {}),
    }
    return (
        f'<div class="sv-live" data-state="loading" data-mount="{escape(dumps(settings))}">'
        '<p class="skip-wait">The charts are being unpacked …</p></div>'
    )


def still(pack: str, name: str, about: str) -> str:
    """The place of a figure that Python drew, of a pack of figures (`stills.js`)."""
    label = escape(about)
    return (
        f'<div class="skip-scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<div class="skip-still" role="figure" aria-label="{label}"'
        f' data-still="{escape(pack)}/{escape(name)}"></div></div>'
    )
