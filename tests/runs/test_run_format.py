"""`docs/run_format.md` says what is in a run folder: its tables are what a run writes, and its code
reads one without skipviz."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

import skipviz
from skipviz.core import places
from skipviz.core.experiment import Experiment, Lane
from skipviz.store.frame_schema import MAPS
from skipviz.store.store import STATES, Store
from tests.runs.test_late_frames import session

PAGE = (Path(__file__).parents[2] / "docs" / "run_format.md").read_text(encoding="utf-8")
DENSE = {"backbone": "dense", "depth": 4, "width": 8}
EXPERIMENT = Experiment(
    lanes=[Lane(family="highway", knobs=DENSE), Lane(family="plain", knobs=DENSE)],
    steps=6,
    seconds=600.0,
    seeds=2,
    evaluate_every=3,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has everything, made by the worker's own code."""
    store = Store(tmp_path_factory.mktemp("runs"))
    run_id = store.new_id()
    folder = store.create(run_id, EXPERIMENT)
    fields = {name: getattr(EXPERIMENT, name) for name in Experiment.model_fields}
    begun = session(folder, **fields)
    begun.resumes = False
    begun.run()
    return folder


def _section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def _rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in a text, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|") and "`" in line]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def _named(text: str) -> list[str]:
    """What the first cell of each row names."""
    return [name for row in _rows(text) for name in re.findall(r"`([^`]+)`", row[0])]


def _table(run: Path) -> Any:
    return pa.ipc.open_stream(run / "frames.arrow").read_all()


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def test_every_column_of_a_run_stands_in_the_table_with_its_type_and_shape(run: Path) -> None:
    columns = _section("frames.arrow").split("| column |")[1].split("\n\n")[0]
    documented = {row[0].strip("`"): row[1:] for row in _rows(columns)}
    table, kinds = _table(run), {"list of double": "double", "list of float": "float"}
    lanes = json.loads(table.schema.metadata[b"skipviz.tracks"])
    written = {re.sub(r"^lane\d+", "lane<i>", name) for name in table.column_names}
    assert set(documented) == written
    for name in table.column_names:
        kind, shape, unit, what = documented[re.sub(r"^lane\d+", "lane<i>", name)]
        field = table.schema.field(name)
        assert what and (unit or kind == "int64")
        if not shape:
            assert str(field.type) == kind
            continue
        assert str(field.type.value_type) == kinds[kind]
        lane = lanes[int(name[4])]
        sizes = {"S": lane["seeds"], "C": lane["cells"], "K": lane["samples"]}
        axes = {"P": "points", "L": "layers", "G": "gates", "U": "units"}
        sizes |= {letter: len(lane[axis]) for letter, axis in axes.items()}
        count = 1
        for letter in shape.strip("()").split(", "):
            count *= sizes[letter]
        rows = [row for row in table[name].to_pylist() if row is not None]
        assert rows and {len(row) for row in rows} == {count}, name
        has_null = table[name].null_count > 0
        assert has_null == name.endswith((*MAPS, "held_out_loss", "held_out_error")), name


def test_every_file_and_every_field_stands_in_its_table(run: Path) -> None:
    files = {re.sub(r"<.*", "", name).rstrip("/") for name in _named(PAGE.split("## ")[0])}
    assert files - {"probes", "guest.json"} == {path.name for path in run.iterdir()}
    tracks = json.loads(_table(run).schema.metadata[b"skipviz.tracks"])
    fields = _section("frames.arrow").split("| field of a lane")[1]
    assert sorted(_named(fields)) == sorted(tracks[0])
    of_longer_runs = ["budgets"]
    documented = _named(_section("experiment.json"))
    assert of_longer_runs[0] in documented
    assert [name for name in documented if name not in of_longer_runs] == list(
        _json(run / "experiment.json")
    )
    assert sorted(_named(_section("status.json"))) == sorted(_json(run / "status.json"))
    states = re.search(r"\| `state` \|.*", _section("status.json"))
    assert states and tuple(re.findall(r"`(\w+)`", states[0]))[1:] == STATES


def test_every_field_of_machine_and_data_stands_in_the_table(run: Path) -> None:
    kept: dict[str, list[str]] = {"machine.json": [], "data.json": []}
    file = ""
    for first, fields, *_ in _rows(_section("machine.json and data.json")):
        file = first.strip("`") or file
        kept[file] += re.findall(r"`([^`]+)`", fields)
    for name, fields in kept.items():
        assert sorted(fields) == sorted(_json(run / name)), name
    (device, *_) = _json(run / "machine.json")["devices"]
    assert set(device) == {"key", "name", "memory", "free"}
    assert re.fullmatch(r"[0-9a-f]{32}|", _json(run / "data.json")["fingerprint"])


def test_the_weights_lie_where_the_page_says(run: Path) -> None:
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    fields = _named(_section("checkpoint.pt"))
    assert sorted(fields) == sorted(saved)
    net = skipviz.build("plain", **DENSE, num_classes=10, input_shape=(1, 8, 8))
    of_plain = saved["lanes"][1][0]
    net.load_state_dict(of_plain["net"])
    assert all(f"`{name}`" in _section("checkpoint.pt") for name in of_plain)


def test_what_a_recording_has_and_lacks_is_what_the_page_says() -> None:
    said = _section("A recording")
    folders = sorted(places.recordings().glob("*/*"))
    for folder in folders:
        files = {path.name for path in folder.iterdir()} - {"probes"}
        assert files == {"experiment.json", "frames.arrow", "status.json", "machine.json"}
        more = set(_json(folder / "machine.json")) - set(
            re.findall(r"`(\w+)`", _section("machine.json and data.json"))
        )
        assert more == {"processor", "recorded", "seconds"}
        assert all(f"`{name}`" in said for name in (*more, *_json(folder / "status.json")))
        table = pa.ipc.open_stream(folder / "frames.arrow").read_all()
        profiles = len(table) - table["lane0_signal_gradient_norm"].null_count
        assert table["lane0_loss"].null_count == 0 and 1 <= profiles <= 60
    assert folders


def test_the_code_of_the_page_reads_a_run_with_pyarrow_alone(run: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    modules = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
    assert modules == {"json", "sys", "pathlib", "pyarrow"}
    script = tmp_path / "read.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-I", str(script), str(run)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = _table(run)
    assert done.stdout.startswith("finished after 6 of 6 steps on digits\nHighway-4: loss [")
    norms = table["lane1_signal_gradient_norm"][0].as_py()
    assert f": {norms[-1]}" in done.stdout.splitlines()[-1]
    assert len(done.stdout.splitlines()) == 3 + sum(
        len(table[f"lane{i}_signal_gradient_norm"][0]) for i in (0, 1)
    )
