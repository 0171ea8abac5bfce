"""The scenario's clock: set by a replay, followed by every stage; null while time is real."""

from __future__ import annotations

from records.times import from_datetime
from store.connection import Database
from store.text import moment


def set_scenario(db: Database, now_at: int) -> None:
    """It is now `now_at` (microseconds) in the scenario. Notifies `clock`."""
    with db.transaction():
        db.run("UPDATE clock SET scenario_at = %s", (moment(now_at),))
        db.run("NOTIFY clock")


def scenario(db: Database) -> int | None:
    """The scenario's time in microseconds, None in real time or before the replay set it."""
    at = db.run("SELECT scenario_at FROM clock")[0][0]
    return None if at is None else from_datetime(at)
