"""What the tests of runs share: a stop waits for its worker, however busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skipviz.server import dispatcher
from skipviz.server.manager import Manager
from skipviz.store.store import Store


@pytest.fixture(autouse=True, scope="package")
def patient_stop() -> Iterator[None]:
    """A worker that a busy machine holds up is not killed for it, so that a stopped run always
    ends in its worker's own words. The test of the kill sets a limit of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "STOP_S", 60.0)
        yield


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager with one worker that is ready, for all tests of a file."""
    from tests.runs.test_manager import until

    started = Manager(Store(tmp_path_factory.mktemp("runs")), running=1)
    started.start()
    until(lambda: started.dispatcher.ready)
    yield started
    started.close()
