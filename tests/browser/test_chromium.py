"""The browser of the browser tests: found, usable, clean, and watched for JavaScript errors."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import chromium


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_page_runs_javascript(page: Page) -> None:
    page.set_content("<p id=p></p><script>p.textContent = 6 * 7</script>")
    assert page.inner_text("#p") == "42"


def test_two_pages_share_no_cookies(new_page: Callable[..., Page]) -> None:
    one, two = new_page(), new_page()
    one.context.add_cookies([{"name": "a", "value": "1", "url": "http://localhost"}])
    assert [len(page.context.cookies()) for page in (one, two)] == [1, 0]


def test_a_page_has_the_size_that_was_asked_for(new_page: Callable[..., Page]) -> None:
    page = new_page(viewport={"width": 1920, "height": 1080})
    assert page.evaluate("[innerWidth, innerHeight]") == [1920, 1080]


def test_the_file_run_as_a_program_says_in_one_line_what_it_found() -> None:
    told = subprocess.run(
        [sys.executable, chromium.__file__], capture_output=True, encoding="utf-8"
    )
    assert told.returncode == 0
    assert told.stdout.startswith("Browser tests use /") and told.stdout.count("\n") == 1


def test_a_browser_named_by_hand_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _script(tmp_path / "mine", "echo Chromium 1")
    monkeypatch.setenv("SKIPVIZ_CHROMIUM", mine)
    assert chromium.executable() == mine


def test_a_script_that_is_no_browser_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = _script(tmp_path / "chromium-browser", "echo please visit the shop; exit 1")
    real = _script(tmp_path / "chrome", "echo Google Chrome 9")
    monkeypatch.setattr(chromium, "_candidates", lambda: iter(["", shop, "/nowhere", real]))
    assert chromium.executable() == real


def test_a_machine_where_nothing_can_be_installed_gets_one_sentence_with_the_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = _script(tmp_path / "apt", "echo no network >&2; exit 100")
    monkeypatch.setattr(chromium, "_candidates", lambda: iter([""]))
    monkeypatch.setattr(chromium, "_installers", lambda: iter([("apt-get", [[fails]])]))
    with pytest.raises(chromium.NoChromium, match=r"installed \(apt-get: no network\)"):
        chromium.ensure()


def test_a_browser_that_was_just_installed_is_used_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = str(tmp_path / "chromium")
    install = [
        _script(tmp_path / "get", f"printf '#!/bin/sh\\necho Chromium 3' > {made}; chmod +x {made}")
    ]
    monkeypatch.setattr(chromium, "_candidates", lambda: iter([made]))
    monkeypatch.setattr(chromium, "_installers", lambda: iter([("the tool", [install])]))
    assert chromium.ensure() == f"Browser tests use {made}, just installed with the tool"
