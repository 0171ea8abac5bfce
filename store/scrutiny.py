"""Whether packed days and waveform packets can be read, and roll-ups are those of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch
from records.times import DAY, HOUR, MINUTE, SECOND, from_datetime, text
from store import queries, rollups, segments, summaries, waveforms
from store.accounts import AT_MOST, Finding
from store.connection import Database
from store.summaries import windows

_SAMPLE = 100
_AT_ONCE = 20
_MAKE = (
    "CREATE TEMP TABLE IF NOT EXISTS picked (place int8 NOT NULL, series int NOT NULL,"
    " day int NOT NULL) ON COMMIT DELETE ROWS"
)
_FILL = "INSERT INTO picked SELECT row_number() OVER (), series, day FROM ({}) p"
_DAY = "floor(extract(epoch FROM {}) / 86400)::int AS day"
_ALL_DAYS = (
    f"SELECT series, {_DAY.format('measured_at')} FROM reading UNION SELECT series, day FROM packed"
    f" UNION SELECT series, {_DAY.format('start_at')} FROM rollup WHERE step_s = 86400"
)
# Days of roll-ups, packed days and the newest rows, so that a missing roll-up is seen too.
_SOME_DAYS = f"""
(SELECT series, {_DAY.format("start_at")} FROM rollup WHERE step_s = 86400
 ORDER BY random() LIMIT {_SAMPLE}) UNION
(SELECT series, day FROM packed ORDER BY random() LIMIT {_SAMPLE}) UNION
(SELECT s.number, {_DAY.format("r.measured_at")} FROM
 (SELECT number FROM series ORDER BY random() LIMIT {_SAMPLE}) s CROSS JOIN LATERAL (SELECT
 measured_at FROM reading WHERE series = s.number ORDER BY measured_at DESC LIMIT 1) r)
"""
_PICKED = "SELECT place, series, day FROM picked WHERE place > %s ORDER BY place LIMIT %s"
_PACKED = """
SELECT p.series, p.day, count, first_at, last_at, first_batch, last_batch, body
FROM packed p WHERE series = %s AND day = %s
"""


def prepare(db: Database) -> None:
    """Outside a transaction: make room for a list of days."""
    db.run(_MAKE)


def packed_days(db: Database, *, full: bool) -> list[Finding]:
    """Inside a snapshot: segments that can't be read, or say something else than their row."""
    some = f"SELECT series, day FROM packed ORDER BY random() LIMIT {_SAMPLE}"
    _pick(db, "SELECT series, day FROM packed" if full else some)
    return list(islice(_bad_days(db), AT_MOST))


def _bad_days(db: Database) -> Iterator[Finding]:
    for _, series, day in _places(db):
        for row in db.run(_PACKED, (series, day)):
            said = _segment_wrong(row)
            if said:
                yield Finding("packed days", f"series {row[0]}, day {row[1]}: {said}")


