"""What a notebook asks for: a stored run as tables and figures, its live charts, a training with a
bar.

    run = skipviz.load("…")       an id, a run's folder, or a zip that was exported
    run.frames, run.table         pandas, Arrow
    run.figure("loss")            Plotly
    skipviz.show(run)             the charts of the app, replayable
    skipviz.train(experiment)     a bar in a notebook, nothing elsewhere
"""

from __future__ import annotations

from skipviz.notebook.live_page import Shown, show
from skipviz.notebook.loaded import LoadedRun, load
from skipviz.notebook.progress import train

__all__ = ["LoadedRun", "Shown", "load", "show", "train"]
