"""What was heard of each series up to a decision: its newest reading, and how its clock goes.

Clocks of devices are wrong by minutes; a message can't arrive before it was sent. So the least lag
(arrival less measurement) of the last minute or two is what the clock is slow by, together with the
least transport. Measurement times plus this lag are times on the clock of arrivals, which all
series share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats
from models.swings import Swings
from records.times import MINUTE

_NEVER = -(2**63)
_UNKNOWN = 2**62


class Hearing:
    """Columns by place: a function of the arrivals in their order, however they were cut.

    asked     of which series anybody wants to know: the others are passed over
    alive_at  newest measurement whose value differs from the one before it (microseconds, on the
              series' own clock): a channel that repeats one value hears nothing
    lag       least arrival less measurement in this minute of arrivals and the one before
    swings    how far each swung in the last seconds of arrivals
    """

    def __init__(self, count: int) -> None:
        self.asked = np.zeros(count, np.bool_)
        self.alive_at = np.full(count, _NEVER, np.int64)
        self._value = np.full(count, np.nan)
        self._lag = np.full((2, count), _UNKNOWN, np.int64)
        self._minute = 0
        self.swings = Swings(count)

    @contextmanager
    def listening(
        self,
        place: NDArray[np.intp],
        received_at: NDArray[np.int64],
        measured_at: NDArray[np.int64],
        value: Floats,
    ) -> Iterator[Callable[[int, int | None], None]]:
        """Take arrivals by and by: call what is given with a moment and the row that decided then.

        Rows up to that one are heard, or all up to the moment where no row decided (None); the
        rest at the end.
        """
        asked = np.flatnonzero(self.asked[place]) if self.asked.any() else np.empty(0, np.intp)
        done = 0

        def until(end: int) -> None:
            nonlocal done
            if end > done:
                rows = asked[done:end]
                self.advance(place[rows], received_at[rows], measured_at[rows], value[rows])
                done = end

        def hear(at: int, row: int | None) -> None:
            last = int(np.searchsorted(received_at, at, side="right")) if row is None else row + 1
            until(int(np.searchsorted(asked, last)))

        yield hear
        until(len(asked))

    def advance(
        self,
        place: NDArray[np.intp],
        received_at: NDArray[np.int64],
        measured_at: NDArray[np.int64],
        value: Floats,
    ) -> None:
        """Take arrivals, in order of `received_at`."""
        minute = received_at // MINUTE
        cuts = np.flatnonzero(np.diff(minute)) + 1
        for first, end in pairwise([0, *cuts.tolist(), len(place)]):
            self._begin(int(minute[first]))
            at, lag = place[first:end], received_at[first:end] - measured_at[first:end]
            np.minimum.at(self._lag[0], at, lag)
        order = np.argsort(place, kind="stable")
        at, now = place[order], value[order]
        before = np.r_[np.nan, now[:-1]]
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        before[starts] = self._value[at[starts]]
        moved = now != before
        # Of several the last counts: a clock that was set back is behind what it said before.
        self.alive_at[at[moved]] = measured_at[order][moved]
        self._value[at] = now
        self.swings.advance(place, received_at, value)

    def lag(self, place: int) -> int:
        """Microseconds to add to the series' own times; 0 before its first reading."""
        least = int(self._lag[:, place].min())
        return 0 if least == _UNKNOWN else least

    def heard_at(self, place: int) -> int | None:
        """The newest live reading of a series on the clock of arrivals; None before the first."""
        newest = int(self.alive_at[place])
        return None if newest == _NEVER else newest + self.lag(place)

    def _begin(self, minute: int) -> None:
        if minute == self._minute:
            return
        self._minute = minute
        known = self._lag[0] != _UNKNOWN
        # A series that was silent keeps what was known of its clock.
        self._lag[1] = np.where(known, self._lag[0], self._lag[1])
        self._lag[0] = _UNKNOWN

    def save(self, ids: Sequence[str]) -> dict[str, Any]:
        columns = (self.alive_at, self._value, self._lag[0], self._lag[1])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return {
            "minute": self._minute,
            "series": dict(zip(ids, rows, strict=True)),
            "swings": self.swings.save(ids),
        }

    def load(self, ids: Sequence[str], saved: Mapping[str, Any]) -> None:
        """Take over the series that are known."""
        self._minute = int(saved["minute"])
        self.swings.load(ids, saved.get("swings", {}))
        for place, series_id in enumerate(ids):
            if series_id in saved["series"]:
                alive_at, value, lag, earlier = saved["series"][series_id]
                self.alive_at[place], self._value[place] = int(alive_at), float(value)
                self._lag[:, place] = int(lag), int(earlier)
