"""How fast a series rises: a causal regression in time for any sampling interval.

Weights fall by 1/e in each window, so gaps and uneven intervals need no care. What is regressed is
the median of three readings, so that a single spike never counts; it stands at the time of the
middle one, so the regression is one reading behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.detector import Floats, Rows, Slot, State

_EARLIER, _LAST, _WAITED, _WEIGHT, _AGE, _MEAN, _VAR, _COV = range(8)


@dataclass(frozen=True, slots=True)
class Slope:
    """A fit for each row of a round; NaN while there are too few readings.

    per_s   unit of the series per second, positive when it rises
    level   the fitted value at the time of the last median, in the unit of the series
    """

    per_s: Floats
    level: Floats


def slots() -> dict[str, Slot]:
    """State of one series: two readings, the gap before the last, and weighted moments."""
    return {"slope": Slot("float64", (8,), math.nan)}


def fit(rows: Rows, state: State, window_s: float) -> Slope:
    """Take a round into the regression and give its slopes.

    Weighted means and sums are updated as by West (1979), doi:10.1145/359146.359153; the mean time
    is kept as an age, so that nothing is lost to large numbers.
    """
    moments = state["slope"][rows.at]
    earlier, previous, waited, weight, age, mean, var_t, cov = moments.T
    middle = np.maximum(
        np.minimum(earlier, previous), np.minimum(np.maximum(earlier, previous), rows.value)
    )
    known = ~np.isnan(middle)
    begins = known & np.isnan(weight)
    fade = np.exp(-waited / window_s)
    weight = np.where(begins, 1.0, weight * fade + 1.0)
    share = 1.0 - 1.0 / weight
    age = np.where(begins, 0.0, age + waited)
    above = np.where(begins, 0.0, middle - mean)
    var_t = np.where(begins, 0.0, fade * var_t + share * age * age)
    cov = np.where(begins, 0.0, fade * cov + share * age * above)
    mean = np.where(begins, middle, mean + above / weight)
    age = age * share
    moments[:, _EARLIER], moments[:, _LAST], moments[:, _WAITED] = previous, rows.value, rows.gap_s
    fresh = np.stack([weight, age, mean, var_t, cov], axis=1)
    moments[:, _WEIGHT:] = np.where(known[:, None], fresh, moments[:, _WEIGHT:])
    state["slope"][rows.at] = moments
    sure = known & (var_t > 0)
    per_s = np.where(sure, cov / np.where(sure, var_t, 1.0), np.nan)
    return Slope(per_s, mean + per_s * age)


def last(rows: Rows, state: State) -> Floats:
    """The reading before of each series, NaN for its first one."""
    before: Floats = state["slope"][rows.at, _LAST]
    return before


def shift(rows: Rows, state: State, by: Floats) -> None:
    """Move what was kept to another datum, `by` higher (unit of the series)."""
    state["slope"][rows.at[:, None], [_EARLIER, _LAST, _MEAN]] += by[:, None]
