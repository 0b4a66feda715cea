"""One page is drawn at a time: whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skipviz.access import who
from skipviz.access.roles import Role
from skipviz.operate.turns import PAGES, Turns

NEVER_S = 60.0
APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as made:
        yield made


def until(turns: Turns, waiting: int) -> None:
    """Returns when so many wait."""
    for _ in range(60_000):
        if turns.waiting == waiting:
            return
        threading.Event().wait(0.001)
    raise AssertionError(f"{turns.waiting} wait for their turn, not {waiting}")


def test_turns_come_one_by_one_in_the_order_of_asking_the_preferred_first(
    pool: ThreadPoolExecutor,
) -> None:
    turns, order, inside = Turns(NEVER_S), [], []

    def take(name: str, preferred: bool) -> None:
        with turns.taken(preferred):
            inside.append(name)
            order.append((name, len(inside)))
            inside.remove(name)

    with turns.taken():
        asked = ["a", "b", "LECTURER", "c", "LECTURER 2"]
        done = []
        for count, name in enumerate(asked, 1):
            done.append(pool.submit(take, name, name.isupper() or " " in name))
            until(turns, count)
        assert not order
    for each in done:
        each.result()
    assert order == [(name, 1) for name in ("LECTURER", "LECTURER 2", "a", "b", "c")]


def test_who_takes_long_goes_on_beside_the_next(pool: ThreadPoolExecutor) -> None:
    turns, over, inside = Turns(0.01), threading.Event(), threading.Barrier(4)

    def take_long() -> None:
        with turns.taken():
            if not over.is_set():
                inside.wait(60)
            assert over.wait(60)

    long = [pool.submit(take_long) for _ in range(3)]
    inside.wait(60)  # all three have theirs, one after the other
    with turns.taken():
        turns._lease_s = NEVER_S
        over.set()
        for each in long:
            each.result()
        late = pool.submit(take_long)
        until(turns, 1)  # who comes back late has given nobody else's turn away
    late.result()


def test_a_page_that_breaks_off_gives_its_turn_back(pool: ThreadPoolExecutor) -> None:
    turns = Turns(60)
    with pytest.raises(ValueError, match="broke"), turns.taken():
        raise ValueError("broke")
    pool.submit(turns.taken().__enter__).result(30)


@pytest.mark.parametrize("role", [Role.LECTURER, Role.GUEST])
def test_a_page_waits_for_its_turn_and_the_lecturers_comes_first(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    monkeypatch.setattr(who, "role", lambda _: role)
    monkeypatch.setattr(PAGES, "_lease_s", NEVER_S)
    with PAGES.taken():
        page = pool.submit(AppTest.from_file(APP, default_timeout=300).run)
        until(PAGES, 1)
        is_preferred = len(PAGES._preferred) == 1
    assert not page.result().exception
    assert is_preferred == (role is Role.LECTURER)
