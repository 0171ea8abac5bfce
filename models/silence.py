"""Which readings are news, and which series have been silent for too long.

The timers stand on a fixed grid of clock time, so that when they fire depends on arrivals alone
and not on when somebody looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.rounds import rounds
from records.times import SECOND

GRID = 10 * SECOND
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Watch:
    """What a batch of arrivals meant, columns in their order.

    news       rows newer than all before of their series
    restarted  news although older: the series was silent, so its clock must have been set back
    returned   news after a silence
    silences   (grid time, place) of each series that fell silent
    """

    news: NDArray[np.bool_]
    restarted: NDArray[np.bool_]
    returned: NDArray[np.bool_]
    silences: list[tuple[int, int]]


class Silence:
    """When each series was last heard of, and whether it is silent now."""

    def __init__(self, blind_after_s: NDArray[np.float64], started_at: int) -> None:
        count = len(blind_after_s)
        self._blind_after = np.rint(blind_after_s * SECOND).astype(np.int64)
        self.seen_at = np.full(count, started_at, np.int64)
        self.newest_at = np.full(count, _NEVER, np.int64)
        self.silent = np.zeros(count, np.bool_)

    def arrive(
        self,
        place: NDArray[np.intp],
        received_at: NDArray[np.int64],
        measured_at: NDArray[np.int64],
    ) -> Watch:
        """Take arrivals in their order; a timer fires before what arrives after its moment."""
        count = len(place)
        none = np.zeros(count, np.bool_)
        watch = Watch(none, none.copy(), none.copy(), [])
        for rows in rounds(place):
            at, now, measured = place[rows], received_at[rows], measured_at[rows]
            due = self._due(at)
            fell = ~self.silent[at] & (now > due)
            watch.silences.extend(zip(due[fell].tolist(), at[fell].tolist(), strict=True))
            silent = self.silent[at] | fell
            newer = measured > self.newest_at[at]
            news = newer | silent
            watch.news[rows] = news
            watch.restarted[rows] = silent & ~newer
            watch.returned[rows] = silent
            self.silent[at] = False
            self.seen_at[at] = np.where(news, now, self.seen_at[at])
            self.newest_at[at] = np.where(news, measured, self.newest_at[at])
        return watch

    def fall_silent(self, now_at: int) -> list[tuple[int, int]]:
        """(grid time, place) of each series whose timer fired up to `now_at`."""
        due = self._due(np.arange(len(self.seen_at)))
        fell = ~self.silent & (due <= now_at)
        self.silent |= fell
        return list(zip(due[fell].tolist(), np.flatnonzero(fell).tolist(), strict=True))

    def _due(self, at: NDArray[np.intp]) -> NDArray[np.int64]:
        """The first grid moment at which the silence is longer than allowed."""
        return ((self.seen_at[at] + self._blind_after[at]) // GRID + 1) * GRID

    def save(self, ids: Sequence[str]) -> dict[str, tuple[int, int, bool]]:
        """Per series id: last heard of, newest measurement, silent."""
        columns = self.seen_at.tolist(), self.newest_at.tolist(), self.silent.tolist()
        return dict(zip(ids, zip(*columns, strict=True), strict=True))

    def load(self, ids: Sequence[str], saved: Mapping[str, Any], at: int) -> None:
        """Take over the series that are known; for others the silence counts from `at`."""
        for place, series_id in enumerate(ids):
            seen, newest, silent = saved.get(series_id, (at, _NEVER, False))
            self.seen_at[place] = int(seen)
            self.newest_at[place] = int(newest)
            self.silent[place] = bool(silent)
