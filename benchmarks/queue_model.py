"""The queue of a class, simulated: how long 300 students wait for their runs.

    python benchmarks/queue_model.py [--guests 300] [--workers 1,2,4,16] [--seed 7]

Each student asks for a run at a random moment of the first five minutes, and for the next one after
having looked at the last for a while; runs take as long as the Lab's do (log-normal around 12 s).
Two orders are compared: first come, first served, and round robin between guests. Printed for each
number of workers: how long a run waits (median, p95, longest, in s), what the luckiest and the
unluckiest tenth of the students got done, and how busy the workers were. Nothing is trained: this
answers what no machine here can be asked.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
import sys
from collections import deque
from dataclasses import dataclass, field

LESSON_S, ARRIVAL_S, LOOK_S = 45 * 60.0, 300.0, 90.0
RUN_S, SPREAD = 12.0, 0.7
EAGER = 0.1
"""This share of the students asks for three runs at a time."""


@dataclass
class Guest:
    """One student: runs that wait, since when, and how many were done."""

    at_a_time: int
    waiting: deque[float] = field(default_factory=deque)
    done: int = 0


@dataclass(frozen=True)
class Outcome:
    """Seconds that runs waited, runs done by each student, share of time that workers were busy."""

    waits: list[float]
    done: list[int]
    busy: float


def simulate(guests: int, workers: int, seed: int, *, is_fair: bool) -> Outcome:
    """One lesson. `is_fair`: the next run is of the guest who was served longest ago, else the one
    that waits longest."""
    chance = random.Random(seed)
    class_of = [Guest(3 if chance.random() < EAGER else 1) for _ in range(guests)]
    events = [(ARRIVAL_S * chance.random(), 0, number) for number in range(guests)]
    heapq.heapify(events)
    turns: deque[int] = deque()
    free, waits, busy_s = workers, list[float](), 0.0
    while events and events[0][0] < LESSON_S:
        now, is_end, number = heapq.heappop(events)
        guest = class_of[number]
        if is_end:
            free += 1
            guest.done += 1
            if guest.done % guest.at_a_time == 0:
                heapq.heappush(events, (now + chance.expovariate(1 / LOOK_S), 0, number))
        else:
            guest.waiting.extend([now] * guest.at_a_time)
            turns.extend([number] * (1 if is_fair else guest.at_a_time))
        while free and turns:
            of = turns.popleft()
            waits.append(now - class_of[of].waiting.popleft())
            if is_fair and class_of[of].waiting:
                turns.append(of)
            took_s = RUN_S * math.exp(chance.gauss(0, SPREAD))
            busy_s += min(took_s, LESSON_S - now)
            heapq.heappush(events, (now + took_s, 1, of))
            free -= 1
    return Outcome(waits, sorted(each.done for each in class_of), busy_s / workers / LESSON_S)


def line(workers: int, order: str, outcome: Outcome) -> str:
    """A row for people."""
    ranked, tenth = sorted(outcome.waits), max(1, len(outcome.done) // 10)
    p95 = ranked[int(0.95 * (len(ranked) - 1))]
    least, most = (statistics.mean(part) for part in (outcome.done[:tenth], outcome.done[-tenth:]))
    return (
        f"{workers:7} {order:11} {statistics.median(ranked):8.0f} {p95:8.0f} {ranked[-1]:8.0f}"
        f" {least:10.1f} {most:9.1f} {100 * outcome.busy:6.0f} %"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--guests", type=int, default=300)
    parser.add_argument("--workers", default="1,2,4,16,40", help="numbers, separated by commas")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    print("workers order         median      p95  longest   fewest      most    busy")
    for workers in map(int, args.workers.split(",")):
        for order in ("first come", "round robin"):
            is_fair = order == "round robin"
            outcome = simulate(args.guests, workers, args.seed, is_fair=is_fair)
            print(line(workers, order, outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
