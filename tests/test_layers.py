"""Who may import whom, read from the source; and that the web process stays free of torch.

The rooms, what each may import and what only its functions may, stand in the table of
`docs/house.md`: there is no other. No file and no room imports in a circle; what the registry loads
by name is followed as well.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _table() -> dict[str, tuple[set[str], set[str]]]:
    """Of each room of the house's table: the rooms that it may import, and those that only its
    functions may."""
    rows = {}
    for line in (ROOT / "docs" / "house.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            names = re.findall(r"`([\w.]+)`", cells[0])
            allowed, later = ({*re.findall(r"`([\w.]+)`", cell)} for cell in cells[2:])
            for name in names:
                rows[name] = (allowed, later)
    return rows


TABLE = _table()
NAMED = {
    "models": "skipviz.models.{}.family",
    "data": "skipviz.data.{}",
    "probes": "skipviz.probes.{}",
    "scenes": "skipviz.scenes.{}",
}
"""What the registry loads by name, when somebody looks something up."""

HEAVY = {"torch", "torchvision", "sklearn"}
HEAVY_ROOMS = {"nets", "engine", "worker"}
HEAVY_LATER = {"data", "datafiles", "probes", "nets", "cli"}
STREAMLIT = {"ui", "pages", "app"}


def room(module: str) -> str:
    """The room of a module: skipviz.models.resnet.net is in "nets"."""
    parts = module.split(".")
    if parts[0] in ("app", "pages"):
        return parts[0]
    if len(parts) == 1:
        return "skipviz"
    if parts[1] == "models":
        loads_torch = parts[-1] in ("models", "backbones", "net")
        return "nets" if loads_torch else "families"
    if parts[1] == "ui" and (ROOT / "skipviz" / "ui" / ".".join(parts[2:3])).is_dir():
        return ".".join(parts[1:3])
    return parts[1]


@dataclass(frozen=True)
class Import:
    """One imported module: by whom, where, and whether only when a function is called."""

    by: str
    line: int
    module: str
    later: bool

    def __str__(self) -> str:
        return f"{self.by}, line {self.line}, imports {self.module}"


SOURCES = sorted([*ROOT.glob("skipviz/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"])


def name_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path) for path in SOURCES}


def _targets(node: ast.AST) -> list[str]:
    """The modules that an import statement names; `from a import b` may name a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports are absolute"
        within = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in MODULES else str(node.module) for name in within]
    return []


