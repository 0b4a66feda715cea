"""What every answer says of scripts, frames and where a link was clicked."""

from __future__ import annotations

import base64
import hashlib
import re
import warnings

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from skipviz.access.doors import Doors
from skipviz.access.headers import POLICY, SafeHeaders, hashes, sockets_of, streamlits_page

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


async def _page(request: Request) -> Response:
    return HTMLResponse("<p>")


async def _value(request: Request) -> Response:
    return JSONResponse({})


async def _own(request: Request) -> Response:
    return HTMLResponse("<p>", headers={POLICY: "default-src 'none'"})


async def _unchanged(request: Request) -> Response:
    return Response(status_code=304)


ROUTES = [
    Route("/", _page),
    Route("/same", _unchanged),
    Route("/api/runs/x/poll", _value),
    Route("/v/x", _own),
]


def _answer(path: str, host: str = "localhost:8501") -> Response:
    app = Starlette(routes=ROUTES, middleware=[Middleware(SafeHeaders), Middleware(Doors)])
    client = TestClient(app, base_url="http://localhost:8501", client=("127.0.0.1", 5))
    answer: Response = client.get(path, headers={"host": host})
    if path == "/same":
        return answer
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    return answer


def test_each_kind_of_answer_has_its_policy() -> None:
    page = _answer("/").headers[POLICY]
    assert (
        "script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-" in page
        and "'unsafe-eval'" not in page
    )
    assert "connect-src 'self' data: ws://localhost:8501 wss://localhost:8501;" in page
    for path in ("/api/runs/x/poll", "/api/nothing"):  # the second is refused at the doors
        assert _answer(path).headers[POLICY].startswith("default-src 'none'; base-uri 'none'")
    assert _answer("/v/x").headers[POLICY] == "default-src 'none'"


@pytest.mark.parametrize("host", ["a b", "x;script-src *", "", "x" * 300, "a,b"])
def test_no_host_writes_into_the_policy(host: str) -> None:
    assert sockets_of(host) == ""
    if host:
        assert "connect-src 'self' data:;" in _answer("/", host).headers[POLICY]


def test_a_page_that_has_not_changed_keeps_the_policy_that_came_with_it() -> None:
    assert POLICY not in _answer("/same").headers


def test_only_streamlit_s_own_inline_scripts_are_named() -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", streamlits_page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert hashes(streamlits_page()) == [f"'sha256-{digest}'"]
    assert hashes("<script src='a.js'></script>") == []
