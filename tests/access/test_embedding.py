"""Pages in other sites' frames: who may frame them, and that nobody in one is the lecturer."""

from __future__ import annotations

import warnings

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from skipviz.access import settings, who
from skipviz.access.doors import EMBEDDED, Doors, connection_of
from skipviz.access.embedding import Embedding
from skipviz.access.headers import POLICY, SafeHeaders
from skipviz.access.roles import COOKIE, Connection, Role, role_of
from skipviz.core.knob import SpecError
from tests.access.conftest import Set

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


async def _who(request: Request) -> Response:
    role = who.role(connection_of(request.scope))
    return JSONResponse({
        "role": role, "path": request.url.path, "noted": request.headers.get(EMBEDDED, ""),
    })  # fmt: skip


async def _page(request: Request) -> Response:
    return HTMLResponse("<p>")


def client(base: str = "") -> TestClient:
    prefix = f"/{base}" if base else ""
    routes = [Route(f"{prefix}/who", _who), Route(f"{prefix}/lab", _page)]
    order = [
        Middleware(Embedding, base=base),
        Middleware(SafeHeaders),
        Middleware(Doors, base=base),
    ]
    app = Starlette(routes=routes, middleware=order)
    return TestClient(app, base_url="http://localhost:8501", client=("127.0.0.1", 5))


def _sources(answer: Response, directive: str) -> list[str]:
    words = [part.split() for part in answer.headers[POLICY].split(";")]
    return next(part[1:] for part in words if part[0] == directive)


@pytest.mark.parametrize("base", ["", "course"])
def test_at_this_machine_and_with_the_lecturer_s_cookie_an_embedded_page_is_a_guest_s(
    base: str, set_to: Set
) -> None:
    set_to(trust_local="true")
    prefix = f"/{base}" if base else ""
    of_lecturer = {"cookie": f"{COOKIE}={who.keys().log_in()}"}
    for headers in ({}, of_lecturer):
        browser = client(base)
        assert browser.get(f"{prefix}/who", headers=headers).json()["role"] == "lecturer"
        embedded = browser.get(f"{prefix}/embedded/who", headers=headers).json()
        assert embedded == {"role": "guest", "path": f"{prefix}/who", "noted": "1"}
    forged = client(base).get(f"{prefix}/who", headers={EMBEDDED: ""}).json()
    assert forged["noted"] == "" and forged["role"] == "lecturer"
    local = Connection("127.0.0.1", (("host", "localhost"),), embedded=True)
    assert role_of(local, trust_local=True, valid=lambda cookie: True) is Role.GUEST


@pytest.mark.parametrize("base", ["", "course"])
def test_a_page_that_is_to_be_embedded_is_led_to_the_guests_path(base: str, set_to: Set) -> None:
    set_to(guests="watch")
    prefix = f"/{base}" if base else ""
    browser = client(base)
    led = browser.get(f"{prefix}/lab?embed=true&run=x", follow_redirects=False)
    assert led.status_code == 307
    assert led.headers["location"] == f"{prefix}/embedded/lab?embed=true&run=x"
    for other in ("lab?embed=false", "lab", "who?embed=1"):
        assert browser.get(f"{prefix}/{other}", follow_redirects=False).status_code == 200
    for no_page in ("api/runs/x/poll", "static/js/index.js", "_stcore/health", "v/CODE"):
        path = f"{prefix}/{no_page}?embed=true"
        assert browser.get(path, follow_redirects=False).status_code != 307


def test_only_the_sites_that_are_named_may_frame_and_only_the_guests_path(set_to: Set) -> None:
    set_to(guests="watch")
    assert _sources(client().get("/embedded/lab"), "frame-ancestors") == ["'self'"]
    set_to(embed_from="https://a.example, http://127.0.0.1:9000/")
    framed = client().get("/lab?embed=true")
    named = ["'self'", "https://a.example", "http://127.0.0.1:9000"]
    assert _sources(framed, "frame-ancestors") == named
    assert _sources(client().get("/lab"), "frame-ancestors") == ["'self'"]
    speaks_to = _sources(framed, "connect-src")
    assert "'self'" not in speaks_to and "ws://localhost:8501/embedded/" in speaks_to
    assert all(source == "data:" or source.endswith("/embedded/") for source in speaks_to)


@pytest.mark.parametrize(
    "wrong", ["*", "https://*.example", "https://a.example/path", "example", "'none'; script-src *"]
)
def test_what_is_no_origin_is_refused_in_one_sentence(wrong: str) -> None:
    with pytest.raises(SpecError, match="must be an origin, such as https://moodle.example.org"):
        settings.load({"SKIPVIZ_EMBED_FROM": wrong})
