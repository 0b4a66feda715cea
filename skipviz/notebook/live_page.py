"""The app's live charts of a run in a notebook: one page of HTML that needs no server."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from skipviz.notebook.loaded import LoadedRun, load
from skipviz.offline import page as pages
from skipviz.offline.run_data import StoredRun, packed

HEIGHT_PX = 1250
MOST_BYTES = 3_000_000
PANELS = ("header", "loss", "profile", "graph", "heat", "gates")


@dataclass(frozen=True)
class Shown:
    """Live charts as a notebook shows them: a frame of its own in the cell's output."""

    html: str
    height_px: int

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:{self.height_px}px;'
            'border:0" title="Live charts of a run"></iframe>'
        )


def show(run: LoadedRun | str | Path, dark: bool = False, height_px: int = HEIGHT_PX) -> Shown:
    """The live charts of a run, a LoadedRun or what `load` takes: replayed and scrubbed as in the
    app. SpecError where it is no run."""
    loaded = run if isinstance(run, LoadedRun) else load(run)
    return Shown(page(loaded, dark), height_px)


def page(run: LoadedRun, dark: bool = False) -> str:
    """The whole page, to be written into a file too."""
    stored = StoredRun(run.id, run.folder, run.experiment, run.status)
    data = packed(stored, run.log, most_bytes=MOST_BYTES, with_maps=True)
    charts = pages.live(run.id, run.experiment, PANELS, place="notebook")
    said = f'<p class="skip-small">{escape(data.says)}</p>' if data.says else ""
    body = f"<main>{charts}{said}</main>"
    shade: pages.Shade = "dark" if dark else "light"
    return pages.whole(repr(run), body, {f"run:{run.id}": data.text}, shade)
