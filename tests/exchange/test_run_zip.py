"""A run leaves as a zip archive and comes back the same; what is no run is refused, and nothing of
it stays."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from skipviz.core import places
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.strict_json import dumps
from skipviz.exchange.run_import import import_run
from skipviz.exchange.run_zip import members, pack
from skipviz.offline.report import report
from skipviz.offline.run_data import StoredRun
from skipviz.store import answers, frame_rows, frame_table, predictions, run_marks
from skipviz.store.frame_log import FrameLog
from skipviz.store.predictions import Prediction
from skipviz.store.store import Store

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
NAMES = sorted(path.name for path in RUNS.iterdir())
WHOLE = RUNS / "fingerprint"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of one run that has everything."""
    path = tmp_path_factory.mktemp("packed") / "run.zip"
    pack(WHOLE, path)
    return path


def test_a_runs_name_and_note_go_with_it_and_its_pin_does_not(tmp_path: Path, store: Store) -> None:
    run_id = store.new_id()
    shutil.copytree(WHOLE, store.folder(run_id))
    said = {"name": "Übung 3: <b>40</b> Schichten", "note": "Zeile 1\nZeile 2"}
    run_marks.mark(store, run_id, **said, pinned=True)
    pack(store.folder(run_id), tmp_path / "run.zip")
    elsewhere = Store(tmp_path / "elsewhere")
    folder = elsewhere.folder(import_run(tmp_path / "run.zip", elsewhere))
    assert run_marks.marks(folder) == run_marks.Marks(**said, pinned=False)


@pytest.mark.parametrize("value", [3, ["x"], "x" * 2001])
def test_a_note_that_no_run_can_have_is_refused(
    value: object, tmp_path: Path, store: Store, packed: Path
) -> None:
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd:
        for name in archive.namelist():
            about = json.loads(archive.read(name)) | {"note": value} if name == "run.json" else None
            odd.writestr(name, archive.read(name) if about is None else json.dumps(about))
    with pytest.raises(SpecError, match=r"run\.json"):
        import_run(tmp_path / "odd.zip", store)
    assert not store.runs()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_any_age_comes_back_equal(name: str, tmp_path: Path, store: Store) -> None:
    pack(RUNS / name, tmp_path / "run.zip")
    folder = store.folder(import_run(tmp_path / "run.zip", store))
    assert members(folder) == members(RUNS / name)
    for member in members(folder):
        if member != "status.json":
            assert (folder / member).read_bytes() == (RUNS / name / member).read_bytes(), member
    before, after = (
        json.loads((each / "status.json").read_text(encoding="utf-8"))
        for each in (RUNS / name, folder)
    )
    assert after == {key: value for key, value in before.items() if key != "worker"}
    stamps = [(each / "checkpoint.pt").stat().st_mtime_ns for each in (RUNS / name, folder)]
    assert stamps[0] == stamps[1]
    assert store.experiment(folder.name).lanes and FrameLog.open(folder / "frames.arrow").n


def test_what_was_measured_of_a_run_is_known_where_it_comes_to(
    tmp_path: Path, store: Store
) -> None:
    folder = shutil.copytree(WHOLE, tmp_path / "run")
    declared = probe("predictions")
    options = declared.options({})
    answers.keep(folder, "predictions", declared, options, 0, {"step": 4})
    pack(folder, tmp_path / "run.zip")
    taken = store.folder(import_run(tmp_path / "run.zip", store))
    assert answers.stored_answer(taken, "predictions", options, 0) == {"step": 4}


