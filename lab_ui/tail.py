"""The last minutes of each series in memory, so that a new viewer costs no query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch

POINTS = 1200


class Tail:
    """At most POINTS newest readings a series, by measured_at (microseconds), without repeats.

    Late readings take their place in time; those older than all that is kept fall out.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._times: dict[int, NDArray[np.int64]] = {}
        self._values: dict[int, NDArray[np.float64]] = {}

    def extend(self, readings: ReadingBatch) -> None:
        order = np.argsort(readings.series, kind="stable")
        numbers, starts = np.unique(readings.series[order], return_index=True)
        # Split at every start: before the first one there is nothing, also of an empty batch.
        for number, rows in zip(numbers, np.split(order, starts)[1:], strict=True):
            self._extend_one(int(number), readings.measured_at[rows], readings.value[rows])

    def _extend_one(
        self, number: int, times: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        known = self._times.get(number)
        if known is not None:
            times = np.concatenate([known, times])
            values = np.concatenate([self._values[number], values])
        # The last of equal times wins: reversed, so that `unique` meets it first.
        kept, places = np.unique(times[::-1], return_index=True)
        self._times[number] = kept[-self._points :]
        self._values[number] = values[::-1][places][-self._points :]

    def since(self, number: int, from_at: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of a series from `from_at` on; empty for an unknown series."""
        if number not in self._times:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        first = int(np.searchsorted(self._times[number], from_at))
        return self._times[number][first:], self._values[number][first:]
