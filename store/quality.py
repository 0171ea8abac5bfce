"""Final verdicts in the store: sparse spans of what a test did not find good, and a watermark.

What a later pass finds otherwise is closed and stays, so that `as_of` says what was known when. A
span grows in place only past what was final before, which no earlier answer could show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.levels import Check, Flag
from records.readings import ReadingBatch
from records.times import HOUR, from_datetime, to_datetime
from store import stages
from store.connection import Database
from store.stretches import Part
from store.text import microseconds, moment

FOLLOWER = "quality"
# An answer to `as_of` may say "final" this much later than it was known.
_HISTORY = HOUR


class Span(NamedTuple):
    """Consecutive readings of a series to which a test gave one flag other than good.

    from_at, to_at  `measured_at` of the first and the last, microseconds since 1970 UTC
    number          of the stored row; None for one that is not stored yet
    """

    series: int
    check: int
    from_at: int
    to_at: int
    flag: int
    rules: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """A series' verdicts are final through `through_at` (None: none is), under these rules."""

    known_at: int
    through_at: int | None
    rules: str
    limits: str


def watermarks(db: Database) -> dict[int, Watermark]:
    """The newest of each series that has one."""
    rows = db.run(
        "SELECT DISTINCT ON (series) series, known_at, through_at, rules, limits"
        " FROM quality_watermark ORDER BY series, known_at DESC"
    )
    return {
        series: Watermark(from_datetime(known_at), microseconds(through_at), rules, limits)
        for series, known_at, through_at, rules, limits in rows
    }


def move(
    db: Database, marks: Mapping[int, Watermark], before: Mapping[int, Watermark], now_at: int
) -> None:
    """Inside a transaction: these are the series' watermarks from now on (`known_at` is not read).

    A row is kept of each hour, and of each change of the limits.
    """
    on, new = [], []
    for series, mark in marks.items():
        old = before.get(series)
        if old and old.limits == mark.limits and now_at - old.known_at < _HISTORY:
            on.append((moment(mark.through_at), mark.rules, series, to_datetime(old.known_at)))
        else:
            at = moment(mark.through_at)
            new.append((series, to_datetime(now_at), at, at, mark.rules, mark.limits))
    if on:
        db.run_many(
            "UPDATE quality_watermark SET through_at = %s, rules = %s"
            " WHERE series = %s AND known_at = %s",
            on,
        )
    if new:
        db.run_many(
            "INSERT INTO quality_watermark VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (series, known_at) DO UPDATE SET first_at = excluded.first_at,"
            " through_at = excluded.through_at, rules = excluded.rules, limits = excluded.limits",
            new,
        )


def spans_within(db: Database, parts: Sequence[Part], as_of: int | None = None) -> list[Span]:
    """Spans that hold (`as_of`: held then) and have a moment in one of the parts, each once."""
    if not parts:
        return []
    held = (
        "q.until_at IS NULL"
        if as_of is None
        else "q.known_at <= %s AND (q.until_at > %s OR q.until_at IS NULL)"
    )
    rows = db.run(
        "SELECT DISTINCT ON (q.number) q.series, q.test, q.from_at, q.to_at, q.flag, q.rules,"
        " q.number FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[])"
        " s (series, from_at, to_at) JOIN quality_span q ON q.series = s.series"
        f" AND q.to_at >= s.from_at AND q.from_at <= s.to_at AND {held} ORDER BY q.number",
        (
            [part.series for part in parts],
            [to_datetime(part.from_at) for part in parts],
            [to_datetime(part.to_at) for part in parts],
            *(() if as_of is None else (to_datetime(as_of),) * 2),
        ),
    )
    return [
        Span(series, check, from_datetime(from_at), from_datetime(to_at), flag, rules, number)
        for series, check, from_at, to_at, flag, rules, number in rows
    ]


def replace(
    db: Database, closed: Iterable[int], grown: Iterable[Span], new: Iterable[Span], now_at: int
) -> None:
    """Inside a transaction: close spans by number, let spans end later, add spans."""
    at = to_datetime(now_at)
    if ended := sorted(closed):
        db.run("UPDATE quality_span SET until_at = %s WHERE number = ANY(%s)", (at, ended))
    if longer := [(to_datetime(span.to_at), span.number) for span in grown]:
        db.run_many("UPDATE quality_span SET to_at = %s WHERE number = %s", longer)
    if added := [
        (to_datetime(s.from_at), to_datetime(s.to_at), at, s.series, s.check, s.flag, s.rules)
        for s in new
    ]:
        db.run_many(
            "INSERT INTO quality_span (from_at, to_at, known_at, series, test, flag, rules)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            added,
        )


class Final(NamedTuple):
    """What is known of readings now: `flag` and `checks` as in `ReadingBatch`.

    final      whether it is the final verdict; else it is the live flag
    watermark  by series, microseconds since 1970; no entry: nothing is final
    """

    flag: NDArray[np.uint8]
    checks: NDArray[np.uint16]
    final: NDArray[np.bool_]
    watermark: dict[int, int]


def final(
    db: Database, readings: ReadingBatch, origin: NDArray[Any], as_of: int | None = None
) -> Final:
    """The final verdicts of stored readings where there are any, else their live flags.

    `origin` (worker, batch) as from `queries.with_origin`: what came after the last pass has no
    verdict yet, however old it is. `as_of` (microseconds): as it was known then, to the hour.
    """
    flag, checks = readings.flag.copy(), readings.checks.copy()
    through = _through(db, as_of)
    done = stages.progress(db, FOLLOWER)
    passed = done.positions if done else {}
    limit = np.array([through.get(int(s), _NEVER) for s in range(_top(readings))], np.int64)
    settled = readings.measured_at <= limit[readings.series]
    for worker in np.unique(origin["worker"]):
        seen = origin["batch"] <= passed.get(str(worker), 0)
        settled &= seen | (origin["worker"] != worker)
    flag[settled], checks[settled] = Flag.GOOD, 0
    for span in spans_within(db, _extent(readings), as_of):
        rows = settled & (readings.series == span.series)
        rows &= (readings.measured_at >= span.from_at) & (readings.measured_at <= span.to_at)
        if span.check != Check.GAP:
            flag[rows] = np.maximum(flag[rows], np.uint8(span.flag))
        if span.flag >= Flag.SUSPECT:
            checks[rows] |= np.uint16(span.check)
    there = {int(series) for series in np.unique(readings.series)}
    return Final(flag, checks, settled, {s: at for s, at in through.items() if s in there})


_NEVER = np.iinfo(np.int64).min


def _top(readings: ReadingBatch) -> int:
    return int(readings.series.max(initial=0)) + 1


def _extent(readings: ReadingBatch) -> list[Part]:
    parts = []
    for series in np.unique(readings.series):
        at = readings.measured_at[readings.series == series]
        parts.append(Part(int(series), int(at.min()), int(at.max())))
    return parts


def _through(db: Database, as_of: int | None) -> dict[int, int]:
    if as_of is None:
        marks = watermarks(db).items()
        return {s: mark.through_at for s, mark in marks if mark.through_at is not None}
    rows = db.run(
        "SELECT DISTINCT ON (series) series, first_at FROM quality_watermark"
        " WHERE known_at <= %s ORDER BY series, known_at DESC",
        (to_datetime(as_of),),
    )
    return {series: from_datetime(at) for series, at in rows if at is not None}
