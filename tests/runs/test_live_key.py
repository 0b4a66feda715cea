"""Live charts are drawn whatever signs the id of their run has."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

PAGE = """
from skipviz.ui.run.live import live
live({run!r}, key={key!r})
"""


@pytest.mark.parametrize("run", ["_KQtR9pLm2vXw4ZcB7nYdE", "KQtR9pLm__Xw4ZcB7nYdEg"])
def test_a_run_whose_id_has_underscores_has_charts(run: str) -> None:
    page = AppTest.from_string(PAGE.format(run=run, key=f"player_lesion_{run}")).run()
    assert not page.exception and len(page.main.children) == 1
