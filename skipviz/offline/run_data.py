"""What the live charts would ask of a server, in one packed text: it stands in a page.

The curves as a screen shows them, the exact profiles of recorded steps spread over the run (the
nearest is shown for any other), and the maps of gates and outputs. A run that would take more than
it may is shown with fewer steps and fewer samples; `Packed.says` says so.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.protocol import Status
from skipviz.core.strict_json import dumps
from skipviz.datafiles import cache
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import machine_name
from skipviz.store.thinning import spread
from skipviz.stream import map_samples, messages

MOST_EXACT = 300
SHARE_OF_MAPS = 0.7
"""Of the bytes that a run with maps may take."""


@dataclass(frozen=True)
class StoredRun:
    """A run that is shown.

    id           what the page calls it
    folder       where its files lie
    experiment   what was trained
    status       how it ended
    """

    id: str
    folder: Path
    experiment: Experiment
    status: Status

    def log(self) -> FrameLog:
        """Its frames. SpecError where there are none."""
        log = FrameLog.open(self.folder / "frames.arrow")
        if not log.n:
            raise SpecError("run: it has no frames yet; wait until its first step is made")
        return log


@dataclass(frozen=True)
class Packed:
    """A run as text.

    text   base64 of the compressed messages
    says   what of the run was left out, in a sentence; empty where nothing was
    """

    text: str
    says: str


def packed(run: StoredRun, log: FrameLog, *, most_bytes: int, with_maps: bool) -> Packed:
    """A run's messages, about `most_bytes` before they are compressed.

    with_maps   the maps of gates and outputs too, where it has some
    """
    maps, maps_say = _maps(log, int(most_bytes * SHARE_OF_MAPS)) if with_maps else ([], "")
    exact, exact_says = _exact(log, most_bytes - sum(map(len, maps)))
    whole = messages.snapshot(log, 0, log.n, columns=messages.SNAPSHOT_COLUMNS)
    samples = max((message[2] for message in maps), default=-1) + 1
    texts = [_hello(run, log, samples), _samples(run.experiment, samples)]
    parts: list[str | bytes] = [*texts, whole, *exact, *maps]
    return Packed(pack(messages.join(parts)), f"{exact_says} {maps_say}".strip())


def pack(data: bytes) -> str:
    """Bytes as a page holds them (`assets/offline/unpack.js`)."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _hello(run: StoredRun, log: FrameLog, samples: int) -> str:
    """The first message; of its maps it names those samples that are here."""
    status = run.status.copy()
    status.pop("worker", None)
    status["machine"] = machine_name(run.folder, status.get("device", ""))
    hello = json.loads(messages.hello(run.id, log, status, run.experiment))
    for track in hello["tracks"]:
        track["samples"] = min(track["samples"], samples)
        track["cells"] = track["cells"] if samples else 0
    return dumps(hello)


def _samples(experiment: Experiment, count: int) -> str:
    """Their pictures; null where there are none, or their data is not here."""
    try:
        if count and experiment.dataset.files is None:  # it comes with the program: it is read
            cache.arrays(experiment.data, experiment.seed)
        return dumps(map_samples.of(experiment, count) if count else None)
    except (SpecError, OSError):
        return "null"


def _exact(log: FrameLog, most_bytes: int) -> tuple[list[bytes], str]:
    one = len(messages.exact(log, 0))
    rows = spread(log.n, max(2, min(MOST_EXACT, most_bytes // one)))
    steps = log.column("step")[rows].tolist()
    says = f"Layer by layer it holds {len(rows)} of its {log.n:,} recorded steps."
    return [messages.exact(log, step) for step in steps], says if len(rows) < log.n else ""


def _maps(log: FrameLog, most_bytes: int) -> tuple[list[bytes], str]:
    """The maps of all lanes: as many samples as fit, at least one; then as many steps."""
    lanes = [i for i in range(len(log.tracks)) if log.map_rows(i)]
    if not lanes:
        return [], ""
    count = min(log.tracks[i].samples for i in lanes)
    steps = max(len(log.map_rows(i)) for i in lanes)
    net = sum(len(messages.maps(log, i, log.n - 1, 0, messages.OF_NET)) for i in lanes)
    one = sum(len(messages.maps(log, i, log.n - 1, 0, messages.OF_SAMPLE)) for i in lanes)
    samples = max(1, min(count, (most_bytes // steps - net) // one))
    kept = max(2, min(steps, most_bytes // (net + samples * one)))
    bodies = []
    for lane in lanes:
        rows = log.map_rows(lane)
        for row in (rows[place] for place in spread(len(rows), kept)):
            bodies.append(messages.maps(log, lane, row, 0, messages.OF_NET))
            bodies += [
                messages.maps(log, lane, row, sample, messages.OF_SAMPLE)
                for sample in range(samples)
            ]
    whole = samples == count and kept == steps
    says = f"Its maps are those of {samples} of {count} samples, at {kept} of {steps} steps."
    return bodies, "" if whole else says
