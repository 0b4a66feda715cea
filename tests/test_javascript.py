"""The browser's JavaScript against the server's Python: `node --test` reads what the real code
packed, and must find in it what was recorded."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipviz.core import phone_protocol, protocol
from skipviz.core.frame import Frame, LaneFrame
from skipviz.core.protocol import TextKind
from skipviz.store.frame_log import FrameLog, LaneAxes, schema, to_batch
from skipviz.stream import messages
from skipviz.stream.routes import missing
from tests.js import node
from tests.synthetic import GrowingRun, track

SUITES = sorted(Path(node.HERE).glob("*.test.mjs"))


def pair() -> GrowingRun:
    """Two lanes of one seed, 60 of 400 steps."""
    lanes = [track("Plain-20", "plain", 20), track("ResNet-8", "resnet", 8)]
    run = GrowingRun("pair", lanes, 400)
    run.grow(60)
    return run


def gated() -> GrowingRun:
    """A gated lane of an odd number of layers and cells, and a plain one of other depth; both are
    evaluated."""
    lanes = [
        track("Highway-4", "highway", 4, cells=5, held_out=True),
        track("Plain-6", "plain", 6, held_out=True),
    ]
    run = GrowingRun("gated", lanes, 100)
    run.grow(45)
    return run


def seeds() -> FrameLog:
    """Three seeds in four steps: one diverges, then all; in the last step a loss is 0."""
    lane = track("Plain-2", "plain", 2, seeds=3)
    norms, log = np.ones((3, 2)), FrameLog()
    losses = ([2.0, np.nan, 0.5], [np.inf, np.inf, 3.0], [np.nan] * 3, [0.0, 1.0, 1.0])
    errors = np.array([0.25, 0.5, 1.0])
    frames = [
        Frame(step, (LaneFrame(np.array(loss), errors, norms, norms, norms, diverged_at=1),))
        for step, loss in enumerate(losses)
    ]
    log.append(to_batch(frames, [0.0] * 4, schema('{"steps": 4, "seeds": 3}', [lane])))
    return log


def extremes() -> FrameLog:
    """One step whose norms are no ordinary numbers."""
    norms = np.array([1e-300, 0.0, np.nan, np.inf, 1.0])
    lane, log = track("Plain-5", "plain", 5), FrameLog()
    frame = LaneFrame(1.0, 0.5, norms, norms, norms, diverged_at=3)
    log.append(to_batch([Frame(7, (frame,))], [0.0], schema('{"steps": 9}', [lane])))
    return log


def packed(log: FrameLog, tracks: list[LaneAxes], status: dict[str, Any]) -> dict[str, Any]:
    """Every kind of message of a log, under the name that the JavaScript tests read."""
    messages_of_maps = {
        f"maps-{lane}-{parts}": messages.maps(log, lane, log.n - 1, 1, parts)
        for lane in range(len(tracks))
        for parts in (15, 1, 12)
        if log.map_rows(lane)
    }
    snapshot = messages.snapshot(log, 0, log.n)
    hello = messages.hello("a run", log, status, None)
    return {
        "hello.json": hello,
        "frames.json": json.dumps(
            [json.loads(messages.frame_json(log.frame(int(step)))) for step in log.column("step")]
        ),
        "snapshot": snapshot,
        "first": messages.snapshot(log, 0, 1),
        "delta": messages.delta(log, 1, log.n),
        "exact": messages.exact(log, log.last_step // 2),
        "profiles": messages.profiles(log, [0, log.last_step]),
        "joined": messages.join(
            [hello, snapshot, messages.text({"type": TextKind.MISSING, "message": "Ω"})]
        ),
        **messages_of_maps,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packed messages: one folder for each log, one file for each message."""
    home = tmp_path_factory.mktemp("packed")
    growing = {run.id: (run.log, run.status()) for run in (pair(), gated())}
    alone = {"seeds": (seeds(), {"steps": 4}), "extremes": (extremes(), {"steps": 9})}
    for name, (log, status) in {**growing, **alone}.items():
        (home / name).mkdir()
        for file, body in packed(log, list(log.tracks), status).items():
            data = body.encode() if isinstance(body, str) else body
            (home / name / file).write_bytes(data)
    return home


@pytest.fixture(scope="module")
def program() -> str:
    """The Node of this machine."""
    try:
        return node.find().program
    except node.NoNode as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.partition(".")[0])
