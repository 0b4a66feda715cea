"""Who is one guest: a browser, however many tabs it has; all without a cookie at one address."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skipviz.access import who
from skipviz.access.guests import COOKIE, NEW_AT_ONCE, Guests, network
from skipviz.access.roles import Connection
from skipviz.core import places
from skipviz.core.guest import ADDRESS, BROWSER
from tests.access.conftest import Set
from tests.access.test_doors import FAR, LOCAL, _client

PAGE = {"accept": "text/html,application/xhtml+xml"}


def _from(peer: str, *cookies: str) -> Connection:
    return Connection(peer, tuple(("cookie", f"{COOKIE}={each}") for each in cookies))


def test_all_tabs_of_a_browser_are_one_guest_wherever_it_connects_from(tmp_path: Path) -> None:
    known = Guests(tmp_path / "guests.key")
    cookie = known.cookie(_from("10.0.0.7"))
    assert cookie is not None
    names = {known.guest(_from(peer, cookie)) for peer in ("10.0.0.7", "10.0.0.8", "::1")}
    assert len(names) == 1 and names.pop().startswith(BROWSER)
    assert known.cookie(_from("10.0.0.7", cookie)) is None, "it has one"
    again = Guests(tmp_path / "guests.key")
    assert again.guest(_from("10.0.0.7", cookie)) == known.guest(_from("10.0.0.7", cookie))
    other = known.cookie(_from("10.0.0.7"))
    assert other and known.guest(_from("10.0.0.7", other)) != known.guest(_from("10.0.0.7", cookie))


@pytest.mark.parametrize(
    "made_up", ["", ".", "anna", "anna.", "anna.0123456789abcdef012345", "ü.ü"]
)
def test_nobody_makes_up_a_browser(tmp_path: Path, made_up: str) -> None:
    known = Guests(tmp_path / "guests.key")
    assert known.guest(_from("10.0.0.7", made_up)) == f"{ADDRESS}10.0.0.7"
    real = known.cookie(_from("10.0.0.7"))
    assert real is not None
    word, _, signature = real.partition(".")
    for forged in (f"{word}x.{signature}", f"{word}.{signature[::-1]}", signature, word):
        assert known.guest(_from("10.0.0.7", forged)).startswith(ADDRESS)
    both = known.guest(_from("10.0.0.7", made_up, real))
    assert both == f"{BROWSER}{word}", "one that is ours among others"


def test_whoever_throws_his_cookies_away_is_one_guest_with_all_at_his_address(
    tmp_path: Path,
) -> None:
    known = Guests(tmp_path / "guests.key")
    assert {known.guest(_from("10.0.0.7")) for _ in range(9)} == {f"{ADDRESS}10.0.0.7"}
    assert known.guest(None) == "nobody"
    given = [known.cookie(_from("10.0.0.7")) for _ in range(NEW_AT_ONCE + 50)]
    assert sum(cookie is not None for cookie in given) <= NEW_AT_ONCE + 5
    assert None in given
    assert known.cookie(_from("10.0.0.8")) is not None, "another address is not slowed down"


@pytest.mark.parametrize(
    ("peer", "counts_as"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_client_with_many_addresses_is_one(peer: str | None, counts_as: str) -> None:
    assert network(peer) == counts_as


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files for one user otherwise")
def test_the_key_is_its_owner_s_alone() -> None:
    who.guests()
    key = places.runs() / "guests.key"
    assert key.stat().st_mode & 0o077 == 0 and len(key.read_bytes()) == 32
    assert not list(places.runs().glob("half-*"))


def test_a_guest_s_browser_is_given_a_cookie_with_its_page_where_guests_may_run(
    set_to: Set,
) -> None:
    assert "set-cookie" not in _client(FAR).get("/lab", headers=PAGE).headers, "guests watch"
    set_to(guests="run")
    client = _client(FAR)
    words = client.get("/lab", headers=PAGE).headers["set-cookie"]
    assert words.startswith(f"{COOKIE}=") and "HttpOnly" in words and "SameSite=Lax" in words
    assert "Path=/;" in words and "Secure" not in words
    connection = _from(FAR[0], client.cookies[COOKIE])
    assert who.guests().guest(connection).startswith(BROWSER)
    assert "set-cookie" not in client.get("/lab", headers=PAGE).headers, "it has one"
    assert "set-cookie" not in _client(FAR).get("/lab").headers, "no page is asked for"
    assert "set-cookie" not in _client(FAR).get("/api/runs/x/poll", headers=PAGE).headers
    assert "set-cookie" not in _client(LOCAL).get("/lab", headers=PAGE).headers, "the lecturer"


def test_a_guest_s_cookie_stays_below_a_base(set_to: Set) -> None:
    set_to(guests="run")
    words = _client(FAR, "user/ada").get("/user/ada/lab", headers=PAGE).headers["set-cookie"]
    assert "Path=/user/ada;" in words
