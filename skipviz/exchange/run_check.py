"""Whether a folder is a run. Each of its files is looked at before any of them is believed."""

from __future__ import annotations

import pickletools
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa

from skipviz.core import strict_json
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import ENDED, STATES, Status
from skipviz.store import data_origin, frame_table, predictions
from skipviz.store.frame_schema import MAPS, LaneAxes, read_tracks, schema

DAMAGED = "run: frames.arrow is damaged; export the run again"
MOST_CELLS, MOST_SAMPLES = 1 << 20, 1 << 10

_DATA = {"key": str, "title": str, "classes": list, "input_shape": list, "train_size": int,
         "test_size": int, "held_out": int, "fingerprint": str}  # fmt: skip

_TENSORS = {
    "collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage",
    "torch DoubleStorage", "torch HalfStorage", "torch BFloat16Storage", "torch LongStorage",
    "torch IntStorage", "torch ShortStorage", "torch ByteStorage", "torch BoolStorage",
}  # fmt: skip
"""All that saved weights may name: what `torch.load(…, weights_only=True)` makes tensors of."""

_BY_NAME = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}
"""Instructions that name or make something else, and stand in no weights that torch saved."""


def check(folder: Path) -> None:
    """SpecError, in one sentence, where the folder is no run that can be shown and taken up again;
    its status afterwards has what a status has, and names no process."""
    experiment = _experiment(folder)
    _check_frames(folder / "frames.arrow", experiment)
    _settle_status(folder / "status.json")
    for path in (folder / "machine.json", *folder.glob("probes/*.json")):
        if path.is_file():
            _object(path)
    if (folder / predictions.FILE).is_file():
        predictions.read(_object(folder / predictions.FILE))
    if (folder / "checkpoint.pt").is_file():
        check_weights(folder / "checkpoint.pt")


def _object(path: Path) -> dict[str, Any]:
    """The JSON object of a file. SpecError."""
    try:
        value = strict_json.read(path.read_bytes())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SpecError(f"run: {path.name} is not one object of JSON")
    return value


def _experiment(folder: Path) -> Experiment:
    """The run's experiment; of a set that is not here, one that stands in for it."""
    origin: dict[str, Any] = {}
    if (folder / data_origin.FILE).is_file():
        origin = _object(folder / data_origin.FILE)
        for name, kind in _DATA.items():
            if not isinstance(origin.get(name), kind):
                raise SpecError(f"run: {data_origin.FILE} has no {name}, or one of another kind")
    try:
        text = (folder / "experiment.json").read_bytes()
        return Experiment.from_json(data_origin.with_stand_in(text, origin))
    except SpecError as error:
        raise SpecError(f"run: its experiment cannot be read: {error}") from None


def _check_frames(path: Path, experiment: Experiment) -> None:
    """SpecError where the frames are not of the schema that they claim, or damaged."""
    foreign = SpecError("run: frames.arrow is not of the schema of a skipviz run")
    with frame_table.opened(path) as frames:
        try:
            tracks = read_tracks(frames.schema)
            own = schema(frames.schema.metadata[b"skipviz.experiment"].decode(), tracks)
        except (KeyError, TypeError, ValueError):
            raise foreign from None
        if len(tracks) != len(experiment.lanes) or not all(
            _plausible(track, experiment) for track in tracks
        ):
            raise foreign
        if _columns(frames.schema) != _columns(own):
            raise foreign
    whole, read, rows = _check_packing(path), 0, 0
    with frame_table.opened(path) as frames:
        try:
            while (batch := frame_table.next_batch(frames.messages, frames.schema)) is not None:
                batch.validate(full=True)
                rows += batch.num_rows
                read += 1
        except (pa.ArrowException, ValueError) as error:
            raise SpecError(DAMAGED) from error
    if read < whole:
        raise SpecError(DAMAGED)
    if not rows:
        raise SpecError("run: frames.arrow holds no frame")


def _columns(of: pa.Schema) -> list[tuple[str, str]]:
    """Every column with its type; the oldest runs have maps of a fixed length."""
    return [
        (field.name, re.sub(r"fixed_size_(.*)\[\d+\]", r"\1", str(field.type)))
        if field.name.endswith(MAPS)
        else (field.name, str(field.type))
        for field in of
    ]