def test_what_a_room_predicted_goes_with_the_run_into_its_report(
    tmp_path: Path, store: Store
) -> None:
    folder = shutil.copytree(WHOLE, tmp_path / "run")
    said = Prediction("Which is lower & why?", ("plain", "residual"), (3, 14), 1)
    predictions.keep(folder, said)
    pack(folder, tmp_path / "run.zip")
    run_id = import_run(tmp_path / "run.zip", store)
    taken = store.folder(run_id)
    assert members(taken) == members(folder)
    assert (taken / "votes.json").read_bytes() == (folder / "votes.json").read_bytes()
    assert predictions.prediction(taken) == said
    run = StoredRun(run_id, taken, store.experiment(run_id), store.status(run_id))
    html = report(run, store)
    assert "Which is lower &amp; why?" in html and '<td class="skip-number">14</td>' in html


VOTES: dict[str, Any] = {"question": "?", "choices": ["a", "b"], "counts": [1, 0], "shown": 0}
NO_VOTES: list[dict[str, Any]] = [
    {"question": 3}, {"question": "x" * 1001}, {"choices": "ab"}, {"choices": ["a", 2]},
    {"choices": [], "counts": []}, {"choices": ["a"] * 21, "counts": [0] * 21}, {"counts": [1]},
    {"counts": [1, -1]}, {"counts": [1, True]}, {"counts": [1, 0.5]}, {"counts": [1, 10**7]},
    {"shown": 2}, {"shown": None}, {"shown": True},
]  # fmt: skip


@pytest.mark.parametrize("odd", NO_VOTES, ids=str)
def test_what_no_room_can_have_said_is_refused(
    odd: dict[str, Any], packed: Path, tmp_path: Path, refuses: Callable[[Path, str], None]
) -> None:
    assert predictions.read(VOTES)
    path = _rewritten(packed, tmp_path / "odd.zip", _put("votes.json", dumps(VOTES | odd).encode()))
    refuses(path, r"votes\.json is not what a room predicted")


def test_a_recording_becomes_a_run_of_its_own(tmp_path: Path, store: Store) -> None:
    recorded = next(iter(sorted(places.recordings().glob("lesion/*"))))
    pack(recorded, tmp_path / "run.zip")
    folder = store.folder(import_run(tmp_path / "run.zip", store))
    tables = [frame_table.whole(each / "frames.arrow") for each in (recorded, folder)]
    assert tables[0].schema.equals(tables[1].schema, check_metadata=True)
    assert tables[0].to_pydict() == tables[1].to_pydict()


def test_a_run_that_was_under_way_is_interrupted_and_names_no_process(
    tmp_path: Path, store: Store
) -> None:
    folder = shutil.copytree(WHOLE, tmp_path / "run")
    status = {"state": "running", "step": 3, "worker": {"pid": 1, "started": 0.0}, "odd": [1]}
    (folder / "status.json").write_text(json.dumps(status), encoding="utf-8")
    with (folder / "frames.arrow").open("ab") as file:
        file.write(b"\xff\xff\xff\xff\x10")  # a batch that is just being written
    pack(folder, tmp_path / "run.zip")
    run_id = import_run(tmp_path / "run.zip", store)
    stored = json.loads((store.folder(run_id) / "status.json").read_text(encoding="utf-8"))
    assert set(stored) == {"state", "message", "step"}
    assert store.status(run_id)["state"] == "interrupted"
    assert FrameLog.open(store.folder(run_id) / "frames.arrow").n


def test_the_same_archive_twice_is_two_runs(packed: Path, store: Store) -> None:
    ids = {import_run(packed, store) for _ in range(2)}
    assert set(store.runs()) == ids and len(ids) == 2


# --- What is refused


Change = Callable[[dict[str, bytes]], None]


def _put(name: str, data: bytes) -> Change:
    return lambda files: files.update({name: data})


def _foreign_frames() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("step", pa.int64())])) as stream:
        stream.write_batch(pa.record_batch({"step": [0]}))
    return sink.getvalue().to_pybytes()


