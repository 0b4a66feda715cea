"""The learning rate of every step."""

from __future__ import annotations

import pytest

from skipviz.schedule import base, changed, merged, rate
from skipviz.spec import Experiment, Lane, SpecError

PLAIN = Experiment(lanes=[Lane(family="plain")], lr=0.1)


def test_a_change_holds_from_its_step_to_the_next_one() -> None:
    made = changed(changed(PLAIN, 120, 0.01), 300, 0.5)
    assert [base(made, step) for step in (0, 119, 120, 299, 300, 10**6)] == [
        0.1, 0.1, 0.01, 0.01, 0.5, 0.5,
    ]  # fmt: skip
    assert rate(made, 120) == 0.01


def test_a_change_at_the_same_step_replaces_and_one_before_another_is_put_in_order() -> None:
    made = changed(changed(changed(PLAIN, 9, 0.2), 9, 0.3), 4, 0.05)
    assert [change.text() for change in made.changes] == ["4:lr=0.05", "9:lr=0.3"]


def test_what_two_know_of_one_run_is_put_together() -> None:
    one, two = changed(PLAIN, 4, 0.2), changed(changed(PLAIN, 4, 0.3), 8, 0.4)
    assert [change.text() for change in merged(one, two).changes] == ["4:lr=0.2", "8:lr=0.4"]


def test_what_is_no_learning_rate_is_refused() -> None:
    with pytest.raises(SpecError, match="^lr -1: must be a number from 0 to 100"):
        changed(PLAIN, 3, -1)
