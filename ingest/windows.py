"""Range and deviation of many windows of one column at once, medians of many columns.

All are functions of a window's own values, whatever stands around it: how a series is cut into
stretches can't change a verdict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def ranges(value: Floats, start: Places, end: Places) -> Floats:
    """Largest minus smallest of value[start:end] for each of m windows, each of one row or more."""
    found = np.empty(len(start))
    length = end - start
    level = np.frexp(length)[1] - 1  # the largest power of two that fits
    high, low, width = value, value, 1
    for power in range(int(level.max(initial=-1)) + 1):
        if power:
            high = np.maximum(high[:-width], high[width:])
            low = np.minimum(low[:-width], low[width:])
            width *= 2
        here = np.flatnonzero(level == power)
        first, last = start[here], end[here] - width
        found[here] = np.maximum(high[first], high[last]) - np.minimum(low[first], low[last])
    return found


def deviates_less(value: Floats, start: Places, end: Places, limit: Floats) -> NDArray[np.bool_]:
    """Whether the standard deviation (population) of value[start:end] is below each limit.

    Running sums decide where their rounding can't matter; the other windows are looked at one by
    one, so that the answer is that of the window alone.
    """
    centred = value - (value.mean() if len(value) else 0.0)
    ones = np.append(0.0, np.cumsum(centred))
    squares = np.append(0.0, np.cumsum(centred * centred))
    count = end - start
    mean = (ones[end] - ones[start]) / count
    variance = (squares[end] - squares[start]) / count - mean * mean
    unit = 4 * np.finfo(np.float64).eps * (len(value) + 1)
    error = unit * (squares[-1] + np.abs(ones).max() * np.abs(centred).max(initial=0.0)) / count
    below: NDArray[np.bool_] = variance < limit * limit
    for row in np.flatnonzero(~(np.abs(variance - limit * limit) > error)):
        below[row] = np.std(value[start[row] : end[row]].copy()) < limit[row]
    return below


def median(near: Floats, known: Places) -> Floats:
    """Median of the known values of each column; NaN where none is known."""
    ordered = np.sort(near, axis=0)  # NaN stands last
    column = np.arange(near.shape[1])
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(near) - 1)
    found: Floats = (ordered[low, column] + ordered[high, column]) / 2
    return found
