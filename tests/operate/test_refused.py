"""Every action of the table, on a real server: a guest is refused what the table refuses him, by
route, socket and forged widget, and the lecturer succeeds: the part of `bench hall`'s case that
does not take long."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hall.cases.refused import try_all


@pytest.mark.slow
def test_a_guest_is_refused_what_the_table_says_and_the_lecturer_is_not(tmp_path: Path) -> None:
    tries = try_all(tmp_path, ["lab"])
    assert tries.wrong == [] and tries.tried > 100
