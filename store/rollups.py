"""Sum, count, least and greatest of each minute, hour and day of a series, right under late rows.

A follower: the batches after its positions say which windows have changed, and those are computed
anew from what is stored, so late rows and revisions need no case of their own, and a turn that was
lost is done again. Positions and roll-ups are committed together.

Minutes are kept of series that measure more often: of others they would be as many as the
readings. An hour of such a series is joined from its minutes, and a day from its hours, so that a
turn reads some 60 rows a window and not the whole day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch
from records.times import DAY, HOUR, MINUTE, to_datetime
from store import follow, stages, summaries
from store.connection import Database
from store.packed import ROWS, SEGMENTS, rows
from store.summaries import bounds, combine, series_of, start_of, summarise, windows, within

NAME = "rollups"
# Any fixed number: one program rolls up at a time.
_TURN = 0x726F6C6C
_ROWS_A_TURN = 100_000
_STORED = f"""
SELECT {ROWS} FROM unnest(%(series)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    w (number, from_at, to_at)
CROSS JOIN LATERAL (SELECT * FROM reading WHERE series = w.number
    AND measured_at >= w.from_at AND measured_at < w.to_at
    AND measured_at BETWEEN %(first)s AND %(last)s OFFSET 0) r
HAVING count(*) > 0
UNION ALL SELECT {SEGMENTS} WHERE (series, day) IN
    (SELECT * FROM unnest(%(series)s::int[], %(days)s::int[]))
"""


def roll_up(db: Database, now_at: int) -> bool:
    """One turn; True when batches are left. What retention dropped stays as it was summed."""
    with db.transaction():
        if not db.run("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))[0][0]:
            return False
        reached = positions(db)
        batches = follow.batches_after(db, reached, limit_rows=_ROWS_A_TURN)
        if not batches:
            return False
        for batch in batches:
            reached[batch.worker] = max(batch.number, reached.get(batch.worker, 0))
        touched = [windows(b.readings.series, b.readings.measured_at, MINUTE) for b in batches]
        _refresh(db, np.unique(np.concatenate(touched)))
        numbers = {str(worker): number for worker, number in reached.items()}
        stages.save_progress(db, NAME, now_at, numbers, b"")
    return True


def have_summed(db: Database, day: int) -> bool:
    """True when no batch is left that has readings of days before `day` (since 1970)."""
    reached = positions(db)
    return not any(
        db.run(
            "SELECT 1 FROM batch WHERE worker = %s AND number > %s AND first_measured_at < %s"
            " LIMIT 1",
            (worker, reached.get(worker, 0), to_datetime(day * DAY)),
        )
        for worker in follow.positions(db)
    )


def positions(db: Database) -> dict[int, int]:
    """The last batch of each worker that is summed up."""
    progress = stages.progress(db, NAME)
    return {int(worker): n for worker, n in progress.positions.items()} if progress else {}


def _refresh(db: Database, minutes: NDArray[np.int64]) -> None:
    """Compute anew every window that holds one of these minutes."""
    dropped_before = int(db.run("SELECT dropped_before FROM care")[0][0]) * DAY
    minutes = minutes[start_of(minutes) >= dropped_before]
    if not len(minutes):
        return
    hours = _longer(minutes, HOUR)
    fast = np.isin(series_of(hours), _fast_series(db))
    kept = within(db, hours, HOUR, HOUR)
    # An hour that was summed without minutes needs all of them, should its series be fast now.
    lone = np.isin(hours, kept["window"][~kept["fine"]])
    whole, piecemeal = hours[~fast | lone], hours[fast & ~lone]
    changed = minutes[np.isin(_each(minutes, HOUR), piecemeal)]
    readings = _stored(db, whole, HOUR, changed)
    is_fast = np.isin(windows(readings.series, readings.measured_at, HOUR), hours[fast])
    summaries.write(db, summarise(readings.take(is_fast), MINUTE), MINUTE)
    joined = combine(within(db, hours[fast], HOUR, MINUTE), HOUR)
    joined["fine"] = True
    summaries.write(db, joined, HOUR)
    summaries.write(db, summarise(readings.take(~is_fast), HOUR), HOUR)
    _forget_minutes(db, hours[~fast])
    summaries.write(db, combine(within(db, _longer(hours, DAY), DAY, HOUR), DAY), DAY)


def _each(window: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return windows(series_of(window), start_of(window), step)


def _longer(window: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return np.unique(_each(window, step))


def _fast_series(db: Database) -> list[int]:
    return [row[0] for row in db.run("SELECT number FROM series WHERE interval_s < 60")]


def _stored(
    db: Database, hours: NDArray[np.int64], step: int, minutes: NDArray[np.int64]
) -> ReadingBatch:
    """The readings in these hours and minutes."""
    spans = [bounds(hours, step), bounds(minutes, MINUTE)]
    series, starts, ends = ([*one, *two] for one, two in zip(*spans, strict=True))
    days = np.concatenate([start_of(hours), start_of(minutes)]) // DAY
    readings, _ = rows(
        db.run_raw(
            _STORED,
            {
                "series": series,
                "starts": starts,
                "ends": ends,
                "days": days.tolist(),
                # Known to the planner: it leaves out most partitions at once.
                "first": min(starts),
                "last": max(ends),
            },
        )
    )
    # A packed day comes whole.
    inside = np.isin(windows(readings.series, readings.measured_at, HOUR), hours) | np.isin(
        windows(readings.series, readings.measured_at, MINUTE), minutes
    )
    return readings.take(inside)


def _forget_minutes(db: Database, hours: NDArray[np.int64]) -> None:
    """Of hours of a series that was fast once."""
    db.run(
        "DELETE FROM rollup r USING unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        " w (number, from_at, to_at) WHERE r.step_s = 60 AND r.series = w.number"
        " AND r.start_at >= w.from_at AND r.start_at < w.to_at",
        bounds(hours, HOUR),
    )


def drop_minutes_before(db: Database, day: int) -> None:
    """Minutes go with the readings that they show in less detail; hours and days stay."""
    db.run(
        "DELETE FROM rollup WHERE step_s = 60 AND start_at < %s",
        (to_datetime(day * DAY),),
    )
