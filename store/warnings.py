"""Warnings of the models, numbered in the order they were committed."""

from __future__ import annotations

from collections.abc import Sequence

from records.statements import HazardWarning
from records.times import to_datetime
from store import statements
from store.connection import Database

_AT_MOST = 10_000


def append(db: Database, warnings: Sequence[HazardWarning]) -> None:
    """Add them in this order, then notify `warning`."""
    if warnings:
        with db.transaction():
            statements.append(db, warnings)
            db.run("NOTIFY warning")


def standing(db: Database, station: str, at: int) -> list[HazardWarning]:
    """The last warning of each source that named the station, of those decided up to `at`."""
    moment = to_datetime(at)
    newest = (
        "number IN (SELECT max(number) FROM warning WHERE decided_at <= %s AND source IN"
        " (SELECT source FROM warning WHERE decided_at <= %s AND %s = ANY (stations))"
        " GROUP BY source)"
    )
    found = statements.select(db, HazardWarning, newest, (moment, moment, station), limit=_AT_MOST)
    return [warning for _, warning in found]


def after(db: Database, number: int, limit: int = 10_000) -> list[tuple[int, HazardWarning]]:
    """At most `limit` warnings numbered above `number`, with their numbers, in order."""
    return statements.select(db, HazardWarning, "number > %s", (number,), limit=limit)