def _check_packing(path: Path) -> int:
    """How many whole batches there are. SpecError where they are compressed: a few bytes of them
    can unpack to any size, and `skipviz export` writes none."""
    whole = 0
    with pa.OSFile(str(path)) as source:
        messages = pa.ipc.MessageReader.open_stream(source)
        try:
            while True:
                message = messages.read_next_message()
                if message.type != "record batch":
                    continue
                if _compressed(message.metadata.to_pybytes()):
                    raise SpecError("run: frames.arrow is compressed; export the run again")
                whole += 1
        except (StopIteration, EOFError, OSError, pa.ArrowInvalid):
            return whole
        except struct.error as error:
            raise SpecError(DAMAGED) from error


def _compressed(head: bytes) -> bool:
    """Does a record batch's head say how its buffers are compressed? Fields of Arrow's
    Message.fbs: `header` is the third of a message, `compression` the fourth of a batch."""
    (message,) = struct.unpack_from("<I", head, 0)
    header = _field(head, message, 2)
    (batch,) = struct.unpack_from("<I", head, header)
    return _field(head, header + batch, 3) > 0


def _field(head: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table lies; 0 where it is left out."""
    (back,) = struct.unpack_from("<i", head, table)
    (size,) = struct.unpack_from("<H", head, table - back)
    if 4 + 2 * number >= size:
        return 0
    (offset,) = struct.unpack_from("<H", head, table - back + 4 + 2 * number)
    return table + offset if offset else 0


def _plausible(track: LaneAxes, experiment: Experiment) -> bool:
    """Do a lane's axes say what frames of this experiment can have?"""
    counts = {track.seeds: experiment.seeds, track.cells: MOST_CELLS, track.samples: MOST_SAMPLES}
    whole = all(type(count) is int and 0 <= count <= most for count, most in counts.items())
    return whole and track.seeds == experiment.seeds and isinstance(track.label, str)


def _settle_status(path: Path) -> None:
    """Writes the status anew: fields that a status has, of their kinds; a run that was under way
    when it was exported is interrupted here."""
    status = _object(path)
    if status.get("state") not in STATES:
        raise SpecError("run: status.json has no state that a run can be in")
    kinds = {"state": str, "message": str, "device": str, "recorded": str, "step": int,
             "steps": int, "heard": int, "paused": bool, "engines": list, "changes": list,
             "steps_per_s": float, "pace": float, "lr": float, "seconds": float, "spent_s": float,
             "began": float}  # fmt: skip
    assert {*kinds, "worker", "machine"} == set(get_type_hints(Status))
    kept = {name: status[name] for name, kind in kinds.items() if _is(status.get(name), kind)}
    if kept["state"] not in ENDED:
        kept |= {"state": "interrupted", "message": "it was under way when it was exported"}
    write_json(path, kept)


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, str) and len(value) > 500:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def check_weights(path: Path) -> None:
    """SpecError where saved weights hold anything but tensors, numbers and texts. They are never
    loaded here; whoever loads them does so with `weights_only=True`."""
    try:
        with zipfile.ZipFile(path) as archive:
            stored = all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
            pickles = [name for name in archive.namelist() if name.endswith(".pkl")]
            alone = [name.rpartition("/")[2] for name in pickles] == ["data.pkl"]
            steps = list(pickletools.genops(archive.read(pickles[0]))) if stored and alone else []
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise SpecError("run: checkpoint.pt is not what torch saves weights as") from error
    if not stored:
        raise SpecError("run: checkpoint.pt is compressed, as torch never saves weights")
    foreign = [
        str(argument or operation.name)
        for operation, argument, _ in steps
        if operation.name in _BY_NAME or (operation.name == "GLOBAL" and argument not in _TENSORS)
    ]
    if foreign or not alone:
        what = show(foreign[0] if foreign else "pickles")
        raise SpecError(f"run: checkpoint.pt holds more than weights ({what}); it is not loaded")
