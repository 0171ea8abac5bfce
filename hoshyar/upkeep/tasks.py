"""What is done to the store from time to time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ingest import verdicts
from records.settings import Settings
from records.times import DAY
from store import quarantine
from store.connection import Database
from store.retention import drop_before
from store.rollups import roll_up


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the table.

    every_s  from the end of one turn to the next
    run      one turn, in transactions of its own and about a second long, at `now_at`
             (microseconds). True when work is left: the next turn then comes at once, after those
             of the other tasks that are due
    """

    name: str
    every_s: float
    run: Callable[[Database, int], bool]


def table(settings: Settings) -> tuple[Task, ...]:
    """Every task, in the order in which they are done when several are due."""
    tasks = [
        Task("partitions ahead", 600, partitions_ahead),
        Task("final verdicts", 60, verdicts.settle),
        Task("roll-ups", 15, roll_up),
        Task("quarantine", 3600, partial(old_quarantine, settings.quarantine_days)),
    ]
    if settings.keep_days:
        tasks.append(Task("retention", 3600, partial(drop_old, settings.keep_days)))
    if settings.compact_after_days:
        tasks.append(Task("compaction", 600, partial(compact, settings.compact_after_days)))
    return tuple(tasks)


def partitions_ahead(db: Database, now_at: int) -> bool:
    """Days to come have their place before their first reading: midnight costs no lock."""
    db.flavour.make_ahead(db, now_at // DAY)
    return False


def old_quarantine(days: int, db: Database, now_at: int) -> bool:
    """What nobody has mended in so long goes."""
    return quarantine.expire(db, now_at - days * DAY)


def drop_old(keep_days: int, db: Database, now_at: int) -> bool:
    """Whole days before the last `keep_days` go (`store.retention`)."""
    # While it waits for roll-ups it is not called again at once: they need their turns.
    drop_before(db, now_at // DAY - keep_days)
    return False


def compact(after_days: int, db: Database, now_at: int) -> bool:
    """Whole days before the last `after_days` are made small."""
    return bool(db.flavour.compact_before(db, now_at // DAY - after_days))
