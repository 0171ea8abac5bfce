"""Reading in the order of writing: numbered batches, a number line a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from records.readings import ReadingBatch, concatenate
from records.times import DAY, from_datetime, to_datetime
from store import waveforms
from store.connection import Database
from store.packed import ROWS, SEGMENTS, rows
from store.waveforms import Waveform

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

# What a batch's waveform packets are to the one who follows.
PacketRows = Callable[[Sequence[Waveform]], ReadingBatch]


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
    samples: int


def positions(db: Database, *, before_at: int | None = None) -> dict[int, int]:
    """The last batch of each worker: where one starts who follows only what comes from now on.

    With `before_at` the last one that arrived before it; 0 where none did.
    """
    if before_at is None:
        return dict(db.run("SELECT number, last_batch FROM worker"))
    rows = db.run(
        "SELECT w.number, coalesce((SELECT max(b.number) FROM batch b WHERE b.worker = w.number"
        " AND b.received_at < %s), 0) FROM worker w",
        (to_datetime(before_at),),
    )
    return dict(rows)


def batches_after(
    db: Database,
    positions: Mapping[int, int],
    *,
    limit_rows: int = 200_000,
    packets: PacketRows | None = None,
) -> list[StoredBatch]:
    """Batches numbered above `positions` (by worker; none = from the first), by arrival.

    A worker's batches come in their order and without gaps; at least one where there is one, and
    then no more than `limit_rows` readings of each worker. Batches without readings come too.
    Where one line is cut by the limit, no other goes on to later arrivals than that one has
    reached: so who is behind takes several lines in the order of arrival.

    packets  makes rows of a batch's waveform packets; without it packets are passed over
    """
    workers = [row[0] for row in db.run("SELECT number FROM worker ORDER BY number")]
    sampled = packets is not None
    headers = {
        worker: _headers(db, worker, positions.get(worker, 0), limit_rows, sampled=sampled)
        for worker in workers
    }
    reached = [
        max(header.received_at for header in found) for found, is_cut in headers.values() if is_cut
    ]
    found = [
        batch
        for worker, (line, _) in headers.items()
        for batch in _of_worker(
            db, worker, _through(line, reached), positions.get(worker, 0), packets
        )
    ]
    return sorted(found, key=lambda batch: (batch.received_at, batch.worker, batch.number))


def lines_since(db: Database, since_at: int) -> int:
    """How many workers have stored something that arrived since then."""
    rows = db.run("SELECT count(*) FROM worker WHERE received_at >= %s", (to_datetime(since_at),))
    return int(rows[0][0])


def _through(line: list[_Header], reached: list[int]) -> list[_Header]:
    """The line as far as every line that was cut has come."""
    if not reached:
        return line
    later = (n for n, header in enumerate(line) if header.received_at > min(reached))
    return line[: next(later, len(line))]


def _of_worker(
    db: Database,
    worker: int,
    headers: list[_Header],
    position: int,
    packets: PacketRows | None,
) -> list[StoredBatch]:
    if not headers:
        return []
    readings, origin = rows(_rows(db, worker, headers))
    batch = origin["batch"]
    # A packed day comes whole.
    ours = (origin["worker"] == worker) & (batch > position) & (batch <= headers[-1].number)
    if not ours.all():
        readings, batch = readings.take(ours), batch[ours]
    if packets is not None and any(header.samples for header in headers):
        made = [
            (number, packets(some))
            for number, some in waveforms.of_batches(db, worker, position + 1, headers[-1].number)
        ]
        readings = concatenate([readings, *(some for _, some in made)])
        batch = np.concatenate([batch, *(np.full(len(some), number) for number, some in made)])
    order = np.lexsort((readings.measured_at, readings.series, readings.received_at, batch))
    readings, batch = readings.take(order), batch[order]
    numbers = [header.number for header in headers]
    starts = np.searchsorted(batch, numbers, "left")
    ends = np.searchsorted(batch, numbers, "right")
    return [
        StoredBatch(worker, header.number, header.received_at, readings.take(slice(start, end)))
        for header, start, end in zip(headers, starts, ends, strict=True)
    ]


def _headers(
    db: Database, worker: int, position: int, limit_rows: int, *, sampled: bool
) -> tuple[list[_Header], bool]:
    """The next batches of a line, and whether the limit cut them."""
    rows = db.run(
        "SELECT number, received_at, stored + revised, first_measured_at, last_measured_at,"
        f" {'samples' if sampled else '0'}"
        " FROM batch WHERE worker = %s AND number > %s ORDER BY number LIMIT %s",
        (worker, position, _LIMIT_BATCHES),
    )
    headers = [_Header(row[0], from_datetime(row[1]), *row[2:]) for row in rows]
    total = np.cumsum([header.rows + header.samples for header in headers])
    kept = headers[: max(1, int(np.searchsorted(total, limit_rows, "right")))]
    return kept, len(kept) < len(headers) or len(headers) == _LIMIT_BATCHES


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
