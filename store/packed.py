"""Days of series in compact form, for servers that have none of their own.

A day of a series is either rows of table `reading` or one segment in table `packed`, never both.
Every statement that reads rows reads both in one go, so it never sees a day twice or not at all:
`ROWS` and `SEGMENTS` are its two halves, `rows` reads the answer.

Only days before `care.packed_before` are packed. A commit learns that day while it holds its lock
on table `worker`, and compares what is older with what is stored (`open_days`) instead of copying
it in unseen; `advance` waits until no commit is under way that has learnt an older one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch, concatenate
from records.times import DAY, to_datetime
from store import segments
from store.binary import ARRAYS, STORED, pack, unpack
from store.partitions import Span

if TYPE_CHECKING:
    from store.connection import Database

# Any fixed number: who packs and who compares old rows take turns.
_TURN = 0x7061636B
NO_ARRAYS = (
    "'{}'::timestamptz[], '{}'::timestamptz[], '{}'::float8[], '{}'::int8[], '{}'::int4[],"
    " '{}'::int2[], '{}'::int2[], '{}'::int2[], '{}'::bool[]"
)
ROWS = f"{ARRAYS}, ''::bytea"
"""What a statement selects from table `reading` for `rows`."""
SEGMENTS = f"{NO_ARRAYS}, body FROM packed"
"""What it selects beside that."""
_COPY = f"COPY reading ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)"
# A turn of compaction, and one of its transactions: what a writer of old rows may wait for.
_SERIES_AT_ONCE = 8
_ROWS_A_TURN = 100_000


def rows(groups: Sequence[Sequence[bytes]]) -> tuple[ReadingBatch, NDArray[Any]]:
    """Readings and their origin from rows of `ROWS` and `SEGMENTS`, in the order of the rows."""
    plain = unpack([group[:-1] for group in groups if not group[-1]])
    parts = [plain, *(segments.decode(group[-1]) for group in groups if group[-1])]
    if len(parts) == 1:
        return plain
    return concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def before(db: Database) -> int:
    """Rows of older days (since 1970) may be packed."""
    return int(db.run("SELECT packed_before FROM care")[0][0])


def open_days(db: Database, readings: ReadingBatch) -> None:
    """Inside a transaction: the stored days that these rows touch are rows of `reading` again."""
    db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    keys = np.unique(
        np.stack([readings.series.astype(np.int64), readings.measured_at // DAY]), axis=1
    )
    opened = db.run_raw(
        "DELETE FROM packed p USING unnest(%s::int[], %s::int[]) k (series, day)"
        " WHERE p.series = k.series AND p.day = k.day RETURNING body",
        (keys[0].tolist(), keys[1].tolist()),
    )
    for (body,) in opened:
        back, origin = segments.decode(body)
        db.copy_in(_COPY, pack(back, origin["worker"], origin["batch"]))


def advance(db: Database, day: int) -> int:
    """Rows of days before `day` may be packed from now on; returns the day that holds."""
    reached = before(db)
    if day <= reached:
        return reached
    db.run("SELECT pack_before(%s)", (day,))
    return day


def pack_part(db: Database, part: Span) -> bool:
    """Pack rows of a partition of days that may be packed, a limited number; True when all are.

    Does nothing where a writer has its turn.
    """
    packed = 0
    while packed < _ROWS_A_TURN:
        with db.transaction():
            if not db.run("SELECT pg_try_advisory_xact_lock(%s)", (_TURN,))[0][0]:
                return False
            series = _next_series(db, part)
            if not series:
                return True
            packed += _pack_series(db, part, series)
    return False


def _next_series(db: Database, part: Span) -> list[int]:
    # Each is looked up by the index behind the one before: a partition has many rows of few.
    found = db.run(
        "WITH RECURSIVE s AS ((SELECT series FROM reading"
        f" WHERE {_within(part)} ORDER BY series LIMIT 1) UNION ALL"
        f" SELECT (SELECT p.series FROM reading p WHERE p.series > s.series AND {_within(part)}"
        " ORDER BY p.series LIMIT 1) FROM s WHERE s.series IS NOT NULL)"
        " SELECT series FROM s WHERE series IS NOT NULL LIMIT %s",
        (_SERIES_AT_ONCE,),
    )
    return [row[0] for row in found]


def _within(part: Span) -> str:
    # In the statement's text: the planner then leaves out every other partition.
    return f"measured_at >= '{part.first_text}' AND measured_at < '{part.end_text}'"


def _pack_series(db: Database, part: Span, series: list[int]) -> int:
    taken = db.run_raw(
        f"WITH gone AS (DELETE FROM reading WHERE series = ANY(%s) AND {_within(part)}"
        f" RETURNING *) SELECT {ROWS} FROM gone GROUP BY series",
        (series,),
    )
    readings, origin = rows(taken)
    order = np.lexsort((readings.measured_at, readings.series))
    readings, origin = readings.take(order), origin[order]
    day = readings.measured_at // DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1) | np.diff(readings.series, prepend=-1))
    bounds = [*starts.tolist(), len(readings)]
    db.run_many(
        "INSERT INTO packed VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            _segment(readings.take(slice(start, end)), origin[start:end])
            for start, end in pairwise(bounds)
        ],
    )
    return len(readings)


def _segment(readings: ReadingBatch, origin: NDArray[Any]) -> tuple[Any, ...]:
    first_at, last_at = int(readings.measured_at[0]), int(readings.measured_at[-1])
    return (
        int(readings.series[0]),
        first_at // DAY,
        len(readings),
        to_datetime(first_at),
        to_datetime(last_at),
        int(origin["batch"].min()),
        int(origin["batch"].max()),
        segments.encode(readings, origin),
    )
