"""The newest stored time of each series, remembered between commits of one connection.

Only a short cut: a row newer than what is remembered goes straight to COPY, any other is compared
with what is stored. If another writer was there first, the unique key says so and the commit is
done again the careful way; so a stale memory costs time, never a row.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

UNKNOWN = np.iinfo(np.int64).max
NEVER = np.iinfo(np.int64).min


class Newest:
    """An array by series number: microseconds, NEVER without a reading, UNKNOWN if not asked."""

    def __init__(self) -> None:
        self._at = np.full(64, UNKNOWN, np.int64)

    def unknown(self, series: NDArray[np.int32]) -> list[int]:
        """Those of the series numbers that nothing is remembered of."""
        if not len(series):
            return []
        self._grow(int(series.max()))
        present = np.unique(series)
        return [int(number) for number in present[self._at[present] == UNKNOWN]]

    def learn(self, stored: Mapping[int, int], asked: list[int]) -> None:
        """What the store answered about the series `asked`."""
        for number in asked:
            self._at[number] = stored.get(number, NEVER)

    def of(self, series: NDArray[np.int32]) -> NDArray[np.int64]:
        return self._at[series]

    def raise_to(self, series: NDArray[np.int32], measured_at: NDArray[np.int64]) -> None:
        """Rows that are now committed."""
        np.maximum.at(self._at, series, measured_at)

    def forget(self) -> None:
        self._at[:] = UNKNOWN

    def _grow(self, number: int) -> None:
        if number >= len(self._at):
            longer = np.full(max(number + 1, 2 * len(self._at)), UNKNOWN, np.int64)
            longer[: len(self._at)] = self._at
            self._at = longer
