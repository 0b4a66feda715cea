"""`python -m skipviz site OUT`, the whole command, of all scenes.

site         wall seconds, median; on a busy machine an upper bound    goal 60
site-cpu     seconds that the command's process computed, median       goal 60
site-mb      megabytes of the site                                     goal 30
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.hall.row import Row
from benchmarks.runs.commands import timed


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case."""
    wall_s, cpu_s = timed(1 if quick else 3, lambda turn: ["site", str(folder / "course")])
    files = [path for path in (folder / "course").rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return [
        Row("site", 60.0, wall_s),
        Row("site-cpu", 60.0, cpu_s),
        Row("site-mb", 30.0, megabytes),
    ]
