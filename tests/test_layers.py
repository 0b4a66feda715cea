"""Who may import whom, read from the source; and that the web process stays free of torch.

A room may import itself and what stands beside it in the tables. `LATER` is what functions may
import when they are called, and nobody while a file is loaded.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

GROUND = {"knob", "declarations", "spec", "terms", "discover", "frame", "wiring", "scene"}
GROUND |= {"pictured", "fields", "schedule", "final", "strict_json", "placing"}
GROUND |= {"packages", "escapes"}
PLAIN_RUNS = GROUND | {"presets", "scenes", "probes", "data", "datafiles"}
ALLOWED: dict[str, set[str]] = {
    "skipviz": set(),
    "knob": set(),
    "packages": {"knob", "datafiles"},
    "escapes": set(),
    "terms": set(),
    "console": set(),
    "discover": set(),
    "final": set(),
    "strict_json": set(),
    "placing": {"spec"},
    "frame": set(),
    "wiring": set(),
    "declarations": {"knob", "discover"},
    "fields": {"knob"},
    "spec": {"knob", "declarations", "discover", "fields", "strict_json"},
    "schedule": {"spec"},
    "pictured": {"spec"},
    "scene": GROUND,
    "presets": GROUND,
    "reference": GROUND,
    "families": GROUND,
    "nets": GROUND | {"families"},
    "data": GROUND | {"datafiles"},
    "datafiles": GROUND,
    "probes": GROUND,
    "scenes": GROUND | {"presets"},
    "engine": GROUND | {"families", "nets", "data", "datafiles"},
    "runs": PLAIN_RUNS,
    "worker": PLAIN_RUNS | {"runs", "engine", "families", "nets"},
    "figures": GROUND,
    "graphs": GROUND | {"figures"},
    "standalone": GROUND | {"families"},
    "ui": PLAIN_RUNS | {"runs", "figures", "graphs", "standalone", "reference"},
    "cli": PLAIN_RUNS | {"runs", "figures", "graphs", "performing", "training_command", "console"},
    "doctor": PLAIN_RUNS | {"runs"},
    "performing": PLAIN_RUNS | {"runs"},
    "training_command": PLAIN_RUNS | {"runs"},
    "pages": GROUND | {"ui"},
    "app": {"ui"},
    "jupyter": {"datafiles"},
    "__main__": {"cli"},
}
LATER: dict[str, set[str]] = {
    "probes": {"engine", "nets", "families", "data"},
    "cli": {"engine", "nets", "doctor", "ui"},
    "doctor": {"engine", "nets"},
    "performing": {"worker"},
    "training_command": {"engine"},
}
HEAVY = {"torch", "torchvision", "sklearn"}
HEAVY_ROOMS = {"nets", "engine", "worker"}
HEAVY_LATER = {"data", "datafiles", "probes", "nets", "doctor"}
STREAMLIT_ROOMS = {"ui", "pages", "app"}


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
    if parts[1:3] == ["runs", "worker"]:
        return "worker"
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
    """Every node, and whether it runs only later; what is there for type checkers is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
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
    assert mine in ALLOWED, f"{mine} is a new room: say in ALLOWED what it may see"
    for found in imports(path):
        if found.module.split(".")[0] in ("skipviz", "pages", "app") and found.module != "skipviz":
            allowed = ALLOWED[mine] | {mine}
            if found.later:
                allowed = allowed | LATER.get(mine, set())
            assert room(found.module) in allowed, f"{found}: {mine} must not"


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
            assert room(found.by) in STREAMLIT_ROOMS, str(found)


def test_no_file_imports_a_private_name_of_another() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("skipviz"):
                private = [a.name for a in node.names if a.name[0] == "_" and a.name[:2] != "__"]
                assert not private, f"{name_of(path)} imports {private} of {node.module}"


def test_the_reader_of_imports_sees_what_is_hidden_in_functions(tmp_path: Path) -> None:
    code = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    import c\n    lambda: 0\n"
    found = [(t, later) for node, later in _walk(ast.parse(code)) for t in _targets(node)]
    assert found == [("a", False), ("c", True)]
    assert {room("skipviz.models.resnet.family"), room("skipviz.models.knobs")} == {"families"}
    assert {room("skipviz.models"), room("skipviz.models.resnet.net")} == {"nets"}


WEB_PROCESS = """
import importlib, pkgutil, sys
import skipviz
from skipviz import cli, registry, spec, standalone, terms
rooms = "ui runs graphs figures scenes probes data reference standalone"
for room in rooms.split():
    home = importlib.import_module(f"skipviz.{room}")
    for item in pkgutil.walk_packages(home.__path__, home.__name__ + "."):
        if not item.name.startswith("skipviz.runs.worker"):
            importlib.import_module(item.name)
for family, declared in registry.architectures().items():
    lane = spec.Lane(family=family)
    declared.wiring(lane.settings("digits"))
    spec.twin(lane, "digits")
    standalone.module(lane)
    spec.Experiment.from_json(spec.Experiment(lanes=[lane]).to_json())
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
