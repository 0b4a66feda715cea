"""A run leaves through the server: each format by its address, a sentence where it cannot."""

from __future__ import annotations

import io
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from skipviz.exchange.export_route import Exports
from skipviz.exchange.run_import import import_run
from skipviz.store.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
RUN = f"-{'fingerprint':_<21}"
"""An id of older days, which begins with a dash."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(RUNS / "fingerprint", root / RUN)
    return Store(root)


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=Exports(lambda: store, "base").routes())) as client:
        yield client


def test_a_zip_through_the_server_is_the_run(
    client: TestClient, store: Store, tmp_path: Path
) -> None:
    answer = client.get(f"/base/api/runs/{RUN}/export/zip")
    assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"]
    (tmp_path / "run.zip").write_bytes(answer.content)
    taken = Store(tmp_path / "runs")
    run_id = import_run(tmp_path / "run.zip", taken)
    assert taken.experiment(run_id) == store.experiment(RUN)


def test_several_files_come_as_one_archive(client: TestClient) -> None:
    answer = client.get(f"/base/api/runs/{RUN}/export/script")
    names = sorted(Path(n).suffix for n in zipfile.ZipFile(io.BytesIO(answer.content)).namelist())
    assert answer.status_code == 200 and names == [".npz", ".py"]


def test_what_cannot_be_is_a_sentence(client: TestClient, store: Store) -> None:
    before = set(Path(store.root).iterdir())
    for path, sentence in (
        (f"{RUN}/export/xlsx", "Format xlsx: must be one of report, csv"),
        ("nowhere/export/csv", "There is no such run"),
        (f"{'_' * 22}/export/csv", "there is no such run on this machine"),
        (f"{RUN}/export/svg?lane=9", "Lane 9: this run has"),
        (f"{RUN}/export/svg?lane=x", "invalid int value"),
    ):
        answer = client.get(f"/base/api/runs/{path}")
        assert answer.status_code == 404 and sentence in answer.text, answer.text
    assert set(Path(store.root).iterdir()) == before


def test_nothing_stays_behind_where_writing_breaks_off(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shutil, "make_archive", full)
    with pytest.raises(OSError, match="No space left"):
        client.get(f"/base/api/runs/{RUN}/export/script")
    assert not list(tmp_path.iterdir())
