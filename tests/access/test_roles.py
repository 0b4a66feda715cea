"""Who is a lecturer and who a guest, and what each may do."""

from __future__ import annotations

import itertools
import random

import pytest

from skipviz.access.roles import (
    COOKIE,
    Action,
    Connection,
    Guests,
    Role,
    is_loopback,
    refusal,
    role_of,
)

GOOD = "a-good-cookie"
LOOPBACK_PEERS = ("127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1")
LOOPBACK_HOSTS = ("localhost", "LocalHost:8501", "127.0.0.1:8501", "127.1.2.3", "[::1]:8501")
FOREIGN_PEERS = ("192.168.1.7", "10.0.0.2", "::ffff:10.0.0.2", "fe80::1", "2001:db8::1", "", None,
                 "testclient", "127.0.0.1.nip.io")  # fmt: skip
FOREIGN_HOSTS = ("evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.nip.io",
                 "192.168.1.4:8501", "0.0.0.0:8501", "[::]:8501", "[2001:db8::1]", "",
                 "localhost@evil", "localhost/evil", "localhost:port", "127.0.0.1, evil.example",
                 "2130706433", "[::1", "localhost.")  # fmt: skip
FORWARDED = (("Forwarded", "for=127.0.0.1"), ("X-Forwarded-For", "127.0.0.1"),
             ("x-forwarded-host", "localhost"), ("X-FORWARDED-PROTO", "http"),
             ("X-Forwarded-Prefix", "/skipviz"), ("X-Real-IP", "127.0.0.1"), ("Via", "1.1 nginx"),
             ("CF-Connecting-IP", "127.0.0.1"), ("True-Client-IP", "127.0.0.1"),
             ("X-ProxyContextPath", "/skipviz"), ("X-Forwarded-For", ""))  # fmt: skip


def _role(peer: str | None, *headers: tuple[str, str], trust_local: bool = True) -> Role:
    connection = Connection(peer, headers)
    return role_of(connection, trust_local=trust_local, valid=lambda value: value == GOOD)


@pytest.mark.parametrize("peer", LOOPBACK_PEERS)
@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_whoever_is_at_this_machine_is_the_lecturer(peer: str, host: str) -> None:
    assert _role(peer, ("Host", host)) is Role.LECTURER
    assert _role(peer, ("Host", host), ("Origin", f"http://{host}")) is Role.LECTURER
    assert _role(peer, ("Host", host), trust_local=False) is Role.GUEST


@pytest.mark.parametrize("peer", FOREIGN_PEERS)
def test_a_foreign_peer_is_a_guest_whatever_it_says(peer: str | None) -> None:
    for host in LOOPBACK_HOSTS:
        assert _role(peer, ("host", host)) is Role.GUEST


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_a_guest_even_at_this_machine(host: str) -> None:
    assert _role("127.0.0.1", ("host", host)) is Role.GUEST  # DNS rebinding


def test_no_host_and_two_hosts_are_a_guest() -> None:
    assert _role("127.0.0.1") is Role.GUEST
    two = (("host", "localhost"), ("Host", "localhost"))
    assert _role("127.0.0.1", *two) is Role.GUEST
    assert role_of(None, trust_local=True, valid=lambda _: True) is Role.GUEST


@pytest.mark.parametrize("header", FORWARDED)
def test_what_was_forwarded_is_a_guest(header: tuple[str, str]) -> None:
    for peer, host in itertools.product(LOOPBACK_PEERS, LOOPBACK_HOSTS):
        assert _role(peer, ("Host", host), header) is Role.GUEST
        assert _role(peer, header, ("Host", host)) is Role.GUEST


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:3000", "null", "", "http://[", "http://127.0.0.1:8501"],
)  # fmt: skip
def test_a_page_of_another_origin_does_not_borrow_this_machine(origin: str) -> None:
    assert _role("127.0.0.1", ("Host", "localhost:8501"), ("Origin", origin)) is Role.GUEST


def test_a_valid_cookie_is_a_lecturer_from_anywhere() -> None:
    good, bad = ("Cookie", f"a=1; {COOKIE}={GOOD}; b=2"), ("Cookie", f"{COOKIE}=wrong")
    for peer, forwarded in itertools.product((*LOOPBACK_PEERS, *FOREIGN_PEERS), FORWARDED):
        assert _role(peer, ("Host", "evil.example"), forwarded, good) is Role.LECTURER
        assert _role(peer, ("Host", "evil.example"), forwarded, bad) is Role.GUEST
    assert _role("10.0.0.2", bad, good) is Role.LECTURER  # two headers, one of them good
    for odd in (
        f"{COOKIE}",
        f"{COOKIE}=",
        f"x{COOKIE}={GOOD}",
        f"{COOKIE}x={GOOD}",
        ";;=;",
        "\x00",
    ):
        assert _role("10.0.0.2", ("Cookie", odd)) is Role.GUEST


def test_anything_odd_among_headers_makes_nobody_a_lecturer_who_was_none() -> None:
    chance = random.Random(5)
    letters = "localhst127.01:[]@/,; \t\\%evil"
    for _ in range(3000):
        host = "".join(chance.choices(letters, k=chance.randrange(1, 16)))
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.rstrip(":")
        expected = is_loopback(name.strip("[]"))
        if _role("127.0.0.1", ("Host", host)) is Role.LECTURER:
            assert expected, host
        assert _role("10.0.0.2", ("Host", host)) is Role.GUEST


def test_the_setting_for_guests_is_a_ladder() -> None:
    of = {
        guests: {action for action in Action if action.permitted(Role.GUEST, guests)}
        for guests in Guests
    }
    assert of[Guests.NOTHING] < of[Guests.WATCH] < of[Guests.RUN] < set(Action)
    assert of[Guests.NOTHING] == {
        Action.VOTE,
        Action.LOG_IN,
        Action.LOAD,
        Action.CHECK_HEALTH,
    }
    assert of[Guests.WATCH] - of[Guests.NOTHING] == {Action.WATCH}
    assert not of[Guests.RUN] & {Action.LECTURE, Action.CONTROL_ANY, Action.SWEEP, Action.GET_DATA,
                                 Action.ADD_DATA, Action.REMOVE_DATA, Action.MAKE_SITE,
                                 Action.READ_METRICS}  # fmt: skip
    for action in Action:
        assert all(action.permitted(Role.LECTURER, guests) for guests in Guests)


def test_every_action_has_its_own_words_and_the_refusal_says_them() -> None:
    assert len({action.words for action in Action}) == len(Action)
    for action in Action:
        assert action.words in str(refusal(action)) and "skipviz key" in str(refusal(action))