def _renamed_column(files: dict[str, bytes]) -> None:
    table = frame_table.whole(WHOLE / "frames.arrow")
    odd = table.rename_columns([*table.column_names[:-1], "lane0_else"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, odd.schema.with_metadata(table.schema.metadata)) as stream:
        stream.write_table(odd)
    files["frames.arrow"] = sink.getvalue().to_pybytes()


def _compressed_frames(files: dict[str, bytes]) -> None:
    table = frame_table.whole(WHOLE / "frames.arrow")
    sink = pa.BufferOutputStream()
    packing = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=packing) as stream:
        stream.write_table(table)
    files["frames.arrow"] = sink.getvalue().to_pybytes()


def _damaged_frames(files: dict[str, bytes]) -> None:
    with frame_table.opened(WHOLE / "frames.arrow") as frames:
        head = frames.schema.serialize().to_pybytes()
    files["frames.arrow"] = head + files["frames.arrow"][len(head) + 200 :]


def _damaged_late(files: dict[str, bytes]) -> None:
    """Of the last batch, the head says more rows than its columns have."""
    data = files["frames.arrow"]
    messages = pa.ipc.MessageReader.open_stream(data)
    schema = pa.ipc.read_schema(messages.read_next_message())
    *_, last = (message for message in messages if message.type == "record batch")
    head = last.metadata.to_pybytes()
    rows = pa.ipc.read_record_batch(last, schema).num_rows
    at = data.rindex(head) + head.index(rows.to_bytes(8, "little"))
    files["frames.arrow"] = data[:at] + (rows + 1).to_bytes(8, "little") + data[at + 8 :]


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return open, ("owned",)


def _evil_checkpoint(files: dict[str, bytes]) -> None:
    sink = io.BytesIO()
    torch.save({"step": 1, "lanes": _Evil()}, sink)
    files["checkpoint.pt"] = sink.getvalue()


def _packed_checkpoint(files: dict[str, bytes]) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02." + bytes(10**6))
    files["checkpoint.pt"] = sink.getvalue()


def _field(name: str, **changes: object) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files[name] = json.dumps(json.loads(files[name]) | changes).encode()

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "a way out": (_put("../evil.json", b"{}"), "leads out of the archive"),
    "a way out inside": (_put("probes/../../evil.json", b"{}"), "leads out of the archive"),
    "a way out of Windows": (_put("..\\evil.json", b"{}"), "leads out of the archive"),
    "an absolute path": (_put("/tmp/evil.json", b"{}"), "leads out of the archive"),
    "a drive": (_put("C:/evil.json", b"{}"), "leads out of the archive"),
    "another file": (_put("evil.py", b""), "no file of a run"),
    "a pickle": (_put("run.pkl", pickle.dumps([1])), "no file of a run"),
    "a pickle for weights": (_put("checkpoint.pt", pickle.dumps([1])), "not what torch saves"),
    "weights that call": (_evil_checkpoint, "holds more than weights"),
    "weights that unpack": (_packed_checkpoint, "is compressed"),
    "no frames": (lambda files: files.pop("frames.arrow") and None, "lacks frames.arrow"),
    "no word of what it is": (lambda files: files.pop("run.json") and None, "lacks run.json"),
    "a later format": (_field("run.json", skipviz_run=2), "of format '2'"),
    "odd words of what it is": (_put("run.json", b"[]"), "is not as"),
    "foreign frames": (_put("frames.arrow", _foreign_frames()), "not of the schema"),
    "a foreign column": (_renamed_column, "not of the schema"),
    "compressed frames": (_compressed_frames, "frames.arrow is compressed"),
    "no Arrow at all": (_put("frames.arrow", b"step,loss\n0,1\n"), "does not begin with"),
    "damaged frames": (_damaged_frames, "frame"),
    "frames damaged late": (_damaged_late, "frames.arrow is damaged"),
    "an odd experiment": (_field("experiment.json", depth=3), "experiment cannot be read"),
    "unknown data": (_field("data.json", key=["x"]), "has no key, or one of another kind"),
    "no JSON": (_put("machine.json", b"{"), "machine.json is not one object"),
    "an odd state": (_field("status.json", state="burning"), "no state that a run can be in"),
    "too large JSON": (_put("machine.json", b" " * (9 << 20)), "unpacks to more than it may"),
}


