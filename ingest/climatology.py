"""Which values a season and an hour allow: live and final, since it looks at no other row.

As ioos_qc's `ClimatologyConfig`: seasons are applied in their order, and the last one that holds
decides; where none holds nothing can be said. Ours may name a part of the year and of the day at
once. https://ioos.github.io/ioos_qc/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from records.levels import Flag
from records.rules import Season

_HOUR = 3_600_000_000
_PARTS = ("month", "dayofyear", "hour")


class Seasons:
    """The seasons of many series, as arrays: place in their order x series."""

    def __init__(self, rules: Mapping[int, Sequence[Season]], size: int) -> None:
        """`rules` by series number, of which there are `size`."""
        most = max((len(seasons) for seasons in rules.values()), default=0)
        self._count = np.zeros(size, np.int64)
        ends = dict.fromkeys((*_PARTS, "fail"), (-np.inf, np.inf))
        self._spans = {
            name: np.tile(np.reshape(ends.get(name, (np.inf, -np.inf)), (2, 1, 1)), (most, size))
            for name in (*_PARTS, "suspect", "fail")
        }
        for series, seasons in rules.items():
            self._count[series] = len(seasons)
            for place, season in enumerate(seasons):
                for name, spans in self._spans.items():
                    if (span := getattr(season, name)) is not None:
                        # Values are within in either order, times of the year in theirs.
                        spans[:, place, series] = span if name in _PARTS else sorted(span)

    def judge(
        self, series: NDArray[np.int32], at: NDArray[np.int64], value: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """A QARTOD flag for each of n values, 0 where the series has no seasons; `at` in
        microseconds since 1970 UTC."""
        flag = np.zeros(len(at), np.uint8)
        rows = np.flatnonzero(self._count[series] > 0)
        if len(rows):
            flag[rows] = self._judge(series[rows], at[rows], value[rows])
        return flag

    def _judge(
        self, series: NDArray[np.int32], at: NDArray[np.int64], value: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        flag = np.full(len(at), Flag.NOT_EVALUATED, np.uint8)
        parts = _parts(at)
        for place in range(int(self._count[series].max())):
            within = {
                name: (number >= low[place, series]) & (number <= high[place, series])
                for name, (low, high) in self._spans.items()
                for number in (parts.get(name, value),)
            }
            there = place < self._count[series]
            for name in _PARTS:
                there &= within[name]
            flag[there] = Flag.GOOD
            flag[there & ~within["suspect"]] = Flag.SUSPECT
            flag[there & ~within["fail"]] = Flag.FAIL
        return flag


def _parts(at: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Month, day of the year and hour, the first two from 1 on."""
    moments = at.view("datetime64[us]")
    days = moments.astype("datetime64[D]")
    return {
        "month": moments.astype("datetime64[M]").astype(np.int64) % 12 + 1,
        "dayofyear": (days - days.astype("datetime64[Y]")).astype(np.int64) + 1,
        "hour": at // _HOUR % 24,
    }
