"""Incidents: their history, where each stands now, and what people did about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from records.levels import Level
from records.statements import Action, AlertChange
from records.times import from_datetime
from store import statements
from store.connection import Database
from store.text import microseconds, moment

# The life cycle's name of the change by which a person takes an incident on.
ACKNOWLEDGED = "acknowledged"
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident that is not over: its last change, and who has acknowledged it, if anybody."""

    opened_at: int
    last: AlertChange
    number: int
    acknowledged_by: str | None
    acknowledged_at: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """An incident that is over: its last change, and the highest level that it had."""

    opened_at: int
    last: AlertChange
    worst: Level


def append(db: Database, changes: Sequence[AlertChange]) -> None:
    """Add them to the history in this order, bring the incidents up to date, notify `alert`."""
    if not changes:
        return
    with db.transaction():
        for number, change in zip(statements.append(db, changes), changes, strict=True):
            _bring_up_to_date(db, number, change)
        db.run("NOTIFY alert")


def _bring_up_to_date(db: Database, number: int, change: AlertChange) -> None:
    taken_on = change.change == ACKNOWLEDGED
    db.run(
        # Who acknowledged orange has not acknowledged red: a higher level asks again.
        "INSERT INTO incident VALUES (%(alert)s, %(at)s, %(number)s, %(level)s, %(by)s, %(taken)s)"
        " ON CONFLICT (alert) DO UPDATE SET"
        " last_change = excluded.last_change, level = excluded.level,"
        " acknowledged_by = CASE WHEN %(by)s::text IS NOT NULL THEN %(by)s"
        "  WHEN excluded.level > incident.level THEN NULL ELSE incident.acknowledged_by END,"
        " acknowledged_at = CASE WHEN %(by)s::text IS NOT NULL THEN %(taken)s"
        "  WHEN excluded.level > incident.level THEN NULL ELSE incident.acknowledged_at END",
        {
            "alert": change.alert,
            "at": moment(change.at),
            "number": number,
            "level": int(change.level),
            "by": change.person if taken_on else None,
            "taken": moment(change.at) if taken_on else None,
        },
    )


def current(db: Database) -> list[Incident]:
    """Incidents that are not over, the first opened first."""
    rows = db.run(
        "SELECT last_change, opened_at, acknowledged_by, acknowledged_at FROM incident"
        " WHERE level <> %s ORDER BY opened_at, alert",
        (int(Level.GREEN),),
    )
    numbers = [row[0] for row in rows]
    last = dict(
        statements.select(db, AlertChange, "number = ANY(%s)", (numbers,), limit=len(numbers))
    )
    return [
        Incident(from_datetime(opened_at), last[number], number, by, microseconds(at))
        for number, opened_at, by, at in rows
    ]


def closed(db: Database, since_at: int, limit: int = 20) -> list[Closed]:
    """Incidents that ended after `since_at` (microseconds), the last ended first."""
    rows = db.run(
        "SELECT i.last_change, i.opened_at,"
        " (SELECT max(level) FROM alert_change a WHERE a.alert = i.alert)"
        " FROM incident i JOIN alert_change c ON c.number = i.last_change"
        " WHERE i.level = %s AND c.at > %s ORDER BY c.number DESC LIMIT %s",
        (int(Level.GREEN), moment(since_at), limit),
    )
    numbers = [row[0] for row in rows]
    last = dict(
        statements.select(db, AlertChange, "number = ANY(%s)", (numbers,), limit=len(numbers))
    )
    return [
        Closed(from_datetime(opened_at), last[number], Level(worst))
        for number, opened_at, worst in rows
    ]


def history(db: Database, alert: str) -> list[AlertChange]:
    """Every change of one incident, in order; [] where there is none of this id."""
    rows = statements.select(db, AlertChange, "alert = %s", (alert,), limit=_ALL)
    return [change for _, change in rows]


def all_changes(db: Database) -> list[AlertChange]:
    """Every change of every incident, in the order they were made."""
    return [change for _, change in statements.select(db, AlertChange, "true", (), limit=_ALL)]


def act(db: Database, action: Action) -> None:
    """Note what a person did, and notify `action`."""
    with db.transaction():
        statements.append(db, [action])
        db.run("NOTIFY action")


def actions_after(db: Database, number: int, limit: int = 10_000) -> list[tuple[int, Action]]:
    """At most `limit` actions numbered above `number`, with their numbers, in order."""
    return statements.select(db, Action, "number > %s", (number,), limit=limit)
