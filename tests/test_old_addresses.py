"""Addresses of pages from before open what they named: `tests/fixtures/addresses.txt`."""

from __future__ import annotations

import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.phone_protocol import Phase
from skipviz.store.rooms import rooms_of
from skipviz.store.store import Store
from skipviz.stream import phones
from skipviz.ui.architecture.page import wiring_of
from skipviz.ui.architecture.zoom import Zoom
from skipviz.ui.highway.depth import VIEWS
from skipviz.ui.shell import pages

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

LINES = (Path(__file__).parent / "fixtures" / "addresses.txt").read_text("utf-8").splitlines()
ADDRESSES = [line for line in LINES if not line.startswith("#")]
EXPERIMENT_PAGES = ("lab", "plain_vs_residual", "gates", "routing")
QUERIED = {
    *EXPERIMENT_PAGES,
    "architecture",
    "data",
    "highway_depth",
    "lecture",
    "vote",
}


def _of(*pages_wanted: str) -> list[str]:
    """The addresses with a query of some pages."""
    slugs = {address: urlsplit(address).path.strip("/") for address in ADDRESSES if "?" in address}
    return [address for address, slug in slugs.items() if slug in pages_wanted]


def _query(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query, strict_parsing=True)


def _lecture() -> None:
    import streamlit as st

    from skipviz.ui.lecture.lecture import from_address

    place = from_address()
    st.code(f"{','.join(place.scenes)} {place.seeds} {place.at + 1} {place.phase} {place.room}")


def test_every_page_that_had_an_address_has_it() -> None:
    slugs = {page.slug for page in pages()[1:]} | {""}
    wanted = {urlsplit(address).path.strip("/") for address in ADDRESSES}
    assert wanted - slugs == {"vote"}, "a route of the phones', see below"
    assert {address.strip("/") for address in ADDRESSES if "?" not in address} == wanted
    assert {urlsplit(address).path.strip("/") for address in _of(*wanted)} == QUERIED


@pytest.mark.parametrize("address", _of(*EXPERIMENT_PAGES))
def test_an_experiment_in_an_address_is_the_one_that_it_was(address: str) -> None:
    query = _query(address)
    run_id = query.pop("run", ["A" * 22])[0]
    assert Store.is_id(run_id) or Store.is_recorded(run_id)
    assert Experiment.from_query(query).to_query() == query


@pytest.mark.parametrize("address", _of("architecture"))
def test_a_net_in_an_address_is_found_at_its_place(address: str) -> None:
    query = _query(address)
    for name in ("lane", "with"):
        for text in query.get(name, []):
            assert Lane.from_text(text).text() == text
    at = query.get("at", [""])[0]
    assert Zoom(wiring_of(Lane.from_text(query["lane"][0])), at).at == at


@pytest.mark.parametrize("address", _of("lecture"))
def test_a_lecture_in_an_address_is_opened_where_it_was(address: str) -> None:
    query = {name: values[0] for name, values in _query(address).items()}
    page = AppTest.from_function(_lecture)
    for name, value in query.items():
        page.query_params[name] = value
    page.run(timeout=300)
    assert not page.error
    rest = (query.get(name, otherwise) for name, otherwise in (("at", "1"), ("phase", "0")))
    expected = " ".join([query["scenes"], query["seeds"], *rest, query.get("room", "")])
    assert page.code[0].value == expected


def test_data_sets_views_and_sweeps_in_addresses_are_known() -> None:
    for query in map(_query, _of("data")):
        assert query["set"][0] in registry.datasets()
    for query in map(_query, _of("highway_depth")):
        assert query["view"][0] in VIEWS
        assert Store.is_id(query.get("sweep", ["A" * 22])[0])


def test_a_vote_in_an_address_goes_to_the_page_of_the_rooms_code(tmp_path: Path) -> None:
    app = Starlette(routes=phones.routes(lambda: tmp_path, base="under"))
    client = TestClient(app, follow_redirects=False)
    for address in _of("vote"):
        room = rooms_of(tmp_path).room(_query(address)["room"][0])
        assert client.get(f"/under{address}").headers["location"] == "/under/v"
        room.show("stripes", Phase.VOTE)
        assert client.get(f"/under{address}").headers["location"] == f"/under/v/{room.code}"
    assert client.get("/under/vote").headers["location"] == "/under/v"
