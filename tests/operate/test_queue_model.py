"""The simulated queue: nobody is lost, the same seed is the same lesson, turns are fair."""

from __future__ import annotations

from benchmarks.queue_model import LESSON_S, simulate


def test_the_same_seed_is_the_same_lesson_and_another_one_is_not() -> None:
    assert simulate(40, 2, 5, is_fair=True) == simulate(40, 2, 5, is_fair=True)
    assert simulate(40, 2, 5, is_fair=True) != simulate(40, 2, 6, is_fair=True)


def test_who_has_a_worker_of_his_own_never_waits() -> None:
    outcome = simulate(20, 60, 1, is_fair=False)
    assert max(outcome.waits) == 0 and min(outcome.done) > 0
    assert len(outcome.waits) >= sum(outcome.done) >= len(outcome.waits) - 60


def test_turns_by_guest_give_those_who_ask_for_one_run_more_than_first_come_does() -> None:
    fair, first = (simulate(300, 4, 7, is_fair=is_fair) for is_fair in (True, False))
    assert sum(fair.done[:30]) > sum(first.done[:30])
    assert sum(fair.done[-30:]) < sum(first.done[-30:])
    assert all(0 <= wait < LESSON_S for wait in fair.waits) and 0.9 < fair.busy < 1.001
