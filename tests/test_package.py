"""The package: what it declares is what it imports; one version; where everything lies."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import skipviz
from skipviz import jupyter
from skipviz.access import settings
from skipviz.access.roles import Guests
from skipviz.cli.main import main, parse
from skipviz.core import child_processes, places
from skipviz.core.knob import SpecError

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TRAINING = {"torch", "torchvision"}


def _names(lines: list[str]) -> set[str]:
    """The packages that requirement lines name."""
    return {re.split(r"[<>=!~\[; ]", line)[0].lower() for line in lines}


def _required() -> list[str]:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and line[0] != "#"]


def _imported() -> set[str]:
    """The distributions whose modules the product's files import."""
    files = [*ROOT.glob("skipviz/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"]
    modules: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(str(node.module).split(".")[0])
    foreign = modules - sys.stdlib_module_names - {"skipviz"}
    homes = packages_distributions()
    named = {homes.get(module, [module])[0] for module in foreign}
    return {name.lower().replace("_", "-") for name in named}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    base = _names(PROJECT["dependencies"])
    training, export, ray = (
        _names(PROJECT["optional-dependencies"][extra]) for extra in ("train", "export", "ray")
    )
    assert base | training | export | ray == _imported()
    assert training == TRAINING and not base & (TRAINING | export | ray)


def test_requirements_txt_and_the_package_ask_for_the_same() -> None:
    extras = PROJECT["optional-dependencies"]
    declared = PROJECT["dependencies"] + extras["train"] + extras["export"]
    assert sorted(_required()) == sorted(declared)


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    written = [
        path
        for path in [*ROOT.glob("*.toml"), *ROOT.glob("skipviz/**/*.py")]
        if re.search(r"(?m)^(__)?version(__)? = ", path.read_text(encoding="utf-8"))
    ]
    assert written == [ROOT / "skipviz/__init__.py"]


def test_a_checkout_keeps_runs_beside_it_and_the_environment_goes_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SKIPVIZ_RUNS", raising=False)
    assert not places.installed() and places.shipped() == ROOT
    assert places.runs() == ROOT / "runs"
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path))
    assert places.runs() == tmp_path


def test_an_installed_skipviz_writes_into_the_users_folders_and_never_beside_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("SKIPVIZ_RUNS", "SKIPVIZ_CACHE", "SKIPVIZ_RECORDINGS"):
        monkeypatch.delenv(variable, raising=False)
    package = tmp_path / "site-packages" / "skipviz"
    (package / "shipped").mkdir(parents=True)
    (package / "shipped" / "app.py").touch()
    monkeypatch.setattr(places, "PACKAGE", package)
    assert places.shipped() == package / "shipped"
    for folder in (places.runs(), places.cache(), places.folders()[-1]):
        assert not folder.is_relative_to(tmp_path) and folder.is_absolute()
        assert "skipviz" in folder.parts or "skipviz" in str(folder)
    with pytest.raises(SpecError, match="never changed; set SKIPVIZ_RECORDINGS"):
        places.check_recordings_are_ours()
    monkeypatch.setenv("SKIPVIZ_RECORDINGS", str(tmp_path / "mine"))
    places.check_recordings_are_ours()


def test_only_one_module_works_out_where_things_lie() -> None:
    """The folder above the package is not the program's folder when it is installed."""
    for path in [*ROOT.glob("skipviz/**/*.py"), *ROOT.glob("pages/**/*.py")]:
        if path.name != "places.py":
            assert "parents[" not in path.read_text(encoding="utf-8"), path


def test_our_processes_import_nothing_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = "import os, random, skipviz; print(skipviz.__file__, os.getcwd())"
    done = subprocess.run(
        child_processes.command("-c", code),
        env=child_processes.environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == skipviz.__file__


@pytest.mark.parametrize("words", [[], ["serve"], ["--port", "9000"], ["serve", "--port=9000"]])
def test_no_command_is_the_command_serve(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(
        "streamlit.web.cli.main", lambda words, **options: asked.append(list(words))
    )
    assert main(words) == 0
    assert asked[0][:2] == ["run", str(ROOT / "app.py")]
    assert asked[0][2:] == (["--server.port=9000"] if "9000" in str(words) else [])


def test_every_option_of_serve_reaches_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(
        "streamlit.web.cli.main", lambda words, **options: asked.append(list(words))
    )
    main(["serve", "--no-browser", "--address", "127.0.0.1", "--base-path", "/a/b"])
    assert set(asked[0][2:]) == {
        "--server.headless=true",
        "--server.address=127.0.0.1",
        "--server.baseUrlPath=/a/b",
    }


def test_the_version_is_told_and_help_is_not_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    for word, expected in (("--version", skipviz.__version__), ("--help", "families")):
        with pytest.raises(SystemExit) as ended:
            main([word])
        assert ended.value.code == 0 and expected in capsys.readouterr().out


def test_jupyter_starts_it_below_its_own_path() -> None:
    asked = jupyter.server()
    words = [word.format(port=7, base_url="/user/ada/") for word in asked["command"]]
    arguments = parse(words[words.index("serve") :])
    assert (arguments.port, arguments.base_path, arguments.no_browser) == (
        7,
        "/user/ada/skipviz",
        True,
    )
    assert Path(asked["launcher_entry"]["icon_path"]).is_file()
    alone = settings.load(asked["environment"])
    assert alone.guests is Guests.RUN and alone.limits.lease_minutes > 60 * 24, "no class is here"
