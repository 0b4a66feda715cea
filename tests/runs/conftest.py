"""What the tests of runs share: a stop waits for its worker, however busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skipviz.server import dispatcher


@pytest.fixture(autouse=True, scope="package")
def patient_stop() -> Iterator[None]:
    """A worker that a busy machine holds up is not killed for it, so that a stopped run always
    ends in its worker's own words. The test of the kill sets a limit of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "STOP_S", 60.0)
        yield