def _rewritten(packed: Path, to: Path, change: Change) -> Path:
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return to


@pytest.fixture
def refuses(tmp_path: Path, store: Store) -> Iterator[Callable[[Path, str], None]]:
    def refuse(path: Path, sentence: str) -> None:
        with pytest.raises(SpecError, match=sentence) as raised:
            import_run(path, store, most=50_000_000)
        assert "\n" not in str(raised.value)
        assert not list(store.root.iterdir()) and not (tmp_path / "evil.json").exists()

    yield refuse


@pytest.mark.parametrize(("change", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_run_is_refused_in_one_sentence(
    change: Change, sentence: str, packed: Path, tmp_path: Path,
    refuses: Callable[[Path, str], None],
) -> None:  # fmt: skip
    refuses(_rewritten(packed, tmp_path / "odd.zip", change), sentence)


@pytest.mark.parametrize("window", [frame_rows.WINDOW_BYTES, 0], ids=["held", "mapped"])
def test_the_frames_before_a_damaged_batch_can_be_looked_at(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_rows, "WINDOW_BYTES", window)
    files = {"frames.arrow": (WHOLE / "frames.arrow").read_bytes()}
    whole = FrameLog.open(WHOLE / "frames.arrow").n
    _damaged_late(files)
    (tmp_path / "frames.arrow").write_bytes(files["frames.arrow"])
    assert 0 < FrameLog.open(tmp_path / "frames.arrow").n < whole


def test_the_rewritten_archive_is_taken_where_nothing_was_changed(
    packed: Path, tmp_path: Path, store: Store
) -> None:
    import_run(_rewritten(packed, tmp_path / "same.zip", lambda files: None), store, 50_000_000)
    assert len(store.runs()) == 1


def test_a_link_a_name_twice_and_no_archive_are_refused(
    packed: Path, tmp_path: Path, refuses: Callable[[Path, str], None]
) -> None:
    link = zipfile.ZipInfo("machine.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    twice = zipfile.ZipInfo("experiment.json")
    for info, sentence in ((link, "is a link"), (twice, "twice")):
        path = shutil.copy(packed, tmp_path / "odd.zip")
        with zipfile.ZipFile(path) as archive:
            kept = {
                name: archive.read(name) for name in archive.namelist() if name != link.filename
            }
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in kept.items():
                archive.writestr(name, data)
        with pytest.warns() if info is twice else _nothing(), zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, "/etc/passwd")
        refuses(path, sentence)
    (tmp_path / "text.zip").write_text("no archive", encoding="utf-8")
    refuses(tmp_path / "text.zip", "not a whole zip archive")
    whole = packed.read_bytes()
    for cut in range(1, len(whole), len(whole) // 20):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        refuses(tmp_path / "cut.zip", "not a whole zip archive")
    refuses(tmp_path / "nowhere.zip", "no such file")


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def test_a_bomb_is_refused_whatever_size_it_claims(
    packed: Path, tmp_path: Path, refuses: Callable[[Path, str], None]
) -> None:
    bomb = _rewritten(packed, tmp_path / "bomb.zip", _put("frames.arrow", bytes(60_000_000)))
    assert bomb.stat().st_size < 1_000_000
    refuses(bomb, "unpacks to more than")
    lies = bomb.read_bytes().replace(
        (60_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    )
    (tmp_path / "lies.zip").write_bytes(lies)
    refuses(tmp_path / "lies.zip", "not a whole zip archive|does not begin with")


def test_a_stored_run_s_weights_are_read_as_weights_alone() -> None:
    root = Path(__file__).parents[2] / "skipviz"
    calls = [
        line
        for path in root.glob("**/*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "torch.load(" in line and "`" not in line
    ]
    assert calls and all("weights_only=True" in line for line in calls)
