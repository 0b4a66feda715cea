"""Keeps every test off the user's own data, caches and mirrors, and the processes that share the
tests off each other's cores; servers and workers under test inherit it all."""

from __future__ import annotations

import os
import tempfile

import pytest

MOST_PROCESSES = 4
"""Each holds torch: some hundred megabytes."""

# Set before torch is loaded. Threads that wait for a core that another process has take many times
# as long as one thread, and the sums of a test do not depend on the machine. What trains sets its
# own number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if "PYTEST_XDIST_WORKER" not in os.environ:
    # One cache for all processes that share the tests: the kernel is compiled once.
    _FOLDER = tempfile.TemporaryDirectory(prefix="skipviz-tests-")
    os.environ["SKIPVIZ_CACHE"] = _FOLDER.name
    os.environ["SKIPVIZ_MIRROR"] = "http://127.0.0.1:9/"  # nothing answers there
    os.environ.pop("SKIPVIZ_DATA", None)
    os.environ["SKIPVIZ_CONFIG"] = os.path.join(_FOLDER.name, "skipviz.toml")
    open(os.environ["SKIPVIZ_CONFIG"], "w", encoding="utf-8").close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: as many processes as there are cores that these tests may use, and a few at
    most."""
    able = getattr(os, "sched_getaffinity", None)
    return min(MOST_PROCESSES, len(able(0)) if able else os.cpu_count() or 1)
