"""The example for nginx, in a real nginx on this machine: base path, sockets, forwarded headers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from websockets.sync.client import connect

from skipviz.access.keys import Keys
from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import Rooms, word
from tests.browser.serving import Server, free_port, serving
from tests.streamlit_page import streamlit_page

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx.conf"
SCENE = sorted(registry.scenes())[0]
WHOLE = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed here: apt-get install nginx-light"
)


@contextmanager
def _nginx(folder: Path, port: int, behind: int) -> Iterator[str]:
    """nginx with the example, which listens at `port` for a server at `behind`."""
    example = EXAMPLE.read_text(encoding="utf-8")
    for before, after in (("listen 80;", f"listen 127.0.0.1:{port};"), (":8501;", f":{behind};")):
        assert example.count(before) == 1
        example = example.replace(before, after)
    is_root = hasattr(os, "getuid") and os.getuid() == 0
    path = folder / "nginx.conf"
    text = WHOLE.format(folder=folder, example=example, user="user root;" if is_root else "")
    path.write_text(text, encoding="utf-8")
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(path)])
    try:
        url = f"http://127.0.0.1:{port}/skipviz"
        until = time.monotonic() + 60
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < until, "nginx did not start"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return bool(_get(f"{url}/_stcore/health") == 200)
    except URLError:
        return False


def _get(url: str, **headers: str) -> int:
    asked = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_behind_nginx_everything_works_and_nobody_is_taken_for_this_machine(
    tmp_path: Path,
) -> None:
    port, behind, runs = free_port(), free_port(), tmp_path / "runs"
    runs.mkdir()
    room = Rooms(runs).room(word())
    room.show(SCENE, Phase.VOTE)
    with serving(
        runs, port=behind, base="skipviz", SKIPVIZ_FUSED="0", SKIPVIZ_RUNNING="1",
        SKIPVIZ_METRICS="true",
    ) as server, _nginx(tmp_path, port, behind) as url:  # fmt: skip
        assert _get(url) == 200 and _get(f"{url}/lab") == 200  # the first by a redirect
        assert _get(f"{url}/metrics") == 403 and _get(f"{server.url}/metrics") == 200
        assert _get(f"{url}/healthz") in (200, 503)
        _a_phone_votes(url, room.code)
        _a_page_is_a_guest_s_until_it_has_a_key(url, server)


def _a_phone_votes(url: str, code: str) -> None:
    with urllib.request.urlopen(f"{url}/v/{code}") as page:
        cookie = page.headers["set-cookie"]
        assert "Path=/skipviz/v" in cookie
    address = f"{url.replace('http', 'ws')}/v/{code}/live"
    headers = {"Cookie": cookie.partition(";")[0]}
    origin = url.rpartition("/")[0]
    with connect(address, additional_headers=headers, origin=origin) as phone:  # type: ignore[arg-type]
        phone.send(json.dumps({"ballot": f"{SCENE}.0", "choice": 1}))
        while json.loads(phone.recv(60)).get("choice") != 1:
            pass


def _a_page_is_a_guest_s_until_it_has_a_key(url: str, server: Server) -> None:
    for headers in ({}, {"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        with streamlit_page(url, **headers) as page:
            assert page.open("lab").button("Train") is None and not page.exceptions
    key = Keys(server.runs).new_key()
    opener = urllib.request.build_opener(_Stays)
    with pytest.raises(HTTPError) as redirected:
        opener.open(f"{url}/lecturer?key={key}")
    assert redirected.value.code == 303 and redirected.value.headers["location"] == "/skipviz/"
    cookie = redirected.value.headers["set-cookie"]
    redirected.value.close()
    assert "Path=/skipviz;" in cookie and "HttpOnly" in cookie
    with streamlit_page(url, Cookie=cookie.partition(";")[0]) as page:
        assert page.open("lab").button("Train") is not None


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None
