"""Which stored runs stay: deleted by hand, had back, and made room for new ones."""

from __future__ import annotations

from skipviz.core.knob import SpecError
from skipviz.core.protocol import ENDED
from skipviz.server.manager import Manager
from skipviz.store import kept
from skipviz.store.history import Entry, History


def delete(owner: Manager, run_id: str) -> None:
    """Deletes a run; for a day `kept.undelete` brings it back. SpecError where it is under way, in
    this server or another, or there is none."""
    if owner.store.status(run_id).get("state") not in ENDED:
        raise SpecError(f"run '{run_id}': is under way; stop it before you delete it")
    owner.forget(run_id)
    kept.delete(owner.store, run_id)


def make_room(owner: Manager, most_bytes: int) -> list[Entry]:
    """Deletes runs for good until all take at most so many bytes: the oldest that are over and not
    pinned; which they were."""
    history = History(owner.store)
    history.refresh()
    going = history.next_to_go(most_bytes)
    for entry in going:
        delete(owner, entry.id)
    if going:
        kept.purge(owner.store, all_of_them=True)
        history.refresh()
    return going
