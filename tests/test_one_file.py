"""One file (of an architecture: one folder) adds one thing: the examples in `tests/toys` are laid
over a copy of the repository and must be in every place that `docs/adding.md` promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOYS = ROOT / "tests" / "toys"
COPIED = ("skipviz", "pages", "tests", "docs", "assets", ".streamlit", "app.py", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "recordings", "browser", "toys", "fixtures")
KEYS = {
    "an architecture": "toynet",
    "a probe": "toyprobe",
    "a data set": "toydots",
    "a scene": "toyscene",
    "a page": "toypage",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the toys in it; nothing else is changed."""
    home = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, home / name, ignore=LEFT_OUT)
        else:
            shutil.copy(ROOT / name, home)
    for path in TOYS.rglob("*.py"):
        assert not (home / path.relative_to(TOYS)).exists(), "a toy adds, it replaces nothing"
    shutil.copytree(TOYS, home, dirs_exist_ok=True)
    return home


def python(copy: Path, *words: str) -> str:
    """What Python says in the copy; the repository itself is out of its sight."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"SKIPVIZ_RUNS": str(copy / "runs"), "SKIPVIZ_RUNNING": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_table_names_every_file_that_a_toy_consists_of() -> None:
    promised = []
    for line in (ROOT / "docs" / "adding.md").read_text(encoding="utf-8").splitlines():
        thing, files = ([cell.strip() for cell in line.split("|")] + [""] * 3)[1:3]
        if thing in KEYS:
            promised += [path.replace("KEY", KEYS[thing]) for path in re.findall(r"`(.+?)`", files)]
    assert sorted(promised) == sorted(
        path.relative_to(TOYS).as_posix() for path in TOYS.rglob("*.py")
    )


COMMANDS = """
import contextlib, io, json, sys
from pathlib import Path
import skipviz
from skipviz.cli.main import main
from skipviz.core.experiment import Experiment, Lane

