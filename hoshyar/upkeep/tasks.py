"""What is done to the store from time to time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from records.settings import Settings
from records.times import DAY
from store import quarantine
from store.connection import Database


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
    return (
        Task("partitions ahead", 600, partitions_ahead),
        Task("quarantine", 3600, partial(old_quarantine, settings.quarantine_days)),
    )


def partitions_ahead(db: Database, now_at: int) -> bool:
    """Days to come have their place before their first reading: midnight costs no lock."""
    db.flavour.make_ahead(db, now_at // DAY)
    return False


def old_quarantine(days: int, db: Database, now_at: int) -> bool:
    """What nobody has mended in so long goes."""
    return quarantine.expire(db, now_at - days * DAY)