def _walk(node: ast.AST, later: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it runs only later; what is there for type checkers alone counts as
    later."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from ((each, True) for each in ast.walk(child))
            continue
        inside = later or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield child, inside
        yield from _walk(child, inside)


def imports(path: Path) -> list[Import]:
    name = name_of(path)
    return [
        Import(name, getattr(node, "lineno", 0), target, later)
        for node, later in _walk(ast.parse(path.read_text(encoding="utf-8")))
        for target in _targets(node)
    ]


ALL = [found for path in SOURCES for found in imports(path)]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_imports_only_the_rooms_that_its_own_may_see(path: Path) -> None:
    mine = room(name_of(path))
    assert mine in TABLE, f"{mine} is a new room: say in docs/house.md what it may import"
    allowed, later = TABLE[mine]
    for each in imports(path):
        if each.module.split(".")[0] in ("skipviz", "pages", "app") and each.module != "skipviz":
            may = allowed | {mine} | (later if each.later else set())
            assert room(each.module) in may, f"{each}: {mine} must not"


def test_the_table_of_the_house_has_no_room_and_no_permission_too_many() -> None:
    used: dict[str, tuple[set[str], set[str]]] = {}
    for path in SOURCES:
        used.setdefault(room(name_of(path)), (set(), set()))
    for each in ALL:
        mine = room(each.by)
        if each.module in MODULES and each.module != "skipviz" and room(each.module) != mine:
            used[mine][each.later].add(room(each.module))
    for mine, (now, later) in used.items():
        assert TABLE[mine] == (now, later - now), f"{mine}: {now}, later {later - now}"
    assert TABLE.keys() == used.keys()


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def _graph(of: Iterator[Import] | list[Import]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for each in of:
        if each.module in MODULES and each.module != each.by:
            graph.setdefault(each.by, set()).add(each.module)
    return graph


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not _circle(_graph(ALL))


def test_what_the_registry_loads_by_name_does_not_load_the_registry() -> None:
    graph = _graph([each for each in ALL if not each.later])
    named = {
        name_of(path)
        for folder, pattern in NAMED.items()
        for path in SOURCES
        if re.fullmatch(pattern.replace(".", r"\.").replace("{}", r"\w+"), name_of(path))
        if folder != "scenes"  # a scene holds experiments, which look up what it is made of
    }
    assert len(named) > 20
    assert not _circle(graph | {"skipviz.core.registry": graph["skipviz.core.registry"] | named})


def test_no_rooms_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for each in ALL:
        if each.module in MODULES and "skipviz" not in (each.module, each.by):
            if room(each.by) != room(each.module):
                graph.setdefault(room(each.by), set()).add(room(each.module))
    assert not _circle(graph)


def test_a_circle_is_found_where_there_is_one() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) and not _circle({"a": {"b", "c"}})


def test_the_values_are_closed() -> None:
    assert TABLE["core"] == (set(), set())


def test_torch_and_scikit_learn_stay_where_they_belong() -> None:
    for found in ALL:
        if found.module.split(".")[0] in HEAVY:
            mine = room(found.by)
            assert mine in HEAVY_ROOMS or (found.later and mine in HEAVY_LATER), str(found)


def test_the_way_to_the_nets_loads_torch_only_when_one_is_built() -> None:
    for found in ALL:
        if found.by == "skipviz.models":
            assert found.later or found.module.split(".")[0] not in HEAVY, str(found)


def test_only_the_user_interface_imports_streamlit() -> None:
    for found in ALL:
        if found.module.split(".")[0] == "streamlit":
            assert room(found.by).split(".")[0] in STREAMLIT, str(found)


def test_no_file_imports_a_private_name_of_another() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("skipviz"):
                private = [a.name for a in node.names if a.name[0] == "_" and a.name[:2] != "__"]
                assert not private, f"{name_of(path)} imports {private} of {node.module}"


def test_the_reader_of_imports_sees_what_is_hidden_in_functions(tmp_path: Path) -> None:
    code = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    import c\n    lambda: 0\n"
    found = [(t, later) for node, later in _walk(ast.parse(code)) for t in _targets(node)]
    assert found == [("a", False), ("b", True), ("c", True)]
    assert {room("skipviz.models.resnet.family"), room("skipviz.models.knobs")} == {"families"}
    assert {room("skipviz.models"), room("skipviz.models.resnet.net")} == {"nets"}


WEB_PROCESS = """
import importlib, pkgutil, sys
import skipviz
from skipviz import standalone
from skipviz.cli import main
from skipviz.core import experiment, registry
rooms = "core access ui store server stream graphs figures scenes probes data reference standalone"
for room in rooms.split():
    home = importlib.import_module(f"skipviz.{room}")
    for item in pkgutil.walk_packages(home.__path__, home.__name__ + "."):
        if not item.name.startswith("skipviz.worker"):
            importlib.import_module(item.name)
for family, declared in registry.architectures().items():
    lane = experiment.Lane(family=family)
    declared.wiring(lane.settings("digits"))
    experiment.twin(lane, "digits")
    standalone.module(lane)
    experiment.Experiment.from_json(experiment.Experiment(lanes=[lane]).to_json())
for declared in (registry.datasets, registry.probes, registry.scenes):
    declared()
print(sorted({"torch", "torchvision", "sklearn"} & set(sys.modules)))
"""


def test_what_the_web_process_imports_and_does_loads_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS], capture_output=True, encoding="utf-8", cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
