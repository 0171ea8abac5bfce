"""Readings as they were stored at an earlier moment.

A moment means the batches that were committed by then: what a reader could have seen. Arrival is
no measure of that, since a message may have waited for the database. On each worker's line the
state is all batches up to the last one with `committed_at` at or before the moment, so it is one
that the store really had, even where a clock was set back in between.

A row holds from its batch up to the batch that replaced it: from `reading` if it still stands,
else from `revision`. What retention has dropped since is gone from earlier moments too. A commit
that is under way while this asks may still count to a moment of the last seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch, concatenate
from records.times import to_datetime
from store import queries
from store.binary import ARRAYS, ORIGIN, unpack
from store.connection import Database

_POSITIONS = """
SELECT w.number, b.number FROM worker w CROSS JOIN LATERAL (
    SELECT number FROM batch WHERE worker = w.number AND committed_at <= %s
    ORDER BY number DESC LIMIT 1) b
"""
_REPLACED_SINCE = f"""
SELECT {ARRAYS} FROM (
    SELECT r.* FROM revision r
    JOIN unnest(%(workers)s::int[], %(numbers)s::int8[]) made (worker, through)
        ON made.worker = r.worker AND r.batch <= made.through
    LEFT JOIN unnest(%(workers)s::int[], %(numbers)s::int8[]) ended (worker, through)
        ON ended.worker = r.until_worker
    WHERE r.series = ANY(%(series)s)
      AND r.measured_at >= %(from)s AND r.measured_at < %(to)s
      AND r.until_batch > coalesce(ended.through, 0)) held
GROUP BY series
"""


def positions_at(db: Database, as_of: int) -> dict[int, int]:
    """The last batch of each worker at a moment (microseconds); none: left out."""
    return dict(db.run(_POSITIONS, (to_datetime(as_of),)))


def between(
    db: Database, series: Sequence[int], from_at: int, to_at: int, as_of: int
) -> ReadingBatch:
    """As `queries.between`, at a moment `as_of` (microseconds since 1970)."""
    return with_origin(db, series, from_at, to_at, positions_at(db, as_of))[0]


def with_origin(
    db: Database, series: Sequence[int], from_at: int, to_at: int, positions: Mapping[int, int]
) -> tuple[ReadingBatch, NDArray[Any]]:
    """As `queries.with_origin`, once each worker had stored its batches up to `positions`."""
    with db.transaction():
        # A revision between the two questions would be in neither answer.
        db.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        standing, origin = queries.with_origin(db, series, from_at, to_at)
        values = {
            "workers": list(positions),
            "numbers": list(positions.values()),
            "series": list(series),
            "from": to_datetime(from_at),
            "to": to_datetime(to_at),
        }
        replaced, earlier = unpack(db.run_raw(_REPLACED_SINCE, values))
    there = origin["batch"] <= through(positions, origin["worker"])
    return _one_a_key(
        concatenate([standing.take(there), replaced]),
        np.concatenate([origin[there], earlier]).astype(ORIGIN),
    )


def through(positions: Mapping[int, int], worker: NDArray[np.int16]) -> NDArray[np.int64]:
    """The position of each row's worker, 0 where it has none."""
    workers, place = np.unique(worker, return_inverse=True)
    return np.array([positions.get(int(one), 0) for one in workers], np.int64)[place]


def _one_a_key(readings: ReadingBatch, origin: NDArray[Any]) -> tuple[ReadingBatch, NDArray[Any]]:
    """By (series, measured_at); of two rows of a key (workers whose clocks differ) the first."""
    order = np.lexsort((readings.measured_at, readings.series))
    readings, origin = readings.take(order), origin[order]
    first = np.ones(len(readings), np.bool_)
    first[1:] = (np.diff(readings.series) != 0) | (np.diff(readings.measured_at) != 0)
    return readings.take(first), origin[first]
