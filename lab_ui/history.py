"""A series' past for a chart: few enough points for a screen, and nothing that stood out lost."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from records import times
from records.levels import Flag
from records.readings import ReadingBatch
from store.registry import Registry

BUCKETS = 700


def thinned(
    measured_at: NDArray[np.int64], values: NDArray[np.float64], buckets: int = BUCKETS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The least and the greatest value of each of `buckets` equal spans of time, in time order.

    `measured_at` in microseconds, ascending. What has at most two points a bucket is left as it is.
    """
    if len(values) <= 2 * buckets:
        return measured_at, values
    span = max(1, -(-(int(measured_at[-1] - measured_at[0]) + 1) // buckets))
    bucket = (measured_at - measured_at[0]) // span
    order = np.lexsort((values, bucket))
    starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    kept = np.unique(np.concatenate([order[starts], order[ends]]))
    return measured_at[kept], values[kept]


def columns(readings: ReadingBatch, number: int) -> list[list[float]]:
    """One series of a batch that is ordered by time, as [[milliseconds...], [values...]]."""
    rows = readings.series == number
    at, values = thinned(readings.measured_at[rows], readings.value[rows])
    return [(at // 1000).tolist(), values.tolist()]


def as_csv(readings: ReadingBatch, registry: Registry) -> str:
    """One row a reading: series, measured_at, value, unit, flag, received_at (RFC 3339 UTC)."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["series", "measured_at", "value", "unit", "flag", "received_at"])
    for number, at, value, flag, received_at in zip(
        readings.series.tolist(),
        readings.measured_at.tolist(),
        readings.value.tolist(),
        readings.flag.tolist(),
        readings.received_at.tolist(),
        strict=True,
    ):
        series = registry.series(number)
        flag_name = Flag(flag).name.lower()
        times_of = times.text(at), times.text(received_at)
        rows.writerow([series.id, times_of[0], value, series.unit, flag_name, times_of[1]])
    return out.getvalue()
