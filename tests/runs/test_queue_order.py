"""Whose turn it is: whatever happens in a line, the lecturer is first and no guest waits for long.

Lines are made at random, from seeds; a guest's share is one turn for each turn of every other.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from skipviz.core.guest import LECTURER
from skipviz.server import queue_order
from skipviz.server.queue_order import Line
from skipviz.server.wait_times import starts, words

GUESTS = ["anna", "ben", "cem", "dora", "eli"]
SEEDS = range(30)


class Story:
    """A line to which things happen, and what is known of them.

    ahead   of each guest that waits: how many turns of others he has seen since he joined or had
            one, and how many guests waited then
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.line = Line()
        self.waiting: dict[str, str] = {}
        self.so_far = 0
        self.seen: dict[str, int] = {}
        self.bound: dict[str, int] = {}

    def happens(self, *, newcomers: bool = True) -> None:
        what = self.chance.choice(["join", "join", "serve", "serve", "leave"])
        if what == "join" and newcomers:
            self.join(self.chance.choice([LECTURER, *GUESTS, f"guest {self.so_far}"]))
        elif what == "serve":
            self.serve()
        elif what == "leave" and self.waiting:
            name = self.chance.choice(sorted(self.waiting))
            self.line = queue_order.leave(self.line, name)
            self._gone(name)

    def join(self, guest: str) -> None:
        name = f"run {self.so_far}"
        self.so_far += 1
        if guest not in self.waiting.values():
            self._begins_to_wait(guest)
        self.line = queue_order.join(self.line, name, guest)
        self.waiting[name] = guest

    def serve(self) -> str | None:
        names = queue_order.order(self.line)
        if not names:
            return None
        self.line = queue_order.served(self.line, names[0])
        guest = self.waiting[names[0]]
        self._gone(names[0])
        if guest != LECTURER:
            for other in self.seen:
                self.seen[other] += other != guest
        if guest in self.waiting.values():
            self._begins_to_wait(guest)
        return guest

    def _begins_to_wait(self, guest: str) -> None:
        self.seen[guest] = 0
        self.bound[guest] = len(set(self.waiting.values()) - {LECTURER, guest})

    def _gone(self, name: str) -> None:
        guest = self.waiting.pop(name)
        if guest not in self.waiting.values():
            self.seen.pop(guest, None)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_lost_and_nobody_is_there_twice(seed: int) -> None:
    story = Story(seed)
    for _ in range(300):
        story.happens()
        names = queue_order.order(story.line)
        assert sorted(names) == sorted(story.waiting) and len(story.line) == len(names)
        assert all(story.line.whose(name) == guest for name, guest in story.waiting.items())
        assert len(set(story.line.ring)) == len(story.line.ring)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lecturer_is_first_and_everybody_s_own_runs_keep_their_order(seed: int) -> None:
    story = Story(seed)
    for _ in range(300):
        story.happens()
        names = queue_order.order(story.line)
        guests = [story.waiting[name] for name in names]
        lecturers = guests.count(LECTURER)
        assert all(guest == LECTURER for guest in guests[:lecturers])
        for guest in set(guests):
            own = [int(name.split()[1]) for name in names if story.waiting[name] == guest]
            assert own == sorted(own)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_guest_waits_for_one_turn_of_each_who_was_there_before_him_and_no_newcomer_s(
    seed: int,
) -> None:
    story = Story(seed)
    for _ in range(600):
        story.happens()
        for guest, turns_of_others in story.seen.items():
            if guest != LECTURER:
                assert turns_of_others <= story.bound[guest], guest


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_that_is_shown_is_the_order_that_comes_to_pass(seed: int) -> None:
    story = Story(seed)
    for _ in range(100):
        story.happens()
    promised = [story.waiting[name] for name in queue_order.order(story.line)]
    came = [story.serve() for _ in promised]
    assert came == promised


def test_turns_go_round_between_guests_and_not_between_their_runs() -> None:
    line = Line()
    for name, guest in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c")):
        line = queue_order.join(line, name, guest)
    assert queue_order.order(line) == ["a1", "b1", "c1", "a2", "a3"]
    line = queue_order.join(queue_order.served(line, "a1"), "l1", LECTURER)
    assert queue_order.order(line) == ["l1", "b1", "c1", "a2", "a3"]
    line = queue_order.join(line, "d1", "d")
    assert queue_order.order(line) == ["l1", "b1", "c1", "a2", "d1", "a3"]


def test_what_gave_way_comes_before_all_other_guests_and_after_the_lecturer() -> None:
    line = Line()
    for name, guest in (("b1", "b"), ("l1", LECTURER), ("a2", "a")):
        line = queue_order.join(line, name, guest)
    line = queue_order.give_back(line, "a1", "a")
    assert queue_order.order(line) == ["l1", "a1", "b1", "a2"]


def test_shares_of_guests_who_want_much_and_little_are_as_even_as_can_be() -> None:
    story = Story(0)
    for guest, count in (("greedy", 50), ("anna", 3), ("ben", 3)):
        for _ in range(count):
            story.join(guest)
    assert Counter(story.serve() for _ in range(9)) == {"greedy": 3, "anna": 3, "ben": 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_waits_are_those_of_so_many_slots_and_no_work_is_done_twice(seed: int) -> None:
    chance = random.Random(seed)
    slots = chance.randint(1, 4)
    training = [chance.uniform(0, 50) for _ in range(chance.randint(0, slots))]
    waiting = [chance.uniform(0.1, 50) for _ in range(chance.randint(0, 30))]
    begins = starts(training, waiting, slots)
    assert begins == sorted(begins) and len(begins) == len(waiting)
    for number, begin in enumerate(begins):
        busy = sum(end > begin for end in training)
        busy += sum(
            b <= begin < b + took for b, took in zip(begins[:number], waiting, strict=False)
        )
        assert busy < slots, "it begins when a slot is free"
        work = sum(training) + sum(waiting[:number])
        assert begin <= work / slots + max([*training, *waiting], default=0)


def test_a_wait_is_said_as_coarsely_as_it_is_known() -> None:
    said = [words(seconds) for seconds in (0, 9, 14, 52, 61, 100, 400, 900, 7300)]
    assert said == [
        "a few seconds", "a few seconds", "about 10 s", "about 50 s", "about 1 min",
        "about 2 min", "about 7 min", "about 15 min", "about 2 h",
    ]  # fmt: skip
