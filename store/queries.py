"""Reading by series and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch
from records.times import to_datetime
from store.binary import ARRAYS, STORED, unpack
from store.commits import newest_of
from store.connection import Database

_COLUMNS = ", ".join(STORED)
# An array a partition: none can outgrow the server's limit of a gigabyte.
_BETWEEN = (
    f"SELECT {ARRAYS} FROM reading WHERE series = ANY(%s) AND measured_at >= %s"
    " AND measured_at < %s GROUP BY tableoid"
)
_LATEST = (
    f"SELECT {ARRAYS} FROM unnest(%s::int[]) s (number) CROSS JOIN LATERAL"
    f" (SELECT {_COLUMNS} FROM reading WHERE series = s.number"
    " ORDER BY measured_at DESC LIMIT %s) r HAVING count(*) > 0"
)


def between(db: Database, series: Sequence[int], from_at: int, to_at: int) -> ReadingBatch:
    """Readings of these series with from_at <= measured_at < to_at, by (series, measured_at)."""
    return with_origin(db, series, from_at, to_at)[0]


def with_origin(
    db: Database, series: Sequence[int], from_at: int, to_at: int
) -> tuple[ReadingBatch, NDArray[Any]]:
    """As `between`; beside each reading its commit, fields `worker` and `batch`."""
    values = (list(series), to_datetime(from_at), to_datetime(to_at))
    return _sorted(*unpack(db.run_raw(_BETWEEN, values)))


def latest(db: Database, series: Sequence[int], count: int) -> ReadingBatch:
    """The `count` newest readings of each of these series, by (series, measured_at)."""
    return _sorted(*unpack(db.run_raw(_LATEST, (list(series), count))))[0]


def newest(db: Database) -> dict[int, int]:
    """Newest stored `measured_at` (microseconds) of each series that has a reading."""
    return newest_of(db, [row[0] for row in db.run("SELECT number FROM series ORDER BY number")])


def _sorted(readings: ReadingBatch, origin: NDArray[Any]) -> tuple[ReadingBatch, NDArray[Any]]:
    order = np.lexsort((readings.measured_at, readings.series))
    return readings.take(order), origin[order]
