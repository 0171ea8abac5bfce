"""Summaries of windows of time: how they are computed, joined, kept and read.

A window is one whole number, made of its series and its start, so that numpy can sort and compare
windows: `windows`, `series_of`, `start_of`. Steps are microseconds: a minute, an hour or a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.levels import Flag
from records.readings import ReadingBatch
from records.times import MINUTE, SECOND, to_datetime
from store.binary import columns
from store.connection import Database

SUMMARY = np.dtype(
    [
        ("window", np.int64),
        ("total", np.float64),
        ("low", np.float64),
        ("high", np.float64),
        ("count", np.int64),
        ("stored", np.int64),
        ("fine", np.bool_),
    ]
)
"""total, low and high of `count` readings whose live flag is not fail (low and high NaN where there
is none), `stored` readings in all; `fine`: an hour whose minutes are kept too."""

_BITS = 34
_ZERO = 1 << (_BITS - 1)
_READ = ("start_at", "series", "total", "low", "high", "count", "stored", "fine")
_ARRAYS = ", ".join(f"array_agg({name})" for name in _READ)
_WITHIN = f"""
SELECT {_ARRAYS} FROM unnest(%s::int[], %s::timestamptz[], %s::timestamptz[]) w (s, from_at, to_at)
CROSS JOIN LATERAL (SELECT * FROM rollup WHERE step_s = %s AND series = w.s
    AND start_at >= w.from_at AND start_at < w.to_at OFFSET 0) r
HAVING count(*) > 0
"""
_BETWEEN = (
    f"SELECT {_ARRAYS} FROM rollup WHERE step_s = %s AND series = ANY(%s) AND start_at >= %s"
    " AND start_at < %s HAVING count(*) > 0"
)
_WRITE = """
INSERT INTO rollup (step_s, series, start_at, total, low, high, count, stored, fine)
SELECT %s, series, to_timestamp(start_s), total, low, high, n, stored, fine FROM unnest(%s::int[],
    %s::int8[], %s::float8[], %s::float8[], %s::float8[], %s::int[], %s::int[], %s::bool[])
    r (series, start_s, total, low, high, n, stored, fine)
ON CONFLICT (step_s, series, start_at) DO UPDATE SET total = excluded.total, low = excluded.low,
    high = excluded.high, count = excluded.count, stored = excluded.stored, fine = excluded.fine
"""


def windows(series: NDArray[Any], at: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """The window of `step` that each row is in."""
    return (series.astype(np.int64) << _BITS) + (at // step * step) // MINUTE + _ZERO


def series_of(window: NDArray[np.int64]) -> NDArray[np.int64]:
    return window >> _BITS


def start_of(window: NDArray[np.int64]) -> NDArray[np.int64]:
    """First microsecond since 1970."""
    return ((window & ((1 << _BITS) - 1)) - _ZERO) * MINUTE


def summarise(readings: ReadingBatch, step: int) -> NDArray[Any]:
    """`SUMMARY` of each window that has a reading, in the order of windows."""
    order = np.lexsort((readings.measured_at, readings.series))
    readings = readings.take(order)
    good = readings.flag != Flag.FAIL
    one = np.empty(len(readings), SUMMARY)
    one["window"] = windows(readings.series, readings.measured_at, MINUTE)
    one["total"] = np.where(good, readings.value, 0.0)
    one["low"] = one["high"] = np.where(good, readings.value, np.nan)
    one["count"], one["stored"], one["fine"] = good, 1, False
    return combine(one, step)


def combine(parts: NDArray[Any], step: int) -> NDArray[Any]:
    """The summaries of longer windows; `parts` in the order of their windows."""
    window = windows(series_of(parts["window"]), start_of(parts["window"]), step)
    starts = np.flatnonzero(np.diff(window, prepend=-1))
    whole = np.zeros(len(starts), SUMMARY)
    if len(starts):
        whole["window"] = window[starts]
        # A sum beyond the largest number is infinite, which is true.
        with np.errstate(over="ignore"):
            whole["total"] = np.add.reduceat(parts["total"], starts)
        whole["low"] = np.fmin.reduceat(parts["low"], starts)
        whole["high"] = np.fmax.reduceat(parts["high"], starts)
        for name in ("count", "stored"):
            whole[name] = np.add.reduceat(parts[name], starts)
    return whole


def between(
    db: Database, series: Sequence[int], step: int, from_at: int, to_at: int
) -> NDArray[Any]:
    """`SUMMARY` of windows of `step` with from_at <= start < to_at, in their order."""
    values = (step // SECOND, list(series), to_datetime(from_at), to_datetime(to_at))
    return _summaries(db.run_raw(_BETWEEN, values))


def within(db: Database, spans: NDArray[np.int64], span: int, step: int) -> NDArray[Any]:
    """What is kept of the windows of `step` inside these of `span`, in their order."""
    return _summaries(db.run_raw(_WITHIN, (*bounds(spans, span), step // SECOND)))


def bounds(window: NDArray[np.int64], step: int) -> tuple[list[int], list[Any], list[Any]]:
    """Series, start and end of windows, as the database takes them."""
    starts = start_of(window).tolist()
    ends = [to_datetime(at + step) for at in starts]
    return series_of(window).tolist(), [to_datetime(at) for at in starts], ends


def write(db: Database, summaries: NDArray[Any], step: int) -> None:
    """Keep these in place of what is kept of their windows."""
    window = summaries["window"]
    columns = (summaries[name].tolist() for name in SUMMARY.names[1:])  # type: ignore[index]
    start_s = (start_of(window) // SECOND).tolist()
    db.run(_WRITE, (step // SECOND, series_of(window).tolist(), start_s, *columns))


def _summaries(groups: list[list[bytes]]) -> NDArray[Any]:
    column = columns(_READ, groups)
    found = np.empty(len(column["series"]), SUMMARY)
    found["window"] = windows(column["series"], column["start_at"].astype(np.int64), MINUTE)
    for name in _READ[2:]:
        found[name] = column[name]
    return found[np.argsort(found["window"])]
