"""The learning rate of every step."""

from __future__ import annotations

from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.schedule import base, longer, merged, rate, uses_up, with_lr_change

PLAIN = Experiment(lanes=[Lane(family="plain")], lr=0.1)


def test_a_change_holds_from_its_step_to_the_next_one() -> None:
    made = with_lr_change(with_lr_change(PLAIN, 120, 0.01), 300, 0.5)
    assert [base(made, step) for step in (0, 119, 120, 299, 300, 10**6)] == [
        0.1, 0.1, 0.01, 0.01, 0.5, 0.5,
    ]  # fmt: skip
    assert rate(made, 120) == 0.01


def test_a_change_at_the_same_step_replaces_and_one_before_another_is_put_in_order() -> None:
    made = with_lr_change(with_lr_change(with_lr_change(PLAIN, 9, 0.2), 9, 0.3), 4, 0.05)
    assert [change.text() for change in made.changes] == ["4:lr=0.05", "9:lr=0.3"]


def test_what_two_know_of_one_run_is_put_together() -> None:
    one, two = with_lr_change(PLAIN, 4, 0.2), with_lr_change(with_lr_change(PLAIN, 4, 0.3), 8, 0.4)
    assert [change.text() for change in merged(one, two).changes] == ["4:lr=0.2", "8:lr=0.4"]


def test_what_is_no_learning_rate_is_refused() -> None:
    with pytest.raises(SpecError, match="^lr -1: must be a number from 0 to 100"):
        with_lr_change(PLAIN, 3, -1)


def rates(**fields: Any) -> list[float]:
    made = PLAIN.with_(**fields)
    return [rate(made, step) for step in range(made.steps)]


def test_a_constant_rate_is_the_base_rate() -> None:
    assert rates(steps=5) == [0.1] * 5


def test_steps_divide_by_ten_at_half_and_at_three_quarters_as_at_32k_and_48k_of_64k() -> None:
    of = PLAIN.with_(schedule="step", steps=64_000, lr=1.0)
    drops = [k for k in range(1, 64_000) if rate(of, k) != rate(of, k - 1)]
    assert drops == [32_000, 48_000]
    found = [rate(of, k) for k in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_a_budget_of_one_step_is_not_divided_at_its_start() -> None:
    assert rates(schedule="step", steps=1) == [0.1]


def test_the_cosine_equals_that_of_torch_and_ends_at_nothing() -> None:
    torch = pytest.importorskip("torch")
    update = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(update, T_max=40)
    expected = []
    for _ in range(40):
        expected.append(update.param_groups[0]["lr"])
        update.step()
        theirs.step()
    assert rates(schedule="cosine", steps=40) == pytest.approx(expected)
    assert rate(PLAIN.with_(schedule="cosine", steps=40), 40) == pytest.approx(0)


def test_the_warm_up_is_linear_and_reaches_the_rate_at_its_last_step() -> None:
    assert rates(warmup=4, steps=6) == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_a_schedule_goes_on_from_a_rate_set_by_hand() -> None:
    made = with_lr_change(PLAIN.with_(schedule="step", steps=8), 5, 0.5)
    assert [rate(made, step) for step in (3, 4, 5, 6)] == pytest.approx([0.1, 0.01, 0.05, 0.005])


def test_steps_that_are_added_are_a_budget_of_their_own_over_which_a_schedule_begins_anew() -> None:
    made = longer(PLAIN.with_(schedule="cosine", steps=40, warmup=4), 40, 20)
    assert (made.steps, [each.text() for each in made.budgets]) == (60, ["40"])
    alone = PLAIN.with_(schedule="cosine")
    assert [rate(made, k) for k in range(40, 60)] == [
        rate(alone.with_(steps=20), k) for k in range(20)
    ]
    before = PLAIN.with_(schedule="cosine", steps=40, warmup=4)
    assert [rate(made, k) for k in range(40)] == [rate(before, k) for k in range(40)]


def test_a_budget_that_was_broken_off_keeps_the_schedule_that_its_steps_were_made_with() -> None:
    once = longer(PLAIN.with_(schedule="step", steps=8, seconds=9.0), 5, 4)
    assert (once.steps, once.seconds, once.budgets[0].text()) == (9, 0.0, "5/8")
    factors = [round(rate(once, k) / 0.1, 6) for k in range(9)]
    assert factors == [1, 1, 1, 1, 0.1, 1, 1, 0.1, 0.01]
    twice = longer(once, 7, 10)
    assert [each.text() for each in twice.budgets] == ["5/8", "7/9"]
    assert [each.text() for each in longer(once, 5, 1).budgets] == ["5/8"]
    assert longer(once, 0, 30) == once.with_(steps=30, budgets=())


def test_the_last_step_of_each_budget_that_was_used_up_is_known() -> None:
    made = longer(longer(PLAIN.with_(steps=10), 10, 10), 15, 5)
    assert [k for k in range(20) if uses_up(made, k)] == [9, 19]


def test_more_steps_than_a_run_may_have_are_refused() -> None:
    with pytest.raises(SpecError, match="^steps 1000001: must be a whole number from 1 to 1000000"):
        longer(PLAIN.with_(steps=1_000_000), 1_000_000, 1)
