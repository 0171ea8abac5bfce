"""Readings of several series as one row a moment: what each last said, unless that is too old."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats, State
from models.joint import Recording
from records.times import SECOND

# Of a series' own usual step: an older reading does not stand for now.
_STEPS = 3.0
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Moments:
    """`at` (microseconds) are the moments, ascending; `value` has shape (moments, series), NaN
    where the last reading of a series is too old."""

    at: NDArray[np.int64]
    value: Floats

    @property
    def interval_s(self) -> float:
        """Median step between moments."""
        return float(np.median(np.diff(self.at))) / SECOND

    @property
    def gap_s(self) -> Floats:
        """Seconds since the moment before; the median step for the first."""
        gaps: Floats = np.diff(self.at, prepend=self.at[:1]) / SECOND
        gaps[0] = self.interval_s
        return gaps


def steps_of(recording: Recording) -> NDArray[np.int64]:
    """The usual step of each series in microseconds; 0 for one with fewer than two readings."""
    times = [recording.series(place)[0] for place in range(len(recording.watched))]
    return np.array([int(np.median(np.diff(at))) if len(at) > 1 else 0 for at in times], np.int64)


def moments(
    recording: Recording, since: int, steps: NDArray[np.int64], state: State | None = None
) -> Moments:
    """One row for each time of the recording after `since`.

    `state` keeps what each series said last from call to call; None: there is nothing before.
    """
    kept = {} if state is None else state
    count = len(recording.watched)
    last_at = kept.get("last_at", np.full(count, _NEVER, np.int64))
    last = kept.get("last", np.full(count, np.nan))
    first = int(np.searchsorted(recording.measured_at, since, side="right"))
    times = np.unique(recording.measured_at[first:])
    value = np.empty((len(times), count))
    for place in range(count):
        at, said = recording.series(place)
        newer = int(np.searchsorted(at, since, side="right"))
        at, said = np.r_[last_at[place], at[newer:]], np.r_[last[place], said[newer:]]
        row = np.searchsorted(at, times, side="right") - 1
        fresh = (at[row] != _NEVER) & (times - at[row] <= _STEPS * steps[place])
        value[:, place] = np.where(fresh, said[row], np.nan)
        last_at[place], last[place] = at[-1], said[-1]
    kept["last_at"], kept["last"] = last_at, last
    return Moments(times, value)
