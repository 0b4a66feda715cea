"""`python -m skipviz export RUN --to report`, the whole command, of the largest recording.

export-report       wall seconds, median; on a busy machine an upper bound    goal 5
export-report-cpu   seconds that the command's process computed, median       goal 5
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.hall.row import Row
from benchmarks.runs.commands import timed
from skipviz.store.store import Store


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case."""
    store = Store()
    sizes = {
        f"recorded.{path.parent.parent.name}.{path.parent.name}": path.stat().st_size
        for path in store.recordings.glob("*/*/frames.arrow")
    }
    largest = max(sizes, key=lambda run_id: sizes[run_id])
    wall_s, cpu_s = timed(
        1 if quick else 5,
        lambda turn: ["export", largest, str(folder / f"{turn}.html"), "--to", "report"],
    )
    return [Row("export-report", 5.0, wall_s), Row("export-report-cpu", 5.0, cpu_s)]
