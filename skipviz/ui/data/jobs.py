"""What the Data page has done: whoever asks for it is asked whether he may."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skipviz.access import settings
from skipviz.access.roles import Action
from skipviz.core import user_datasets
from skipviz.core.knob import SpecError
from skipviz.datafiles import background_jobs
from skipviz.datafiles.background_jobs import BackgroundJob
from skipviz.ui import access

ACTIONS = {"get": Action.GET_DATA, "prepare": Action.READ_DATA, "add": Action.ADD_DATA}
"""What a job's first word is for."""


def find(*words: str) -> BackgroundJob | None:
    """The job of these words, under way or ended."""
    return background_jobs.find(*words)


def may(word: str) -> bool:
    """Whether this page's visitor may have such a job done, or stop it."""
    return access.may(ACTIONS[word])


def start(
    *words: str, options: Sequence[str] = (), clear: Path | None = None
) -> BackgroundJob | None:
    """As `background_jobs.start`; SpecError where the visitor may not, and where so many pictures
    are kept that no more may be."""
    access.require(ACTIONS[words[0]])
    if words[0] == "add":
        _check_room(Path(words[1]).stat().st_size)
    return background_jobs.start(*words, options=options, clear=clear)


def _check_room(upload_bytes: int) -> None:
    limits = settings.current().limits
    sets = user_datasets.datasets().values()
    count = sum(each.train_size + each.test_size for each in sets)
    if count >= limits.pictures:
        raise SpecError(
            f"pictures: {count} of one's own are kept already, and {limits.pictures} may be here;"
            " delete a set first"
        )
    files = (path for path in user_datasets.home().rglob("*") if path.is_file())
    kept_mb = (sum(path.stat().st_size for path in files) + upload_bytes) / 2**20
    if kept_mb > limits.pictures_mb:
        raise SpecError(
            f"pictures: with these, {kept_mb:.0f} MB of one's own would be kept, and"
            f" {limits.pictures_mb:g} MB may be here; delete a set first, or upload fewer"
        )


def stop(job: BackgroundJob) -> None:
    """Ends a job; SpecError where the visitor may not."""
    access.require(ACTIONS[job.words[0]])
    job.stop()


def remove(key: str) -> None:
    """Deletes a data set that was added; SpecError where the visitor may not."""
    access.require(Action.REMOVE_DATA)
    user_datasets.remove(key)
