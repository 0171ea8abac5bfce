"""Whether each batch has the rows and packets that it says: none lost, none invented."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.times import DAY, to_datetime
from store import segments
from store.connection import Database

AT_MOST = 20
"""Findings that one check tells of."""
# Batches of a worker in a sample: the newest, and as many in a row from anywhere.
_SAMPLE = 500
_SEGMENTS_AT_ONCE = 20
_MAKE = (
    "CREATE TEMP TABLE IF NOT EXISTS counted (worker smallint NOT NULL, batch int8 NOT NULL,"
    " rows int8 NOT NULL, packets int8 NOT NULL) ON COMMIT DELETE ROWS"
)
_SOURCES = {
    "reading": "count(*), 0",
    "revision": "count(*), 0",
    "waveform": "0, count(*)",
    "waveform_revision": "0, count(*)",
}
_PACKED = """
SELECT series, day, body FROM packed WHERE (series, day) > (%s, %s)
  AND last_batch >= %s AND first_batch <= %s ORDER BY series, day LIMIT %s
"""
_ADD = "INSERT INTO counted SELECT *, 0 FROM unnest(%s::int2[], %s::int8[], %s::int8[])"
# Retention took rows of batches that reach into days that it dropped.
_COMPARE = f"""
SELECT format('worker %%s, batch %%s: %%s rows and %%s packets are stored, it says %%s and %%s',
              worker, number, coalesce(rows, 0), coalesce(packets, 0), b.stored + b.revised,
              b.waveforms)
FROM (SELECT * FROM batch WHERE worker = %(worker)s AND number BETWEEN %(first)s AND %(last)s) b
FULL JOIN (SELECT worker, batch AS number, sum(rows) AS rows, sum(packets) AS packets FROM counted
           GROUP BY worker, batch) c USING (worker, number)
WHERE coalesce(packets, 0) IS DISTINCT FROM b.waveforms
   OR coalesce(rows, 0) > b.stored + b.revised
   OR (coalesce(rows, 0) < b.stored + b.revised
       AND b.first_measured_at >= greatest(%(kept_from)s, '-infinity'::timestamptz))
LIMIT {AT_MOST}
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, and what does not fit, in one line."""

    what: str
    said: str


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Batches of a worker, both ends included."""

    worker: int
    first: int
    last: int


def prepare(db: Database) -> None:
    """Outside a transaction: make room to count in."""
    db.run(_MAKE)


def examine(db: Database, *, full: bool) -> list[Finding]:
    """Inside a snapshot."""
    kept_from = to_datetime(max(db.run("SELECT dropped_before FROM care")[0][0], -700_000) * DAY)
    found: list[Finding] = []
    for worker, last in db.run("SELECT number, last_batch FROM worker ORDER BY number"):
        for stretch in _stretches(worker, last, full=full):
            db.run("DELETE FROM counted")
            _count(db, stretch)
            wanted = {
                "worker": worker,
                "first": stretch.first,
                "last": stretch.last,
                "kept_from": kept_from,
            }
            found += [Finding("rows", said) for (said,) in db.run(_COMPARE, wanted)]
    return found + _strangers(db)


def _stretches(worker: int, last: int, *, full: bool) -> list[_Stretch]:
    if full or last <= 2 * _SAMPLE:
        return [_Stretch(worker, 1, last)]
    newest = _Stretch(worker, last - _SAMPLE + 1, last)
    first = random.randint(1, last - 2 * _SAMPLE + 1)
    return [_Stretch(worker, first, first + _SAMPLE - 1), newest]


def _count(db: Database, stretch: _Stretch) -> None:
    for table, counts in _SOURCES.items():
        db.run(
            f"INSERT INTO counted SELECT worker, batch, {counts} FROM {table}"
            " WHERE worker = %s AND batch BETWEEN %s AND %s GROUP BY worker, batch",
            (stretch.worker, stretch.first, stretch.last),
        )
    for origin in _packed(db, stretch):
        batches, rows = np.unique(origin, return_counts=True)
        workers = [stretch.worker] * len(batches)
        db.run(_ADD, (workers, batches.tolist(), rows.tolist()))


def _packed(db: Database, stretch: _Stretch) -> Iterator[NDArray[np.int64]]:
    """The batch of each packed row of the stretch, by pages."""
    key: tuple[Any, ...] = (-1, 0)
    while page := db.run(_PACKED, (*key, stretch.first, stretch.last, _SEGMENTS_AT_ONCE)):
        for series, day, body in page:
            key = (series, day)
            try:
                _, origin = segments.decode(body)
            except segments.BadSegment:
                continue  # said by `scrutiny.packed_days`; its rows are missing here
            ours = origin[origin["worker"] == stretch.worker]["batch"]
            yield ours[(ours >= stretch.first) & (ours <= stretch.last)]


def _strangers(db: Database) -> list[Finding]:
    """Rows above every batch of their worker, which no stretch reaches."""
    return [
        Finding("rows", f"table {table} has rows of worker {worker}, batch {batch}: no such batch")
        for table in _SOURCES
        for worker, batch in db.run(
            f"SELECT DISTINCT worker, batch FROM {table} WHERE batch > (SELECT coalesce("
            "min(last_batch), 0) FROM worker) AND batch > coalesce((SELECT last_batch FROM worker w"
            f" WHERE w.number = {table}.worker), 0) LIMIT {AT_MOST}"
        )
    ]
