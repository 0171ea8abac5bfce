"""Reading by series and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch
from records.times import DAY, to_datetime
from store.binary import STORED
from store.commits import newest_of
from store.connection import Database
from store.packed import NO_ARRAYS, ROWS, SEGMENTS, rows

_COLUMNS = ", ".join(STORED)
# An array a partition: none can outgrow the server's limit of a gigabyte.
_BETWEEN = (
    f"SELECT {ROWS} FROM reading WHERE series = ANY(%(series)s) AND measured_at >= %(from)s"
    " AND measured_at < %(to)s GROUP BY tableoid UNION ALL"
    f" SELECT {SEGMENTS} WHERE series = ANY(%(series)s)"
    " AND last_at >= %(from)s AND first_at < %(to)s AND day BETWEEN %(first)s AND %(last)s"
)
# Of packed days only those that can hold one of the newest rows.
_LATEST = f"""
WITH loose AS MATERIALIZED (
    SELECT r.* FROM unnest(%(series)s::int[]) s (number) CROSS JOIN LATERAL
        (SELECT {_COLUMNS} FROM reading WHERE series = s.number
         ORDER BY measured_at DESC LIMIT %(count)s) r
), reached AS (
    SELECT s.number, count(l.series) AS rows, min(l.measured_at) AS oldest_at
    FROM unnest(%(series)s::int[]) s (number) LEFT JOIN loose l ON l.series = s.number
    GROUP BY s.number
)
SELECT {ROWS} FROM loose HAVING count(*) > 0
UNION ALL
SELECT {NO_ARRAYS}, d.body FROM reached s CROSS JOIN LATERAL (
    SELECT body, last_at, coalesce(sum(count) OVER (ORDER BY day DESC ROWS BETWEEN
           UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS newer
    FROM packed WHERE series = s.number ORDER BY day DESC LIMIT %(count)s) d
WHERE d.newer < %(count)s AND (s.rows < %(count)s OR d.last_at > s.oldest_at)
"""


def between(db: Database, series: Sequence[int], from_at: int, to_at: int) -> ReadingBatch:
    """Readings of these series with from_at <= measured_at < to_at, by (series, measured_at)."""
    return with_origin(db, series, from_at, to_at)[0]


def with_origin(
    db: Database, series: Sequence[int], from_at: int, to_at: int
) -> tuple[ReadingBatch, NDArray[Any]]:
    """As `between`; beside each reading its commit, fields `worker` and `batch`."""
    values = {
        "series": list(series),
        "from": to_datetime(from_at),
        "to": to_datetime(to_at),
        "first": from_at // DAY,
        "last": to_at // DAY,
    }
    readings, origin = rows(db.run_raw(_BETWEEN, values))
    # A packed day comes whole.
    inside = (readings.measured_at >= from_at) & (readings.measured_at < to_at)
    if not inside.all():
        readings, origin = readings.take(inside), origin[inside]
    return _sorted(readings, origin)


def latest(db: Database, series: Sequence[int], count: int) -> ReadingBatch:
    """The `count` newest readings of each of these series, by (series, measured_at)."""
    found = rows(db.run_raw(_LATEST, {"series": list(series), "count": count}))
    readings, _ = _sorted(*found)
    ends = np.searchsorted(readings.series, readings.series, "right")
    return readings.take(ends - np.arange(len(readings)) <= count)


def newest(db: Database) -> dict[int, int]:
    """Newest stored `measured_at` (microseconds) of each series that has a reading."""
    return newest_of(db, [row[0] for row in db.run("SELECT number FROM series ORDER BY number")])


def _sorted(readings: ReadingBatch, origin: NDArray[Any]) -> tuple[ReadingBatch, NDArray[Any]]:
    order = np.lexsort((readings.measured_at, readings.series))
    return readings.take(order), origin[order]
