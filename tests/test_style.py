"""The habits of the house that a program can check for certain."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from skipviz.core import registry
from skipviz.core.declarations import Architecture, Dataset

ROOT = Path(__file__).parent.parent
PACKAGE = sorted(ROOT.glob("skipviz/**/*.py"))
PAGES = sorted(ROOT.glob("pages/**/*.py"))
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
SCRIPTS = sorted([*ROOT.glob("assets/**/*.js"), *ROOT.glob("assets/**/*.css")])
OURS = [*PACKAGE, *PAGES, ROOT / "app.py"]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(path: Path) -> list[Function]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def _where(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", OURS, ids=_where)
def test_a_file_says_first_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("path", OURS, ids=_where)
def test_a_function_has_at_most_40_lines_beside_its_docstring(path: Path) -> None:
    for function in _functions(path):
        text = ast.get_docstring(function) or ""
        lines = (function.end_lineno or 0) - function.lineno + 1 - len(text.splitlines())
        assert lines <= 40, f"{function.name} has {lines} lines"


@pytest.mark.parametrize("path", PAGES, ids=_where)
def test_a_page_is_short_and_begins_with_its_title(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    assert 2 < len(title) < 60 and not title.endswith(".")
    assert len(text.splitlines()) <= 150


def test_pages_lie_in_chapter_folders_with_their_order_in_the_name() -> None:
    assert PAGES
    for path in PAGES:
        assert re.fullmatch(r"pages/\d_[a-z_]+/\d\d_[a-z_]+\.py", path.relative_to(ROOT).as_posix())


def test_there_is_no_drawer_for_what_has_no_place() -> None:
    drawers = {"utils", "util", "helpers", "misc", "common"}
    for path in ROOT.glob("skipviz/**/*"):
        assert path.stem not in drawers, path


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|pytest\.mark\.xfail")
    mine = [*OURS, *SCRIPTS, *(path for path in TESTS if path != Path(__file__).resolve())]
    for path in [*mine, ROOT / "Makefile", *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        assert not later.search(path.read_text(encoding="utf-8")), path


def test_source_is_not_run_from_text_and_errors_are_not_swallowed() -> None:
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("exec", "eval", "breakpoint"), path
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path}:{node.lineno} catches everything"
                empty = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                broad = ast.unparse(node.type) in ("Exception", "BaseException")
                assert not (empty and broad), f"{path}:{node.lineno} hides every error"


def test_only_the_command_line_prints() -> None:
    for path in OURS:
        if "cli" not in path.parts and path.stem != "__main__":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = isinstance(node, ast.Call) and ast.unparse(node.func)
                assert called != "print", f"{path}: prints"


def _assigned(path: Path) -> list[str]:
    """The names in capitals that a file's top level assigns."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if name.isupper()]


def test_an_architecture_is_a_folder_with_one_declaration_and_one_net() -> None:
    folders = [path for path in ROOT.glob("skipviz/models/*/") if (path / "__init__.py").exists()]
    assert {path.name for path in folders} == set(registry.architectures())
    for folder in folders:
        assert (folder / "net.py").exists()
        declaring = [path.name for path in folder.glob("*.py") if "ARCHITECTURE" in _assigned(path)]
        assert declaring == ["family.py"]
    assert all(isinstance(each, Architecture) for each in registry.architectures().values())


@pytest.mark.parametrize(
    ("room", "constant"), [("data", "DATASET"), ("probes", "PROBE"), ("scenes", "SCENE")]
)
def test_every_file_of_a_discovered_room_holds_its_one_constant(room: str, constant: str) -> None:
    for path in ROOT.glob(f"skipviz/{room}/*.py"):
        expected = 0 if path.stem == "__init__" else 1
        assert _assigned(path).count(constant) == expected, path
    assert all(isinstance(each, Dataset) for each in registry.datasets().values())


def test_a_family_begins_with_its_formula() -> None:
    for path in ROOT.glob("skipviz/models/*/family.py"):
        first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[
            0
        ]
        assert "=" in first, f"{path}: {first}"


@pytest.mark.parametrize("path", TESTS, ids=_where)
def test_the_names_of_tests_are_sentences(path: Path) -> None:
    for function in _functions(path):
        if function.name.startswith("test_"):
            assert function.name.count("_") >= 3, f"{path.name}: {function.name}"


@pytest.mark.parametrize("path", TESTS, ids=_where)
def test_every_test_can_fail(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    helpers = {f.name for f in _functions(path) if "assert" in ast.unparse(f)}
    for function in _functions(path):
        if function.name.startswith("test_"):
            body = ast.get_source_segment(text, function) or ""
            checks = ("assert", "raises", "expect(", "pytest.fail", "wait_for", *helpers)
            assert any(check in body for check in checks), f"{path.name}: {function.name}"
