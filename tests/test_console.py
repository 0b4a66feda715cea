"""What the command line prints can be read on any code page, and never breaks off there."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skipviz import engine
from skipviz.cli.main import grammar, main
from skipviz.core import child_processes, console
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.store.store import Store
from tests.browser.serving import free_port

ROOT = Path(__file__).parent.parent
CODE_PAGES = ("cp1252", "cp437", "cp932", "ascii")
LANES = [
    Lane(family="resnet", knobs={"backbone": "dense", "depth": 5}),
    Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8, "shortcut": "A"}),
]

TRAINED, SHOWN = "T" * 22, "S" * 22
"""Runs: one with weights, one with frames."""

COMMANDS = (
    "--help",
    "families",
    "describe resnet backbone=cifar depth=20",
    "describe resnet depth=nine",
    "train {folder}/two×lanes.json",
    "sweep plain --over gate_bias=−2,×",
    "scene",
    "scene gradients_at_init --recorded",
    "scene nonesuch",
    "record nonesuch",
    "probe shares {run}",
    "runs",
    "data list",
    "data add {folder}/×",
    "bench nonesuch",
    "train {folder}/two×lanes.json --size",
    "resume {run} --more 1",
    "mutants --list",
    "export {shown} {folder}/{page}.csv --to csv",
    "export {shown} {folder}/{page}.zip --to zip",
    "export {shown} {folder}/{page}.svg --to svg",
    "import {folder}/{page}.zip",
    "site {folder}/{page} --scenes gradients_at_init --lessons=",
    "key",
    *(f"{command} --help" for command in grammar()[1]),
)


def printed(monkeypatch: pytest.MonkeyPatch, code_page: str, words: list[str]) -> str:
    """What a command writes to both of its streams, as a terminal of that code page shows it."""
    streams = {name: io.BytesIO() for name in ("stdout", "stderr")}
    with monkeypatch.context() as patch:
        for name, raw in streams.items():
            patch.setattr(sys, name, io.TextIOWrapper(raw, code_page, write_through=True))
        try:
            main(words)
        except SystemExit as end:
            assert end.code == 0
        return "".join(raw.getvalue().decode(code_page) for raw in streams.values())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A folder whose name no code page but Unicode's knows, with a run and its weights."""
    folder = tmp_path_factory.mktemp("läufe × ✓ ℵ")
    made = Store(folder)
    shutil.copytree(ROOT / "tests" / "fixtures" / "runs" / "maps", folder / SHOWN)
    experiment = Experiment(lanes=LANES[:1], steps=2, lr=0.01, device="cpu")
    run = made.create(TRAINED, experiment)
    write_json(run / "status.json", {"state": "stopped", "step": 0})
    torch.save(engine.Training(experiment).state(), run / "checkpoint.pt")
    text = Experiment(lanes=LANES, steps=1, data="shapes", batch_size=2, device="cpu").to_json()
    (folder / "two×lanes.json").write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize("code_page", CODE_PAGES)
def test_every_command_prints_on_every_code_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, code_page: str
) -> None:
    monkeypatch.setenv("SKIPVIZ_RUNS", str(store.root))
    names = {"folder": store.root, "run": TRAINED, "shown": SHOWN, "page": code_page}
    everything = ""
    for command in COMMANDS:
        words = [word.format(**names) for word in command.split(" ")]
        text = printed(monkeypatch, code_page, words)
        assert text, command
        everything += text
    assert {command.split()[0] for command in COMMANDS} >= set(grammar()[1]) - {"doctor"}
    assert "finished at step" in everything
    assert " runs in" in everything and "laufe" in everything.replace("ä", "a")
    assert "√" in everything or "sqrt" in everything


@pytest.mark.slow
def test_the_doctor_prints_on_a_code_page_of_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, "ascii", ["doctor"])
    assert "ok  Data: digits" in text and "steps a second" in text


@pytest.mark.slow
def test_a_server_starts_where_its_address_cannot_be_printed(tmp_path: Path) -> None:
    """As `streamlit run app.py`, which is no command of ours."""
    foreign = os.environ | {"PYTHONIOENCODING": "ascii", "SKIPVIZ_RUNS": str(tmp_path)}
    foreign |= {"SKIPVIZ_TRUST_LOCAL": "false", "PYTHONUNBUFFERED": "1"}
    words = ["--server.address=127.0.0.1", f"--server.port={free_port()}"]
    words += ["--server.headless=true", "--server.baseUrlPath=kürs"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=foreign,
    )  # fmt: skip
    said, line = "", " "
    assert server.stdout is not None
    while line and "(works once" not in said:
        line = server.stdout.readline().decode(errors="replace")  # Streamlit's own lines are UTF-8
        said += line
    child_processes.end(server)
    server.stdout.close()
    assert "/kurs/lecturer?key=" in said, said


@pytest.mark.slow
def test_nothing_that_we_print_turns_into_a_question_mark() -> None:
    for path in [*ROOT.glob("skipviz/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                lost = console.stand_in(node.value.replace("?", ""))
                assert lost.isascii() and "?" not in lost, f"{path}: {node.value}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10⁻⁹ → 3×3 café, σ ≥ Σ", "10^-9 -> 3x3 cafe, sigma >= Sigma"),
        ("✓ … ÷ “a” W₁", 'yes ... / "a" W1'),
        ("学\ud800", "??"),
    ],
)
def test_a_stand_in_is_what_one_would_type(text: str, wanted: str) -> None:
    assert console.stand_in(text) == wanted


def test_a_code_page_keeps_the_characters_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252", write_through=True))
    console.legible()
    sys.stdout.write("3×3 → ä")
    assert raw.getvalue().decode("cp1252") == "3×3 -> ä"


def test_what_a_user_chose_for_characters_that_are_not_there_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", errors="replace", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    console.legible()
    sys.stdout.write("3×3")
    assert raw.getvalue() == b"3?3"


def test_a_process_of_a_foreign_code_page_answers_in_json_and_in_words() -> None:
    foreign = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp437", "LC_ALL": "C"}
    for words in (["families", "--json"], ["families"]):
        done = subprocess.run(
            [sys.executable, "-m", "skipviz", *words],
            capture_output=True, encoding="cp437", cwd=ROOT, env=foreign,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "resnet" in (json.loads(done.stdout)["families"] if len(words) > 1 else done.stdout)
