"""A run's folder as one zip archive, to be opened by another skipviz (`exchange.run_import`).

run.json           which format this is; when the weights were saved, by which measurements are
                   kept; the run's name and note, where somebody gave it one
experiment.json, status.json, machine.json, data.json, votes.json, frames.arrow, checkpoint.pt,
probes/…           the files of the run's folder, as they are (docs/run_format.md)
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from skipviz.core.knob import SpecError
from skipviz.core.strict_json import dumps
from skipviz.store import data_origin, frame_table, predictions, run_marks

ABOUT = "run.json"
FORMAT = 1
REQUIRED = ("experiment.json", "status.json", "frames.arrow")
OPTIONAL = ("machine.json", data_origin.FILE, predictions.FILE, "checkpoint.pt")
PROBE = re.compile(r"probes/[a-z0-9_]{1,40}-[0-9a-f]{16}\.json")


def members(folder: Path) -> list[str]:
    """The names of a run folder's files that belong to the run, in their order in the archive."""
    names = [name for name in (*REQUIRED, *OPTIONAL) if (folder / name).is_file()]
    probes = (path.relative_to(folder).as_posix() for path in folder.glob("probes/*.json"))
    return names + sorted(name for name in probes if PROBE.fullmatch(name))


def pack(folder: Path, to: Path) -> None:
    """Writes the run in `folder` into the archive `to`. SpecError where it has no frames yet."""
    names = members(folder)
    if not set(REQUIRED) <= set(names):
        raise SpecError("run: it has no frames yet; wait until its first step is made")
    weights = folder / "checkpoint.pt"
    saved_ns = weights.stat().st_mtime_ns if weights.is_file() else 0
    said = run_marks.marks(folder)
    about: dict[str, Any] = {"skipviz_run": FORMAT, "checkpoint_saved_ns": saved_ns}
    about |= {key: text for key, text in (("name", said.name), ("note", said.note)) if text}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(ABOUT, dumps(about))
        for name in names:
            if name == "frames.arrow":
                _write_frames(folder / name, archive)
            else:
                archive.write(folder / name, name)


def _write_frames(path: Path, archive: zipfile.ZipFile) -> None:
    """The frames up to their last whole batch, those of a recording uncompressed."""
    with frame_table.opened(path) as frames:
        with archive.open("frames.arrow", "w", force_zip64=True) as file:
            file.write(frames.schema.serialize())
            for batch in frames.batches():
                file.write(batch.serialize())
