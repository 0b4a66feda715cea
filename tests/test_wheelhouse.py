"""A room without a network: what `make wheelhouse` gathers is all that an installation needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.browser.test_installed import clean_checkout

pytestmark = pytest.mark.long


def _no_network() -> list[str]:
    """What a command begins with that is to have no network, where the system can do that."""
    words = ["unshare", "--map-root-user", "--net"]
    can = shutil.which("unshare") and subprocess.run([*words, "true"]).returncode == 0
    return words if can else []


def test_the_light_wheelhouse_installs_skipviz_with_the_network_off(tmp_path: Path) -> None:
    checkout = clean_checkout(tmp_path / "checkout")
    tool = str(checkout / "tools/wheelhouse.py")
    subprocess.run([sys.executable, tool, "--light"], cwd=checkout, check=True)
    home = tmp_path / "home"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    nothing = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    environment = {**os.environ, **nothing, "PYTHONPATH": "", "SKIPVIZ_CACHE": str(tmp_path / "c")}
    said = (checkout / "wheelhouse/INSTALL.txt").read_text(encoding="utf-8")
    assert '--no-index --find-links wheelhouse "skipviz"' in said

    def offline(*words: str) -> str:
        return subprocess.run(
            [*_no_network(), *words],
            cwd=checkout,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ).stdout

    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    offline(*pip, "--no-index", "--find-links", "wheelhouse", "skipviz")
    described = offline(str(programs / "skipviz"), "describe", "resnet", "backbone=dense")
    assert "parameters" in described
