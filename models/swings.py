"""How far series swung within single seconds of the last ones: how strong shaking is until now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.detector import NEVER, Floats
from records.times import SECOND

LATELY_S = 20


class Swings:
    """Lowest and highest value of each of the last LATELY_S seconds of arrivals, by place.

    A function of the arrivals in their order, however they were cut.
    """

    def __init__(self, count: int) -> None:
        self._second = np.full((LATELY_S, count), NEVER, np.int64)
        self._low = np.zeros((LATELY_S, count))
        self._high = np.zeros((LATELY_S, count))
        self._newest = NEVER

    def advance(
        self, place: NDArray[np.intp], received_at: NDArray[np.int64], value: Floats
    ) -> None:
        """Take arrivals, in order of `received_at`."""
        if not len(place):
            return
        self._newest = max(self._newest, int(received_at[-1]) // SECOND)
        second = received_at // SECOND
        (lately,) = (second > self._newest - LATELY_S).nonzero()
        second, value = second[lately], value[lately]
        at = second % LATELY_S, place[lately]
        begun = self._second[at] != second
        new = at[0][begun], at[1][begun]
        self._second[new], self._low[new], self._high[new] = second[begun], np.inf, -np.inf
        np.minimum.at(self._low, at, value)
        np.maximum.at(self._high, at, value)

    def strongest(self, place: int, now_at: int) -> float:
        """Half of the third largest swing up to `now_at` (microseconds); 0 where there are none.

        Half of a swing is an amplitude, whatever the sensor's offset. Not the largest nor the
        next, because a single blow is over within a second but may pass from one to the other.
        """
        known = self._second[:, place] > now_at // SECOND - LATELY_S
        swing = np.sort(self._high[known, place] - self._low[known, place])
        return float(swing[-3]) / 2 if len(swing) > 2 else 0.0

    def save(self, ids: Sequence[str]) -> dict[str, Any]:
        """By series: (second, lowest, highest) of the seconds that still count."""
        lately = self._second > self._newest - LATELY_S
        saved = {}
        for place in np.flatnonzero(lately.any(axis=0)).tolist():
            columns = (self._second, self._low, self._high)
            rows = zip(*(c[lately[:, place], place].tolist() for c in columns), strict=True)
            saved[ids[place]] = sorted(rows)
        return saved

    def load(self, ids: Sequence[str], saved: Mapping[str, Any]) -> None:
        """Take over the series that are known."""
        for place, series_id in enumerate(ids):
            for second, low, high in saved.get(series_id, []):
                at = second % LATELY_S, place
                self._second[at], self._low[at], self._high[at] = second, low, high
                self._newest = max(self._newest, second)