assert Path(skipviz.__file__).is_relative_to(Path.cwd()), skipviz.__file__
lane = Lane(family="toynet", knobs={"depth": 4})
experiment = Experiment(lanes=[lane], data="toydots", steps=5, device="cpu")
Path("toy.json").write_text(experiment.to_json(), encoding="utf-8")
said = {}
for words in (["families"], ["describe", "toynet", "depth=4"], ["data", "list"], ["scene"],
              ["train", "toy.json"], ["scene", "toyscene"]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main([*words, "--json"])
    said[" ".join(words)] = [status, [json.loads(line) for line in out.getvalue().splitlines()]]
print(json.dumps(said))
"""


@pytest.mark.slow
def test_the_command_line_lists_describes_trains_and_performs_the_toys(copy: Path) -> None:
    said: dict[str, Any] = json.loads(python(copy, "-c", COMMANDS))
    assert all(status == 0 for status, _ in said.values())
    answer = {words: lines[-1] for words, (_, lines) in said.items()}
    assert answer["families"]["families"]["toynet"]["title"] == "Toy"
    assert answer["describe toynet depth=4"]["depth"] == 4
    assert "toydots" in json.dumps(said["data list"]) and "toyscene" in json.dumps(said["scene"])
    trained = answer["train toy.json"]
    assert trained["steps"] == 5 and trained["lanes"][0]["loss"] < 2
    (performed,) = answer["scene toyscene"]["scenes"]
    assert performed["key"] == "toyscene" and len(performed["expectations"]) == 1


PAGES = """
import json, time
from streamlit.testing.v1 import AppTest
from skipviz.core.experiment import Experiment, Lane
from skipviz.figures import theme
from skipviz.server import manager
from skipviz.access.roles import Connection
from skipviz.ui import access, shell

access.connection = lambda: Connection("127.0.0.1", (("host", "localhost"),))
(menu,) = [page.menu for page in shell.pages() if page.slug == "toypage"]
own = AppTest.from_file("pages/3_explore/99_toypage.py", default_timeout=300).run()
assert own.title[0].value == "Toy page" and not own.exception

owner = manager.current()
knobs = {"backbone": "dense", "depth": 4}
lanes = [Lane(family=family, knobs=knobs) for family in ("toynet", "plain")]
run_id = owner.submit(Experiment(lanes=lanes, data="toydots", steps=20, device="cpu"))
while not owner.find(run_id).ended:
    time.sleep(0.1)

lab = AppTest.from_file("pages/3_explore/01_lab.py", default_timeout=300)
lab.query_params["run"] = run_id
lab.run()
boxes = {box.label: box for box in lab.selectbox}
found = {
    "menu": menu,
    "families": boxes["Family"].options,
    "data": boxes["Data"].value,
    "lane": [box.value for box in lab.selectbox if box.label == "Family"],
}
lab.segmented_control(key="inside_view").set_value("more").run()
lab.selectbox(key="inside_probe").set_value("toyprobe").run()
found["before"] = len(lab.get("plotly_chart"))
(measure,) = [button for button in lab.button if button.label == "Measure"]
lab.number_input(key="inside_toyprobe_first").set_value(3)
measure.click().run()
assert not lab.exception and not lab.error, (lab.exception, lab.error)
(chart,) = lab.get("plotly_chart")[found["before"]:]
found["traces"] = json.loads(chart.proto.spec)["data"]
found["colours"] = [theme.colour("toynet"), theme.colour("toynet", dark=True)]
found["free"] = list(theme.FREE[0])

whole = AppTest.from_file("pages/3_explore/02_architecture.py", default_timeout=300)
whole.query_params["lane"] = "toynet"
whole.run()
assert not whole.exception and not whole.error, (whole.exception, whole.error)
manager.close()
print(json.dumps(found))
"""


@pytest.mark.slow
def test_the_pages_offer_the_toys_and_the_lab_asks_the_toy_probe(copy: Path) -> None:
    found: dict[str, Any] = json.loads(python(copy, "-c", PAGES).splitlines()[-1])
    assert found["menu"] == "Explore"
    assert "Toy" in found["families"] and found["lane"] == ["toynet", "plain"]
    assert found["data"] == "toydots"
    lines = [trace for trace in found["traces"] if trace["type"] == "scatter"]
    (bars,) = [trace for trace in found["traces"] if trace["type"] == "bar"]
    assert [line["x"] for line in lines] == [[1, 2, 3]] * 2
    assert [line["line"]["color"] for line in lines][0] == found["colours"][0]
    assert found["colours"] == found["free"] and bars["x"][0] == "Toy-4"


CONTRACTS = {
    "toynet": ("models/test_contract.py", "models/test_declarations.py", "graphs/test_graphs.py",
               "test_standalone.py", "test_layers.py"),
    "toyprobe": ("probes/test_probes.py", "test_layers.py"),
    "toydots": ("data/test_datasets.py", "test_layers.py"),
    "toyscene": ("test_scenes.py", "test_layers.py"),
    "toypage": ("test_layers.py", "test_style.py"),
}  # fmt: skip


@pytest.mark.slow
def test_the_contract_tests_hold_for_the_toys(copy: Path) -> None:
    files = sorted({f"tests/{file}" for each in CONTRACTS.values() for file in each})
    here = "a_folder_with_one_declaration or holds_its_one_constant or begins_with_its_formula"
    words = [
        "-m",
        "pytest",
        "-v",
        "-k",
        f"({' or '.join(CONTRACTS)} or {here}) and not any_two_nets",
        *files,
    ]
    passed = [line for line in python(copy, *words).splitlines() if " PASSED" in line]
    for key, of in CONTRACTS.items():
        for file in of:
            assert any(file in line and key in line for line in passed), f"{key} in {file}"
    assert sum("toynet" in line for line in passed) > 20