def test_javascript_does_what_its_tests_say(suite: Path, folder: Path, program: str) -> None:
    done = subprocess.run(
        [program, "--test", "--test-reporter=spec", str(suite)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=os.environ | {"SKIPVIZ_PACKED": str(folder)},
    )
    assert done.returncode == 0, done.stdout


SAID = """/** @import {{ TextMessage }} from "{module}" */
/** @type {{TextMessage[]}} */
export const messages = [{messages}];
"""


def complaints(program: str, folder: Path, *said: str) -> str:
    """What TypeScript has against text messages that are taken for those of messages.js."""
    compiler = node.PACKAGES / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.is_file():
        pytest.skip("TypeScript is not installed; get it with: python tests/js/node.py")
    module = (node.ROOT / "assets" / "live" / "messages.js").as_posix()
    file = folder / "said.js"
    file.write_text(SAID.format(module=module, messages=",\n".join(said)), encoding="utf-8")
    options = ["--allowJs", "--checkJs", "--strict", "--noEmit", "--target", "es2023"]
    done = subprocess.run(
        [program, str(compiler), *options, "--module", "preserve", "--ignoreConfig", str(file)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
    )
    return done.stdout


def test_what_the_server_says_has_the_types_that_the_browser_reads(
    tmp_path: Path, program: str
) -> None:
    run = gated()
    status = {"state": "running", "steps": 9, "changes": [{"step": 3, "lr": 0.1}], "paused": False}
    hello = messages.hello("a run", run.log, status, None)
    said = [hello, messages.text({"type": TextKind.STATUS, "status": status}), missing("a run")]
    assert complaints(program, tmp_path, *said) == ""
    unknown = json.dumps(json.loads(hello) | {"colour": "red"})
    assert "colour" in complaints(program, tmp_path, unknown)
    lacking = json.dumps({name: v for name, v in json.loads(hello).items() if name != "tracks"})
    assert "tracks" in complaints(program, tmp_path, lacking)


def properties(name: str, module: str = "messages") -> set[str]:
    """The fields of a type in a module."""
    words = text(MODULES[module])
    block = next(b for b in words.split("/**") if f"@typedef {{object}} {name}\n" in b)
    return set(re.findall(r"@property \{.*?\} \[?(\w+)", block.partition("*/")[0]))


def test_both_sides_name_the_same_kinds_and_fields() -> None:
    kinds = re.findall(r"\b([A-Z]+) = (\d+)[,;]", text(MODULES["messages"]).partition("/**")[0])
    assert {name: int(n) for name, n in kinds if name != "TOP"} == {
        kind.name: kind.value for kind in protocol.PackedKind
    }
    assert properties("Track") == protocol.Axes.__annotations__.keys()
    assert properties("Hello") == protocol.RunHello.__annotations__.keys()
    assert properties("Status") == protocol.Status.__annotations__.keys() - {"worker"}
    requests = re.findall(r"this\.send\({ (\w+)", text(MODULES["connection"]))
    assert set(requests) == {kind.value for kind in protocol.RequestKind}


def test_a_room_and_its_phones_name_the_same_fields() -> None:
    for message in (
        phone_protocol.RoomState,
        phone_protocol.OwnVote,
        phone_protocol.Refusal,
        phone_protocol.SketchAxes,
        phone_protocol.PickScale,
        phone_protocol.Tried,
    ):
        assert properties(message.__name__, "ballot") == message.__annotations__.keys()
    kinds = set(re.findall(r'@property \{"(\w+)"\} type', text(MODULES["ballot"])))
    assert kinds == {kind.value for kind in phone_protocol.PhoneKind}
    said = re.findall(r"JSON.stringify\(\{([^}]*)\}", text(MODULES["line"]))
    fields = [set(re.findall(r"(?:^|,) *(\w+)", each)) for each in said]
    wishes = (
        phone_protocol.Curve,
        phone_protocol.Number,
        phone_protocol.Vote,
        phone_protocol.Look,
    )
    assert fields == [set(wish.__dataclass_fields__) for wish in wishes]
    phases = re.search(r"@typedef \{([^}]*)\} Phase", text(MODULES["ballot"]))
    assert phases and set(re.findall(r'"(\w+)"', phases[1])) == {*phone_protocol.Phase}


def test_what_npm_installs_is_pinned_to_the_last_digit_and_to_no_server() -> None:
    lock = json.loads((node.HERE / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((node.HERE / "package.json").read_text(encoding="utf-8"))
    assert lock["packages"][""]["devDependencies"] == wanted["devDependencies"]
    for name, package in lock["packages"].items():
        assert "resolved" not in package, f"{name} names where it was fetched"
        assert not name or package["integrity"].startswith("sha512-"), name


MODULES = {path.stem: path for path in sorted((node.ROOT / "assets").glob("*/*.js"))}


def imported(path: Path) -> list[str]:
    """The modules that a module loads; types that it only names are none of them."""
    return re.findall(
        r"""^(?:import|export)\b[^;]*?from "\.{1,2}/(?:\w+/)?(\w+)\.js";""", text(path), re.M
    )


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_map_of_the_modules_names_all_of_them_and_no_other() -> None:
    tables = text(node.ROOT / "docs" / "house.md").partition("| `assets/live/` |")[2]
    rows = tables.partition("Pages are")[0].splitlines()
    first_cells = " ".join(row.split("|")[1] for row in rows if row.count("|") == 3)
    assert sorted(re.findall(r"`(\w+)`", first_cells)) == sorted(MODULES)


def test_no_module_imports_in_a_circle() -> None:
    left = {name: set(imported(path)) for name, path in MODULES.items()}
    assert left["live"] >= {"connection", "follower", "page", "painter", "view"}
    while leaves := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left, f"these import each other: {', '.join(left)}"


def test_the_live_charts_know_nothing_of_streamlit() -> None:
    for path in (node.ROOT / "assets" / "live").iterdir():
        assert not re.search(r"[Ss]treamlit|--st-|\bst[A-Z]\w+", text(path)), path


@pytest.mark.skipif(os.name == "nt", reason="a script stands for a program here")
def test_a_node_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(version: str) -> str:
        program = tmp_path / version
        program.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("SKIPVIZ_NODE", pretend("v18.20.4"))
    with pytest.raises(node.NoNode, match="no Node 20.19 or newer"):
        node.find()
    monkeypatch.setenv("SKIPVIZ_NODE", pretend("v22.13.1"))
    assert node.find().program == str(tmp_path / "v22.13.1")
    with pytest.raises(node.NoNode):
        node.find(with_npm=True)
