"""Readings as columns: one frozen object a batch, never an object a reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """Columns of equal length n, in order of arrival.

    series       int32    the registry's number of the series
    measured_at  int64    raw device time, microseconds since 1970 UTC
    received_at  int64    arrival of the message, microseconds since 1970 UTC
    value        float64  in the series' unit, always finite
    flag         uint8    live QARTOD flag (`records.levels.Flag`)
    checks       uint16   bits of `records.levels.Check` that set the flag
    late         bool     over its series' `late_after`: kept, but never raises a live warning
    """

    series: NDArray[np.int32]
    measured_at: NDArray[np.int64]
    received_at: NDArray[np.int64]
    value: NDArray[np.float64]
    flag: NDArray[np.uint8]
    checks: NDArray[np.uint16]
    late: NDArray[np.bool_]

    def __post_init__(self) -> None:
        length = len(self.series)
        for field in fields(self):
            if len(getattr(self, field.name)) != length:
                raise ValueError(f"column {field.name} has another length than series")

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> ReadingBatch:
        """The rows at these places, in this order (anything numpy can index with)."""
        return ReadingBatch(*(getattr(self, f.name)[rows] for f in fields(self)))

    def by_arrival(self) -> ReadingBatch:
        """Ordered by (received_at, series, measured_at): the order that decisions are made in."""
        return self.take(np.lexsort((self.measured_at, self.series, self.received_at)))


_DTYPES = (np.int32, np.int64, np.int64, np.float64, np.uint8, np.uint16, np.bool_)


def empty() -> ReadingBatch:
    """A batch of no readings."""
    columns: list[Any] = [np.empty(0, dtype) for dtype in _DTYPES]
    return ReadingBatch(*columns)


def concatenate(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    """One batch after the other."""
    if not batches:
        return empty()
    return ReadingBatch(
        *(np.concatenate([getattr(b, f.name) for b in batches]) for f in fields(ReadingBatch))
    )
