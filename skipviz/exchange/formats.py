"""Everything that a run leaves as: one table, for the command line and for the buttons of a page.

formats.write(stored, "csv", path)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skipviz import graphs
from skipviz.core.atomic_files import read_json
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError, show
from skipviz.exchange import event_files, frame_files, notebook, run_zip, training_script
from skipviz.graphs import files
from skipviz.graphs.drawing import Drawing
from skipviz.offline.report import write_report
from skipviz.offline.run_data import StoredRun
from skipviz.store.store import Store

ZOOMS = ("net", "stage", "unit")


@dataclass(frozen=True)
class Stored:
    """A stored run that leaves, and of a drawing: of which lane, counted from 0, and how near."""

    store: Store
    run_id: str
    folder: Path
    experiment: Experiment
    lane: int = 0
    zoom: graphs.Zoom = "net"

    @property
    def frames(self) -> Path:
        return self.folder / "frames.arrow"


@dataclass(frozen=True)
class Format:
    """One kind of file.

    title    what stands on its button
    about    what it is, in a sentence
    ending   of its name; "" where it is a folder
    write    writes it; SpecError where it cannot be
    beside   the endings of what else is written, under the same name
    """

    title: str
    about: str
    ending: str
    write: Callable[[Stored, Path], None]
    beside: tuple[str, ...] = ()


def _events(stored: Stored, to: Path) -> None:
    began = read_json(stored.folder / "status.json").get("began", 0.0)
    event_files.write_events(stored.frames, float(began), to)


def _drawing(stored: Stored) -> tuple[Drawing, str]:
    lanes = stored.experiment.lanes
    if not 0 <= stored.lane < len(lanes):
        raise SpecError(f"lane {stored.lane}: this run has {len(lanes)}, counted from 0")
    wiring = lanes[stored.lane].wiring(stored.experiment.dataset)
    return graphs.drawing(wiring, stored.zoom), wiring.family


def _report(stored: Stored, to: Path) -> None:
    run_id, store = stored.run_id, stored.store
    run = StoredRun(run_id, stored.folder, stored.experiment, store.status(run_id))
    write_report(run, store, to)


FORMATS: Mapping[str, Format] = {
    "report": Format(
        "Report", "One page for any browser, offline: charts to replay, final numbers, verdicts,"
        " spec, versions.", ".html", _report,
    ),
    "csv": Format(
        "CSV", "Every recorded step, one column for each number, for a spreadsheet.", ".csv",
        lambda stored, to: frame_files.write_csv(stored.frames, to),
    ),
    "parquet": Format(
        "Parquet", "Every recorded step with all columns, for pandas, Polars and DuckDB.",
        ".parquet", lambda stored, to: frame_files.write_parquet(stored.frames, to),
    ),
    "zip": Format(
        "Run as zip", "The whole run with its weights, to be opened by another skipviz.", ".zip",
        lambda stored, to: run_zip.pack(stored.folder, to),
    ),
    "tensorboard": Format(
        "TensorBoard", "Event files, one folder for each lane and seed.", "", _events,
    ),
    "script": Format(
        "PyTorch script", "The same training without skipviz, its images beside it.", ".py",
        lambda stored, to: training_script.write_script(
            stored.run_id, stored.experiment, stored.frames, to
        ),
        beside=(".npz",),
    ),
    "notebook": Format(
        "Jupyter notebook", "Opens the run: tables, charts, the live component.", ".ipynb",
        lambda stored, to: notebook.write_notebook(stored.run_id, stored.experiment, to),
    ),
    "svg": Format(
        "Graph as SVG", "A net's drawing for slides.", ".svg",
        lambda stored, to: _written(to, files.svg(*_drawing(stored)).encode()),
    ),
    "pdf": Format(
        "Graph as PDF", "A net's drawing for papers.", ".pdf",
        lambda stored, to: _written(to, files.pdf(*_drawing(stored))),
    ),
    "tikz": Format(
        "Graph as TikZ", "A net's drawing for LaTeX.", ".tex",
        lambda stored, to: _written(to, files.tikz(*_drawing(stored)).encode()),
    ),
}  # fmt: skip


def _written(to: Path, data: bytes) -> None:
    to.write_bytes(data)


def stored(store: Store, run_id: str, lane: int = 0, zoom: str = "net") -> Stored:
    """A run of a store, or a recording. SpecError where there is none."""
    if zoom not in ZOOMS:
        raise SpecError(f"zoom {show(zoom)}: must be one of {', '.join(ZOOMS)}")
    near: graphs.Zoom = zoom  # type: ignore[assignment]
    return Stored(store, run_id, store.folder(run_id), store.experiment(run_id), lane, near)


def write(of: Stored, key: str, to: Path) -> list[Path]:
    """Writes a run in a format; what was written. SpecError where it cannot be, where the format is
    unknown, or something of that name is there already."""
    if key not in FORMATS:
        raise SpecError(f"format {show(key)}: must be one of {', '.join(FORMATS)}")
    chosen = FORMATS[key]
    paths = [to, *(to.with_suffix(ending) for ending in chosen.beside)]
    check_free(*paths)
    chosen.write(of, to)
    return paths


def check_free(*paths: Path) -> None:
    """SpecError where one of these files is there already, or its folder is not."""
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise SpecError(f"file {there.name}: is there already; give another name")
    away = next((path.parent for path in paths if not path.parent.is_dir()), None)
    if away is not None:
        raise SpecError(f"folder {away}: is not there; make it first")