def _segment_wrong(row: tuple[Any, ...]) -> str:
    series, day, count, first_at, last_at, first_batch, last_batch, body = row
    try:
        readings, origin = segments.decode(body)
    except segments.BadSegment as error:
        return str(error)
    at = readings.measured_at
    said = (series, count, from_datetime(first_at), from_datetime(last_at), first_batch, last_batch)
    batch = origin["batch"]
    holds = (int(readings.series[0]), len(at), int(at[0]), int(at[-1]), batch.min(), batch.max())
    in_order = bool((np.diff(at) > 0).all() and (at // DAY == day).all())
    return "" if said == holds and in_order else "its rows are not those that it says"


def packets(db: Database, *, full: bool) -> list[Finding]:
    """Inside a snapshot: waveform packets that can't be read, or end elsewhere than they say."""
    tables = ("waveform", "waveform_revision") if full else ("waveform",)
    found = (one for table in tables for one in _bad_packets(db, table, full=full))
    return list(islice(found, AT_MOST))


def _bad_packets(db: Database, table: str, *, full: bool) -> Iterator[Finding]:
    for row in _packet_rows(db, table, full=full):
        series, start_at, end_at, rate_hz, length, wide, samples = row
        start = from_datetime(start_at)
        ends = start + round((length - 1) / rate_hz * SECOND)
        if ends != from_datetime(end_at) or not waveforms.is_whole(samples, length, wide=wide):
            said = f"table {table}, series {series}, {text(start)}: the packet is damaged"
            yield Finding("waveforms", said)


def _packet_rows(db: Database, table: str, *, full: bool) -> Iterator[tuple[Any, ...]]:
    columns = "series, start_at, end_at, rate_hz, length, wide, samples"
    if not full:
        newest = f"SELECT {columns} FROM {table} ORDER BY batch DESC LIMIT {_AT_ONCE}"
        yield from db.run(newest)
        return
    # By the place on the disk: a revision has no key of its own.
    place = "(0,0)"
    while page := db.run(
        f"SELECT {columns}, ctid::text FROM {table} WHERE ctid > %s::tid ORDER BY ctid LIMIT %s",
        (place, _AT_ONCE),
    ):
        yield from (row[:-1] for row in page)
        place = page[-1][-1]


def roll_ups(db: Database, *, full: bool) -> list[Finding]:
    """Inside a snapshot: windows whose summary is not that of their rows.

    Days with rows that are not summed up yet are passed over, and so are dropped ones.
    """
    _pick(db, _ALL_DAYS if full else _SOME_DAYS)
    positions = rollups.positions(db)
    kept_from = int(db.run("SELECT dropped_before FROM care")[0][0])
    found = (
        Finding("roll-ups", f"series {series}, {text(day * DAY)[:10]}: {said}")
        for _, series, day in _places(db)
        if day >= kept_from and (said := _day_wrong(db, series, day, positions))
    )
    return list(islice(found, AT_MOST))


def _day_wrong(db: Database, series: int, day: int, positions: dict[int, int]) -> str:
    span = (day * DAY, (day + 1) * DAY)
    try:
        readings, origin = queries.with_origin(db, [series], *span)
    except segments.BadSegment as error:
        return str(error)
    reached = np.array([positions.get(int(worker), 0) for worker in origin["worker"]], np.int64)
    if (origin["batch"] > reached).any():
        return ""
    kept = {step: summaries.between(db, [series], step, *span) for step in (MINUTE, HOUR, DAY)}
    for step, name in ((HOUR, "hours"), (DAY, "days")):
        if not _same(kept[step], summaries.summarise(readings, step)):
            return f"its {name} are not those of its rows"
    fine = kept[HOUR]["window"][kept[HOUR]["fine"]]
    if not _same(kept[MINUTE], _minutes(readings, fine)):
        return "its minutes are not those of its rows"
    return ""


def _minutes(readings: ReadingBatch, hours: NDArray[np.int64]) -> NDArray[Any]:
    inside = np.isin(windows(readings.series, readings.measured_at, HOUR), hours)
    return summaries.summarise(readings.take(inside), MINUTE)


def _same(kept: NDArray[Any], computed: NDArray[Any]) -> bool:
    """Equal but for the order in which numbers were added."""
    exact = ("window", "count", "stored", "low", "high")
    if len(kept) != len(computed) or not all(
        np.array_equal(kept[name], computed[name], equal_nan=True) for name in exact
    ):
        return False
    greatest = np.nan_to_num(np.maximum(np.abs(kept["low"]), np.abs(kept["high"])))
    slack = 1e-12 * greatest * kept["count"]
    near = np.isclose(kept["total"], computed["total"], rtol=1e-9, atol=0, equal_nan=True)
    with np.errstate(invalid="ignore"):
        return bool((near | (np.abs(kept["total"] - computed["total"]) <= slack)).all())


def _pick(db: Database, days: str) -> None:
    db.run("DELETE FROM picked")
    db.run(_FILL.format(days))


def _places(db: Database) -> Iterator[tuple[Any, ...]]:
    place = 0
    while page := db.run(_PICKED, (place, 1000)):
        yield from page
        place = page[-1][0]
