"""The app, whose workers replay (`replaying_worker.py`): for `streamlit run`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parents[1]), *(each for each in sys.path if each != str(HERE))]

from skipviz.core import child_processes  # noqa: E402
from skipviz.ui import server  # noqa: E402

_command = child_processes.command


def _replaying(*words: str) -> list[str]:
    is_worker = words == ("-m", "skipviz.worker")
    return _command("-m", "benchmarks.runs.replaying_worker") if is_worker else _command(*words)


child_processes.command = _replaying

app = st.App(
    str(HERE.parents[1] / "app.py"), routes=server.ROUTES, lifespan=server.lifespan,
    middleware=server.MIDDLEWARE,
)  # fmt: skip
