"""The texts beside the code: what they name is there, and what they say twice is the same."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

import skipviz
from skipviz.cli.main import grammar

ROOT = Path(__file__).parent.parent
DOCS = sorted(ROOT.glob("docs/*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *DOCS]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_and_files_that_a_text_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"`(?:python -m )?skipviz ([a-z]+)", text)
    help_text = grammar()[0].format_help()
    assert all(f"    {name} " in help_text for name in commands), commands
    targets = set(re.findall(r"^([\w-]+):", _text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text)
    named = re.findall(r"`((?:docs|tests|tools|benchmarks|assets)/[\w./-]+)`", text)
    named += re.findall(r"`(skipviz/[\w/]+\.\w+)`", text)
    named = [name for name in named if "KEY" not in name]  # a place for a file that is to be made
    there = [path.parent / link for link in linked] + [ROOT / name for name in named]
    assert not [str(each) for each in there if not each.exists()]


def test_every_page_of_the_documentation_is_named_where_one_looks_first() -> None:
    signposts = "".join(map(_text, ("README.md", "CONTRIBUTING.md", "docs/house.md")))
    assert not [path.name for path in DOCS if f"docs/{path.name}" not in signposts]
    assert {"CONTRIBUTING.md", "CHANGELOG.md"} <= set(re.findall(r"`(\w+\.md)`", signposts))


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _text("README.md"), re.DOTALL)
    assert "steps=100," in code
    exec(compile(code.replace("steps=100,", "steps=3,"), "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines] == [0, 1, 2]


def test_the_readme_says_every_way_to_install() -> None:
    section = _text("README.md").split("## Install")[1].split("\n## ")[0]
    for words in ("uvx skipviz", 'pipx install "skipviz[train]"', 'pip install "skipviz[train]"',
                  "download.pytorch.org/whl/cpu", "not published yet"):  # fmt: skip
        assert words in section


def test_speeds_in_the_readme_are_those_of_the_measurements() -> None:
    section = _text("README.md").split("## How fast")[1].split("\n## ")[0]
    measured = _text("docs/speed.md")
    speeds = re.findall(r"(\d+ ms)|(\d+)\s+times", section)
    assert len(speeds) == 2
    for milliseconds, times in speeds:
        assert f"| {milliseconds} |" in measured if milliseconds else f"**{times}** (" in measured


def test_the_citation_is_of_this_version_and_has_what_its_schema_demands() -> None:
    cited = yaml.safe_load(_text("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert cited["version"] == skipviz.__version__
    assert cited["license"] == PROJECT["project"]["license"]
    assert cited["authors"][0]["name"] in _text("LICENSE")
    assert {"title", "authors", "type"} <= set.intersection(*map(set, cited["references"]))


def test_the_newest_changes_are_those_of_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\] - (.+)$", _text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0][0] == skipviz.__version__
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for _, day in versions[1:])
    kinds = set(re.findall(r"^### (\w+)$", _text("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_pre_commit_runs_what_make_lint_runs_and_fetches_nothing() -> None:
    (repo,) = yaml.safe_load(_text(".pre-commit-config.yaml"))["repos"]
    assert repo["repo"] == "local"
    check = _text("Makefile").split("\nlint:")[1].split("\n\n")[0]
    in_make = re.findall(r"\$\(BIN\)/(?:python )?((?:ruff|mypy|tests/js)[^\n$]*)", check)
    in_make = [command.strip().removesuffix(" .") for command in in_make]
    prefix = "python3 tools/environment.py requirements-dev.txt "
    entries = [hook["entry"].removeprefix(prefix).removeprefix("-m ") for hook in repo["hooks"]]
    entries = [entry.removesuffix(" --force-exclude") for entry in entries]
    assert in_make == entries
    assert all(hook["language"] == "system" for hook in repo["hooks"])


def test_types_and_licence_travel_with_the_wheel(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    files = set(zipfile.ZipFile(built).namelist())
    assert {"skipviz/py.typed", "skipviz/__init__.py", "skipviz/shipped/app.py"} <= files
    assert any(name.endswith("licenses/LICENSE") for name in files)
    assert not [name for name in files if name.startswith(("tests/", "runs/"))]


def test_what_is_imported_is_read_by_mypy_as_a_stranger_reads_it() -> None:
    assert PROJECT["tool"]["mypy"]["strict"] is True
    assert "tests/typed_client.py" in PROJECT["tool"]["mypy"]["files"]
    client = _text("tests/typed_client.py")
    public = set(skipviz.__all__) - {"SpecError"}
    assert all(f"skipviz.{name}" in client for name in public)
