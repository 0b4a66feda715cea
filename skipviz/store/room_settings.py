"""Which steps of a question a lecture's room takes: each can be left out."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_TALK_S, MOST_TALK_S = 10, 900


@dataclass(frozen=True)
class Settings:
    """Which steps of a question the room takes.

    talk     after the vote: talk to one's neighbour for `talk_s` seconds, and a second vote
    seen     after the run, before the numbers: what did you see?
    sketch   scenes that can ask for a curve ask for it, in place of a choice
    """

    talk: bool = True
    talk_s: int = 120
    seen: bool = True
    sketch: bool = True
