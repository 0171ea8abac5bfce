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
from records.times import DAY, SECOND

GRID = 10 * SECOND
_NEVER = -(2**63)
_STEPS, _LONGEST_STEP = 3, DAY


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
    """When each series was last heard of, and whether it is silent now.

    unknown  series whose interval nobody said: three of the steps that it shows count as well (the
             smaller of its last two, so that a pause does not count as a step)
    """

    def __init__(
        self,
        blind_after_s: NDArray[np.float64],
        started_at: int,
        unknown: NDArray[np.bool_] | None = None,
    ) -> None:
        count = len(blind_after_s)
        self._unknown = np.zeros(count, np.bool_) if unknown is None else unknown
        self.steps = np.zeros((count, 2), np.int64)
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
            self._step(at, measured, newer & self._unknown[at])
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
        last, before = self.steps[at].T
        step = np.minimum(np.where(before > 0, np.minimum(last, before), last), _LONGEST_STEP)
        allowed = np.maximum(self._blind_after[at], _STEPS * step)
        due: NDArray[np.int64] = ((self.seen_at[at] + allowed) // GRID + 1) * GRID
        return due

    def _step(
        self, at: NDArray[np.intp], measured: NDArray[np.int64], counts: NDArray[np.bool_]
    ) -> None:
        counts = counts & (self.newest_at[at] != _NEVER)
        mine = at[counts]
        self.steps[mine, 1] = self.steps[mine, 0]
        self.steps[mine, 0] = measured[counts] - self.newest_at[mine]

    def save(self, ids: Sequence[str]) -> dict[str, tuple[int, int, bool, list[int]]]:
        """Per series id: last heard of, newest measurement, silent, last two steps."""
        columns = (
            self.seen_at.tolist(),
            self.newest_at.tolist(),
            self.silent.tolist(),
            self.steps.tolist(),
        )
        return dict(zip(ids, zip(*columns, strict=True), strict=True))

    def load(self, ids: Sequence[str], saved: Mapping[str, Any], at: int) -> None:
        """Take over the series that are known; for others the silence counts from `at`."""
        for place, series_id in enumerate(ids):
            # What an older version saved has no steps: they are learned again.
            seen, newest, silent, *steps = saved.get(series_id, (at, _NEVER, False))
            self.seen_at[place] = int(seen)
            self.newest_at[place] = int(newest)
            self.silent[place] = bool(silent)
            self.steps[place] = steps[0] if steps else 0
