"""A stored run in memory: its experiment, its tables, its figures.

S seeds, P signal points, L layers, G gated units.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import Status
from skipviz.exchange.frame_files import flat
from skipviz.exchange.run_import import import_run
from skipviz.notebook import figures
from skipviz.store import frame_table
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store, experiment_in, status_in

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, eq=False)
class LoadedRun:
    """A run as it lay on disk when it was loaded.

    id           its id; a new one for a run from a zip
    folder       where its files lie (`docs/run_format.md`)
    experiment   what was trained
    status       how it ended: state, step, device, …
    """

    id: str
    folder: Path
    experiment: Experiment
    status: Status

    @property
    def lanes(self) -> list[str]:
        """The lanes' names, in order, as the run's charts bear them."""
        return [track.label for track in self.log.tracks]

    @cached_property
    def log(self) -> FrameLog:
        """The frames as arrays: `log.lane(i, "loss")` is (steps, S, 1)."""
        return FrameLog.open(self.folder / "frames.arrow")

    @cached_property
    def table(self) -> pa.Table:
        """Every recorded step with all columns, as an Arrow table."""
        return frame_table.whole(self.folder / "frames.arrow")

    @cached_property
    def frames(self) -> Any:
        """Every recorded step as a pandas.DataFrame, one column for each number: `lane0_loss_s0`,
        `lane0_signal_gradient_norm_s0_p3`, …, without maps."""
        return flat(self.table).to_pandas()

    def figure(self, what: str = "loss", step: int | None = None, dark: bool = False) -> go.Figure:
        """A Plotly figure of all lanes: "loss" or "error" over the steps; or over the layers at the
        recorded step nearest to `step` (None: the last) "signal_gradient_norm",
        "weight_gradient_norm", "activation_scale" or "gate_mean". Medians over the seeds that live.
        SpecError for anything else."""
        return figures.figure(self.log, what, step, dark)

    def __repr__(self) -> str:
        state, step = self.status["state"], self.status.get("step", 0)
        lanes = ", ".join(self.lanes)
        return f"Run {self.id}: {lanes} on {self.experiment.data}, {state}, step {step}"


def load(run: str | Path) -> LoadedRun:
    """A stored run by its id, a recording by its ("recorded.lesion.main"), a run's folder, or a zip
    that `skipviz export` wrote, which is checked first. SpecError where it is none."""
    path, store = Path(run), Store()
    if isinstance(run, str) and (store.is_id(run) or store.is_recorded(run)):
        return _of(store, run, store.folder(run))
    if path.is_dir():
        return _of(Store(path.resolve().parent), path.name, path.resolve())
    if path.suffix.lower() == ".zip":
        return _unpacked(path)
    raise SpecError(f"run {show(str(run))}: must be a run's id, its folder or its exported zip")


def _unpacked(path: Path) -> LoadedRun:
    """The run in a zip; it lies in a folder that goes when nobody holds the run any more."""
    folder = tempfile.mkdtemp(prefix="skipviz-")
    try:
        aside = Store(Path(folder))
        run_id = import_run(path, aside)
        loaded = _of(aside, run_id, aside.folder(run_id))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(loaded, shutil.rmtree, folder, ignore_errors=True)
    return loaded


def _of(store: Store, run_id: str, folder: Path) -> LoadedRun:
    if not (folder / "experiment.json").is_file():
        raise SpecError(f"run {show(run_id)}: there is no such run on this machine")
    if store.is_id(run_id) or store.is_recorded(run_id):
        return LoadedRun(run_id, folder, store.experiment(run_id), store.status(run_id))
    return LoadedRun(run_id, folder, experiment_in(folder), status_in(folder))
