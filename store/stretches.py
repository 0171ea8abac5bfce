"""Consecutive readings of many series at once, with the rows around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from records.readings import ReadingBatch
from records.times import DAY, parse, to_datetime
from store.binary import STORED
from store.connection import Database
from store.packed import NO_ARRAYS, ROWS, rows
from store.text import microseconds

# What is packed is looked at only where too few rows stand loose; a whole day of it, then.
_AROUND = """
SELECT least(b.at, pb.at), b.rows + pb.rows, greatest(f.at, pf.at), f.rows + pf.rows
FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::int[], %s::int[],
        %s::int[])
    WITH ORDINALITY s (series, from_at, to_at, first, last, back, forward, place)
CROSS JOIN LATERAL (SELECT min(measured_at) AS at, count(*) AS rows FROM (
    SELECT measured_at FROM reading WHERE series = s.series AND measured_at < s.from_at
    ORDER BY measured_at DESC LIMIT s.back) x) b
CROSS JOIN LATERAL (SELECT min(first_at) AS at,
        coalesce(sum(count) FILTER (WHERE last_at < s.from_at), 0)::int8 AS rows FROM (
    SELECT first_at, last_at, count, coalesce(sum(count) FILTER (WHERE last_at < s.from_at) OVER (
        ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS nearer
    FROM packed WHERE series = s.series AND day <= s.first AND first_at < s.from_at
    ORDER BY day DESC LIMIT s.back + 1) x WHERE nearer < s.back AND b.rows < s.back) pb
CROSS JOIN LATERAL (SELECT max(measured_at) AS at, count(*) AS rows FROM (
    SELECT measured_at FROM reading WHERE series = s.series AND measured_at > s.to_at
    ORDER BY measured_at LIMIT s.forward) x) f
CROSS JOIN LATERAL (SELECT max(last_at) AS at,
        coalesce(sum(count) FILTER (WHERE first_at > s.to_at), 0)::int8 AS rows FROM (
    SELECT first_at, last_at, count, coalesce(sum(count) FILTER (WHERE first_at > s.to_at) OVER (
        ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS nearer
    FROM packed WHERE series = s.series AND day >= s.last AND last_at > s.to_at
    ORDER BY day LIMIT s.forward + 1) x WHERE nearer < s.forward) pf
ORDER BY s.place
"""
_AHEAD = """
SELECT least(CASE WHEN a.rows = m.most THEN a.at END, CASE WHEN p.rows >= m.most THEN p.at END),
    a.rows + p.rows
FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::int[])
    WITH ORDINALITY s (series, after_at, until_at, first, last, place)
CROSS JOIN (SELECT %s::int AS most) m
CROSS JOIN LATERAL (SELECT max(measured_at) AS at, count(*) AS rows FROM (
    SELECT measured_at FROM reading WHERE series = s.series AND measured_at > s.after_at
    AND measured_at <= s.until_at ORDER BY measured_at LIMIT m.most) x) a
CROSS JOIN LATERAL (SELECT max(last_at) AS at, coalesce(sum(count), 0)::int8 AS rows FROM (
    SELECT last_at, count, coalesce(sum(count) OVER (
        ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS nearer
    FROM packed WHERE series = s.series AND day BETWEEN s.first AND s.last
    AND last_at > s.after_at AND first_at <= s.until_at
    ORDER BY day LIMIT m.most) x WHERE nearer < m.most) p
ORDER BY s.place
"""
_WANTED = (
    "FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::int[])"
    " WITH ORDINALITY s (wanted, from_at, to_at, first, last, place)"
)
_ROWS = (
    f"WITH s AS (SELECT * {_WANTED})"
    f" SELECT {ROWS}, s.place::int4 FROM s"
    f" CROSS JOIN LATERAL (SELECT {', '.join(STORED)} FROM reading WHERE series = s.wanted"
    " AND measured_at BETWEEN s.from_at AND s.to_at) r GROUP BY s.place UNION ALL"
    f" SELECT {NO_ARRAYS}, body, s.place::int4 FROM s JOIN packed p ON p.series = s.wanted"
    " AND p.day BETWEEN s.first AND s.last"
)
# No reading is before or after these: what a span reaches beyond them is nothing.
_FIRST, _LAST = parse("0001-01-02T00:00:00Z"), parse("9999-12-30T00:00:00Z")


class Part(NamedTuple):
    """A series' number and a span of `measured_at`, both ends within (microseconds, 1970 UTC)."""

    series: int
    from_at: int
    to_at: int


class Around(NamedTuple):
    """A moment before and after with at least so many rows between; None where there is no row.

    `before` and `after` are fewer than were asked for only where there are no more.
    """

    before_at: int | None
    before: int
    after_at: int | None
    after: int


def around(
    db: Database, parts: Sequence[Part], back: Sequence[int], forward: Sequence[int]
) -> list[Around]:
    """For each part, where the `back` rows before it begin and the `forward` after it end."""
    if not parts:
        return []
    found = db.run(_AROUND, (*_columns(parts), list(back), list(forward)))
    return [
        Around(microseconds(before), n, microseconds(after), m) for before, n, after, m in found
    ]


def ahead(db: Database, parts: Sequence[Part], most: int) -> list[tuple[int | None, int]]:
    """For each part (from is without), where about `most` rows end, and how many rows those are.

    None where the whole part has no more than that.
    """
    if not parts:
        return []
    found = db.run(_AHEAD, (*_columns(parts), most))
    return [(microseconds(at), n) for at, n in found]


def read(db: Database, parts: Sequence[Part]) -> list[ReadingBatch]:
    """The readings of each part, by `measured_at`."""
    if not parts:
        return []
    found: list[list[list[bytes]]] = [[] for _ in parts]
    for group in db.run_raw(_ROWS, _columns(parts)):
        found[int.from_bytes(group[-1], "big") - 1].append(group[:-1])
    return [_within(rows(groups)[0], part) for part, groups in zip(parts, found, strict=True)]


def _within(readings: ReadingBatch, part: Part) -> ReadingBatch:
    at = readings.measured_at
    inside = np.flatnonzero((at >= part.from_at) & (at <= part.to_at))
    return readings.take(inside[np.argsort(at[inside])])


def _columns(parts: Sequence[Part]) -> tuple[list[object], ...]:
    spans = [(max(part.from_at, _FIRST), min(part.to_at, _LAST)) for part in parts]
    return (
        [part.series for part in parts],
        [to_datetime(first) for first, _ in spans],
        [to_datetime(last) for _, last in spans],
        [first // DAY for first, _ in spans],
        [last // DAY for _, last in spans],
    )
