"""Behind a proxy: whose address counts, which cookies are for https alone, who stays a guest."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from skipviz.access import guests, login, proxies, roles, who
from skipviz.access.doors import Doors
from skipviz.store.rooms import rooms_of, word
from skipviz.stream import phones
from skipviz.stream.phones import Phones
from tests.access.conftest import Set
from tests.browser.serving import Server, serving

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
"""Addresses of this machine that uvicorn does not believe by itself."""

needs_more_addresses = pytest.mark.skipif(
    sys.platform != "linux", reason="here 127.0.0.1 is the only address of loopback"
)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows of one proxy."""
    runs = tmp_path_factory.mktemp("proxies")
    with serving(
        runs, SKIPVIZ_PROXIES=f"{PROXY}, 10.9.0.0/16", SKIPVIZ_PASSPHRASE="a sentence to be typed",
        SKIPVIZ_METRICS="true", SKIPVIZ_FUSED="0", SKIPVIZ_RUNNING="1",
    ) as server:  # fmt: skip
        yield server


def _asked(
    server: Server, peer: str, browser: str, path: str, *, typed: str = "", scheme: str = "https"
) -> tuple[int, str]:
    """Status and cookie of what `peer` asks for a browser at `browser`."""
    host, _, port = server.url.rpartition("/")[2].partition(":")
    connection = HTTPConnection(host, int(port), timeout=60, source_address=(peer, 0))
    headers = {"X-Forwarded-For": browser, "X-Forwarded-Proto": scheme}
    body = urlencode({"passphrase": typed}) if typed else None
    connection.request("POST" if typed else "GET", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers["set-cookie"] or ""


def _guessed(server: Server, peer: str, browser: str) -> int:
    return _asked(server, peer, browser, "/lecturer", typed="a wrong one")[0]


@needs_more_addresses
def test_behind_a_proxy_that_is_set_each_browser_has_its_own_tries(behind: Server) -> None:
    assert [_guessed(behind, PROXY, "198.51.100.7") for _ in range(6)] == [403] * 5 + [429]
    assert _guessed(behind, PROXY, "198.51.100.8") == 403
    said = "198.51.100.9, 198.51.100.7"  # its browser wrote the first itself
    assert _guessed(behind, PROXY, said) == 429
    status, cookie = _asked(
        behind, PROXY, "198.51.100.8", "/lecturer", typed="a sentence to be typed"
    )
    assert status == 303 and cookie.endswith("; Secure")


@needs_more_addresses
def test_whoever_is_no_proxy_of_ours_is_not_believed(behind: Server) -> None:
    said = [_guessed(behind, STRANGER, f"203.0.113.{number}") for number in range(6)]
    assert said == [403] * 5 + [429]


@needs_more_addresses
@pytest.mark.parametrize("peer", ["127.0.0.1", PROXY, STRANGER])
def test_nobody_behind_a_proxy_is_taken_for_somebody_at_this_machine(
    behind: Server, peer: str
) -> None:
    for browser in ("127.0.0.1", "::1", "localhost", "", "127.0.0.1, 127.0.0.1"):
        assert _asked(behind, peer, browser, "/metrics")[0] == 403


def test_a_server_that_listens_at_both_kinds_of_addresses_believes_the_same_proxies() -> None:
    told = proxies.hosts(["172.18.0.0/16", "10.0.0.7/32", "fd00::/8"])
    assert told == ["172.18.0.0/16", "10.0.0.7/32", "fd00::/8",
                    "::ffff:172.18.0.0/112", "::ffff:10.0.0.7/128"]  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "forwarded", "is_secure"),
    [("http", None, False), ("https", None, True), ("http", "https", True), ("http", "http", False),
     ("http", "HTTPS , http", True), ("http", "http, https", False)],
)  # fmt: skip
def test_every_cookie_is_secure_where_the_browser_speaks_https(
    set_to: Set, folder: Path, scheme: str, forwarded: str | None, is_secure: bool
) -> None:
    set_to(guests="run")
    folder.mkdir()
    app = Starlette(
        routes=[*login.routes(), *Phones(lambda: folder).routes()],
        middleware=[Middleware(Doors)],
    )
    client = TestClient(app, base_url=f"{scheme}://skipviz.example", follow_redirects=False)
    headers = {"Accept": "text/html"} | ({"X-Forwarded-Proto": forwarded} if forwarded else {})
    asked = {
        roles.COOKIE: f"/lecturer?key={who.keys().new_key()}",
        guests.COOKIE: "/lab",
        phones.COOKIE: f"/v/{rooms_of(folder).room(word()).code}",
    }
    for name, address in asked.items():
        client.cookies.clear()
        cookie = client.get(address, headers=headers).headers["set-cookie"]
        assert cookie.startswith(f"{name}=") and cookie.endswith("; Secure") == is_secure
        assert "; HttpOnly; SameSite=Lax" in cookie
