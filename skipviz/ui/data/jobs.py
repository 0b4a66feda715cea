"""What the Data page has done: whoever asks for it is asked whether he may."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skipviz.access.roles import Action
from skipviz.core import user_datasets
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
    """As `background_jobs.start`; SpecError where the visitor may not."""
    access.require(ACTIONS[words[0]])
    return background_jobs.start(*words, options=options, clear=clear)


def stop(job: BackgroundJob) -> None:
    """Ends a job; SpecError where the visitor may not."""
    access.require(ACTIONS[job.words[0]])
    job.stop()


def remove(key: str) -> None:
    """Deletes a data set that was added; SpecError where the visitor may not."""
    access.require(Action.REMOVE_DATA)
    user_datasets.remove(key)
