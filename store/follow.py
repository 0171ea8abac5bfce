"""Reading in the order of writing: numbered batches, a number line a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from records.readings import ReadingBatch
from records.times import DAY, from_datetime
from store.connection import Database
from store.packed import ROWS, SEGMENTS, rows

_LIMIT_BATCHES = 5_000
_SPAN = (
    "worker = %(worker)s AND batch BETWEEN %(first)s AND %(last)s"
    " AND measured_at BETWEEN %(from)s AND %(to)s"
)
# A row that was replaced since is read from where it was moved to: a batch never changes.
# Those come first: of two values for one key in one batch the later one is in `reading`.
_ROWS = (
    f"SELECT {ROWS} FROM revision WHERE {_SPAN} HAVING count(*) > 0 UNION ALL"
    f" SELECT {ROWS} FROM reading WHERE {_SPAN} GROUP BY tableoid UNION ALL"
    f" SELECT {SEGMENTS} WHERE last_at >= %(from)s AND first_at <= %(to)s"
    " AND last_batch >= %(first)s AND first_batch <= %(last)s"
    " AND day BETWEEN %(first_day)s AND %(last_day)s"
)


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """One commit as it was stored: repeats left out, rows by (received_at, series, measured_at)."""

    worker: int
    number: int
    received_at: int
    readings: ReadingBatch


@dataclass(frozen=True, slots=True)
class _Header:
    number: int
    received_at: int
    rows: int
    first: datetime | None
    last: datetime | None


def positions(db: Database) -> dict[int, int]:
    """The last batch of each worker: where one starts who follows only what comes from now on."""
    rows = db.run("SELECT number, last_batch FROM worker")
    return dict(rows)


def batches_after(
    db: Database, positions: Mapping[int, int], *, limit_rows: int = 200_000
) -> list[StoredBatch]:
    """Batches numbered above `positions` (by worker; none = from the first), by arrival.

    A worker's batches come in their order and without gaps; at least one where there is one, and
    then no more than `limit_rows` readings of each worker. Batches without readings come too.
    """
    workers = [row[0] for row in db.run("SELECT number FROM worker ORDER BY number")]
    found = [
        batch
        for worker in workers
        for batch in _of_worker(db, worker, positions.get(worker, 0), limit_rows)
    ]
    return sorted(found, key=lambda batch: (batch.received_at, batch.worker, batch.number))


def _of_worker(db: Database, worker: int, position: int, limit_rows: int) -> list[StoredBatch]:
    headers = _headers(db, worker, position, limit_rows)
    if not headers:
        return []
    readings, origin = rows(_rows(db, worker, headers))
    batch = origin["batch"]
    # A packed day comes whole.
    ours = (origin["worker"] == worker) & (batch > position) & (batch <= headers[-1].number)
    if not ours.all():
        readings, batch = readings.take(ours), batch[ours]
    order = np.lexsort((readings.measured_at, readings.series, readings.received_at, batch))
    readings, batch = readings.take(order), batch[order]
    numbers = [header.number for header in headers]
    starts = np.searchsorted(batch, numbers, "left")
    ends = np.searchsorted(batch, numbers, "right")
    return [
        StoredBatch(worker, header.number, header.received_at, readings.take(slice(start, end)))
        for header, start, end in zip(headers, starts, ends, strict=True)
    ]


def _headers(db: Database, worker: int, position: int, limit_rows: int) -> list[_Header]:
    rows = db.run(
        "SELECT number, received_at, stored + revised, first_measured_at, last_measured_at"
        " FROM batch WHERE worker = %s AND number > %s ORDER BY number LIMIT %s",
        (worker, position, _LIMIT_BATCHES),
    )
    headers = [_Header(row[0], from_datetime(row[1]), *row[2:]) for row in rows]
    total = np.cumsum([header.rows for header in headers])
    return headers[: max(1, int(np.searchsorted(total, limit_rows, "right")))]


def _rows(db: Database, worker: int, headers: list[_Header]) -> list[list[bytes]]:
    firsts = [header.first for header in headers if header.first and header.rows]
    lasts = [header.last for header in headers if header.last and header.rows]
    if not firsts:
        return []
    span = {
        "worker": worker,
        "first": headers[0].number,
        "last": headers[-1].number,
        "from": min(firsts),
        "to": max(lasts),
        "first_day": from_datetime(min(firsts)) // DAY,
        "last_day": from_datetime(max(lasts)) // DAY,
    }
    return db.run_raw(_ROWS, span)
