"""Files in torchvision's formats: found, checked, read through its classes, kept and mapped."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skipviz import engine
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.data import mnist
from skipviz.datafiles import availability, cache, find, reading
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from tests.data import torchvision_files
from tests.data.torchvision_files import Made, tar

SETS = [key for key, of in registry.datasets().items() if of.files is not None]


@pytest.fixture(params=SETS)
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SKIPVIZ_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def made(key: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return torchvision_files.make(key, monkeypatch)


def same(one: object, two: object) -> bool:
    pairs = zip(one, two, strict=True)  # type: ignore[call-overload]
    return all(np.array_equal(a, b) for a, b in pairs)


def test_the_declared_names_are_those_of_torchvisions_class(key: str) -> None:
    declared = registry.datasets()[key]
    of = reading.torchvision_class(declared.files)
    assert set(reading.checksums(declared.files)) == set(declared.files.packed)
    for name in declared.files.packed:
        assert all(url.endswith(name) for url in reading.addresses(declared.files, name))
    if hasattr(of, "train_list"):
        names = [n for n, _ in of.train_list + of.test_list] + [of.meta["filename"]]
        assert {f"{of.base_folder}/{name}" for name in names} == set(declared.files.unpacked)


def test_packed_files_alone_are_enough_and_nothing_is_written_beside_them(
    made: Made, root: Path
) -> None:
    made.put(root)
    before = sorted(root.rglob("*"))
    for path in [*root.rglob("*"), root]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert same(made.declared.load(), made.arrays)
        assert sorted(root.rglob("*")) == before
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_unpacked_files_alone_are_enough(made: Made, root: Path) -> None:
    files = made.declared.files
    assert files is not None
    found = find.Found(made.put(root / "packed"), True)
    reading._stage(files, found, _folders(root, files.unpacked))
    assert not (root / files.folder / next(iter(files.packed))).exists()
    assert same(made.declared.load(), made.arrays)


def _folders(root: Path, unpacked: tuple[str, ...]) -> Path:
    for name in unpacked:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    return root


def test_a_set_that_is_nowhere_is_named_with_what_to_put_where(
    made: Made, root: Path, key: str
) -> None:
    sentence = availability.missing(key)
    assert f"python -m skipviz data get {key}" in sentence and "\n" not in sentence
    assert all(name in sentence for name in made.packed) and str(root) in sentence
    with pytest.raises(SpecError, match="put "):
        made.declared.load()


def test_a_packed_file_of_the_wrong_size_does_not_count(made: Made, root: Path, key: str) -> None:
    made.put(root)
    path = next(path for path in root.rglob("*.gz"))
    path.write_bytes(path.read_bytes()[:-1])
    assert availability.missing(key)


def test_a_packed_file_with_a_wrong_byte_is_refused_before_it_is_unpacked(
    made: Made, root: Path
) -> None:
    made.put(root)
    path = next(path for path in root.rglob("*.gz"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(SpecError, match="does not match its checksum; delete it and get it again"):
        made.declared.load()


def test_a_broken_copy_is_passed_over_for_a_whole_one(
    made: Made, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.put(root)
    path = next(path for path in root.rglob("*.gz"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    whole = made.put(root.parent / "whole")
    monkeypatch.setenv("SKIPVIZ_DATA", os.pathsep.join([str(root), str(whole)]))
    assert same(made.declared.load(), made.arrays)


class _Bomb:
    """Unpickling it makes a file: the trace of code that came with data."""

    def __reduce__(self) -> object:
        return (open, (_Bomb.trace, "w"))

    trace = ""


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_no_pickle_is_unpacked_whose_checksum_is_wrong(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torchvision_files.make(name, monkeypatch)
    files = made.declared.files
    assert files is not None
    _Bomb.trace = str(root.parent / "trace")
    evil = pickle.dumps(_Bomb())
    for path in files.unpacked:  # every file in turn, as an unpacked copy and in an archive
        found = find.Found(made.put(root.parent / "packed"), True)
        reading._stage(files, found, _folders(root, files.unpacked))
        (root / path).write_bytes(evil)
        with pytest.raises(SpecError, match="not what torchvision expects"):
            made.declared.load()
    archive = tar(Path(files.unpacked[0]).parent.name, {Path(p).name: evil for p in files.unpacked})
    for path in files.unpacked:
        (root / path).unlink()
    (root / next(iter(files.packed))).write_bytes(archive)
    with pytest.raises(SpecError):
        made.declared.load()
    assert not Path(_Bomb.trace).exists()


def test_an_archive_that_leads_out_of_its_folder_writes_nothing_outside(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torchvision_files.make("cifar10", monkeypatch)
    files = made.declared.files
    assert files is not None
    archive = tar("../..", {"escaped": b"x"}) + made.packed["cifar-10-python.tar.gz"]
    root.mkdir()
    (root / "evil.tar.gz").write_bytes(archive)
    stage = root.parent / "a" / "b" / "stage"
    _folders(stage, files.unpacked)
    with (root / "evil.tar.gz").open("rb") as stream:
        reading._unpack(files, "evil.tar.gz", stream, stage)
    assert not list(root.parent.rglob("escaped"))


def test_idx_files_that_are_cut_short_are_refused_in_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torchvision_files.make("mnist", monkeypatch)
    files = made.declared.files
    assert files is not None
    _folders(root, files.unpacked)
    for unpacked, data in zip(files.unpacked, made.packed.values(), strict=True):
        (root / unpacked).write_bytes(gzip.decompress(data)[:-50])
    with pytest.raises(SpecError, match="MNIST: its files are not what torchvision expects"):
        made.declared.load()


# --- The cache ---------------------------------------------------------------------------------


def test_arrays_are_mapped_from_the_cache_the_second_time(made: Made, root: Path, key: str) -> None:
    made.put(root)
    assert same(cache.arrays(key), made.arrays)
    for path in root.rglob("*.gz"):
        path.unlink()  # what was read once is kept
    again = cache.arrays(key)
    assert same(again, made.arrays) and all(isinstance(part, np.memmap) for part in again)
    assert availability.missing(key) == ""


def test_files_that_changed_are_read_again_and_the_old_arrays_go(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torchvision_files.make("mnist", monkeypatch)
    made.put(root)
    cache.arrays("mnist")
    before = cache.entry("mnist", made.declared)
    os.utime(next(root.rglob("train-images*.gz")), ns=(1, 1))
    assert cache.entry("mnist", made.declared) is None
    cache.arrays("mnist")
    after = cache.entry("mnist", made.declared)
    assert before is not None and after is not None and before != after and not before.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "other"])
def test_a_damaged_entry_is_made_again(
    damage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    right = [part.copy() for part in cache.arrays("spirals")]
    folder = cache.entry("spirals", registry.datasets()["spirals"])
    assert folder is not None
    path = folder / "train_images.npy"
    if damage == "gone":
        path.unlink()
    elif damage == "other":
        np.save(path, np.zeros((3, 2, 1, 1), dtype=np.uint8))
    else:
        path.write_bytes(path.read_bytes()[:200] if damage == "cut" else b"")
    assert same(cache.arrays("spirals"), right)


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(cache, "store", _refuse)
    assert same(cache.arrays("spirals"), registry.datasets()["spirals"].load())


def _refuse(*args: object, **more: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_processes_that_make_one_entry_at_the_same_time_agree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    code = "from skipviz.datafiles import cache; print(cache.arrays('spirals')[0].sum())"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)
    ]
    sums = {process.communicate()[0] for process in started}
    assert len(sums) == 1 and sums != {b""}
    assert len(list((tmp_path / "arrays").iterdir())) == 1


def test_the_kept_histogram_is_that_of_the_training_images() -> None:
    images = cache.arrays("shapes")[0]
    facts = cache.about("shapes")
    assert facts is not None
    by_hand = [np.bincount(images[:, c].ravel(), minlength=256).tolist() for c in range(3)]
    assert facts["histogram"] == by_hand
    assert facts["train_counts"] == [400] * 10 and facts["test_counts"] == [100] * 10


# --- What is not here --------------------------------------------------------------------------


def test_a_run_on_a_set_that_is_not_here_is_refused_in_one_sentence(root: Path) -> None:
    lanes = [Lane(family="resnet", knobs={"depth": 20})]
    experiment = Experiment(lanes=lanes, data="cifar10", device="cpu", steps=1)
    with pytest.raises(SpecError, match="data cifar10: not on this machine yet; get it on the"):
        Manager(Store(root), running=1).submit(experiment)
    with pytest.raises(SpecError, match="put cifar-10-python.tar.gz into"):
        next(engine.train(experiment))


@pytest.mark.skipif(not torchvision_files.real("mnist"), reason="MNIST is not beside the checkout")
def test_the_real_files_have_torchvisions_checksums_and_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKIPVIZ_DATA", str(torchvision_files.REAL))
    found = find.find(mnist.FILES)
    assert found is not None and found.packed
    right = reading.checksums(mnist.FILES)
    for path in find.paths(mnist.FILES, found):
        with path.open("rb") as stream:
            assert reading.digest(stream) == right[path.name]
