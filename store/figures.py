"""The handful of numbers that `hoshyar status` and the wall show, from running totals."""

from __future__ import annotations

from dataclasses import dataclass

from records.levels import Level
from records.times import SECOND, from_datetime
from store.connection import Database
from store.text import moment

_RATE_S = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """readings_per_s over the last ten seconds; last_reading_age_s is None before the first.

    alerts_open counts incidents that are not over.
    """

    readings_stored: int
    readings_per_s: float
    last_reading_age_s: float | None
    quarantined: int
    alerts_open: int


def figures(db: Database, now_at: int) -> Figures:
    """As of `now_at` (microseconds). Its cost does not grow with what is stored."""
    stored, quarantined = db.run(
        "SELECT coalesce(sum(stored), 0)::int8, coalesce(sum(quarantined), 0)::int8 FROM worker"
    )[0]
    recent = db.run(
        "SELECT coalesce(sum(stored), 0)::int8 FROM batch"
        " WHERE received_at > %s AND received_at <= %s",
        (moment(now_at - _RATE_S * SECOND), moment(now_at)),
    )[0][0]
    opened = db.run("SELECT count(*) FROM incident WHERE level <> %s", (int(Level.GREEN),))[0][0]
    age_s = last_reading_age_s(db, now_at)
    return Figures(stored, recent / _RATE_S, age_s, quarantined, opened)


def last_reading_age_s(db: Database, now_at: int) -> float | None:
    """Seconds since the last arrival, at `now_at` (microseconds); None before the first."""
    last = db.run("SELECT max(received_at) FROM worker")[0][0]
    return None if last is None else max(0.0, (now_at - from_datetime(last)) / SECOND)
