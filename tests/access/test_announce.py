"""What a server listens on, prints and opens at its start."""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from skipviz.access import announce, who
from skipviz.access.announce import address_of, at_start, network_address, to_open
from tests.access.conftest import Set
from tests.browser.serving import ROOT, free_port, running

PORT = 8501


def _key(text: str) -> str:
    (key,) = re.findall(r"/lecturer\?key=(\S+)", text)
    return str(key)


@pytest.mark.parametrize(
    ("listens", "options", "address"),
    [("192.168.1.9", {}, "http://192.168.1.9:8501"), ("fd00::9", {}, "http://[fd00::9]:8501"),
     ("192.168.1.9", {"base": "/user/ada/"}, "http://192.168.1.9:8501/user/ada"),
     ("127.0.0.1", {"tls": True}, "https://127.0.0.1:8501")],
)  # fmt: skip
def test_the_address_is_the_one_that_others_type(
    listens: str, options: dict[str, object], address: str
) -> None:
    assert address_of(listens, PORT, **options) == address  # type: ignore[arg-type]


@pytest.mark.parametrize("listens", announce.WILDCARDS)
def test_a_server_that_listens_everywhere_says_its_address_in_the_network(listens: str) -> None:
    assert address_of(listens, PORT) == f"http://{network_address() or 'localhost'}:8501"


@pytest.mark.parametrize("listens", ["127.0.0.1", "localhost", "::1"])
def test_whoever_is_trusted_at_this_machine_needs_no_key(listens: str) -> None:
    assert at_start(listens, PORT) == ""
    assert to_open(listens, PORT) == f"{address_of(listens, PORT)}/"
    assert who.keys().address == address_of(listens, PORT)


@pytest.mark.parametrize(
    ("listens", "trust"), [("192.168.1.9", "1"), ("0.0.0.0", "1"), ("127.0.0.1", "0")]
)
def test_a_key_is_printed_and_another_is_opened(set_to: Set, listens: str, trust: str) -> None:
    set_to(trust_local=trust, guests="run")
    said, opened = at_start(listens, PORT), to_open(listens, PORT)
    assert "Everybody else is a guest: run." in said and address_of(listens, PORT) in said
    assert opened.startswith(f"{address_of(listens, PORT)}/lecturer?key=")
    assert all(who.keys().redeem(_key(text)) for text in (opened, said))
    assert not any(who.keys().redeem(_key(text)) for text in (opened, said))


COMMANDS = {
    "streamlit run": [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port={}"],
    "skipviz serve": [sys.executable, "-m", "skipviz", "serve", "--port={}"],
}


def _environment(folder: Path, **values: str) -> dict[str, str]:
    """That of a user at a display, whose browser writes down what it is given to open."""
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/opened"\n', encoding="utf-8")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    ours = {"SKIPVIZ_RUNS": str(folder / "runs"), "SKIPVIZ_FUSED": "0", "SKIPVIZ_RUNNING": "1"}
    return kept | ours | {"DISPLAY": ":0", "BROWSER": f"{browser} %s"} | values


needs_shell = pytest.mark.skipif(os.name != "posix", reason="the browser here is a shell script")


@needs_shell
@pytest.mark.parametrize("name", COMMANDS)
def test_without_an_address_a_server_listens_on_this_machine_alone_and_opens_the_lecturer_s_page(
    tmp_path: Path, name: str
) -> None:
    port = free_port()
    command = [word.format(port) for word in COMMANDS[name]]
    environment = _environment(tmp_path, SKIPVIZ_TRUST_LOCAL="0")
    with running(command, port, tmp_path, cwd=ROOT, env=environment):
        for other in {"127.0.0.2", network_address() or "127.0.0.2"}:
            with socket.socket() as probe:
                assert probe.connect_ex((other, port)) != 0, f"it listens at {other}"
        opened = _written(tmp_path / "opened")
        assert opened.startswith(f"http://127.0.0.1:{port}/lecturer?key=")
        assert _status(port, opened) == 303
    printed = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert _key(printed) != _key(opened)


@needs_shell
def test_without_a_browser_none_is_opened(tmp_path: Path) -> None:
    port = free_port()
    command = [*(word.format(port) for word in COMMANDS["skipviz serve"]), "--no-browser"]
    with running(command, port, tmp_path, cwd=ROOT, env=_environment(tmp_path)):
        assert _status(port, "/") == 200
    assert not (tmp_path / "opened").exists()


def _written(path: Path) -> str:
    """The line of a file that another process writes."""
    until = time.monotonic() + 60
    while not (path.exists() and path.read_text(encoding="utf-8").endswith("\n")):
        assert time.monotonic() < until, f"{path.name} was not written"
        time.sleep(0.05)
    return path.read_text(encoding="utf-8").strip()


def _status(port: int, address: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address.removeprefix(f"http://127.0.0.1:{port}"))
    status = connection.getresponse().status
    connection.close()
    return status
