"""Bootstrap intervals over whole blocks: what one storm did is drawn or left out as a whole.

Percentile intervals (Efron and Tibshirani 1993, doi:10.1201/9780429246593, chapter 13). Blocks are
stretches of time at a station, or events; rows within one are never torn apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detector import Floats

Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its interval; NaN where too few draws have a value to say one."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def interval(
    sums: Floats, statistic: Statistic, *, share: float = 0.9, draws: int = 2000, seed: int = 0
) -> Interval:
    """The statistic of all blocks together, and its bootstrap interval.

    sums       shape (blocks, columns): what is counted in each block, such as hits and misses
    statistic  from sums over blocks, shape (..., columns), to shape (...); NaN where undefined
    Two systems are compared by one statistic over the columns of both: the draws are the same.
    """
    value = float(statistic(sums.sum(axis=0)))
    if len(sums) < 2:
        return Interval(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn = statistic(_drawn(rng, len(sums), draws) @ sums)
    known = drawn[~np.isnan(drawn)]
    if len(known) < draws / 2:
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
    return Interval(value, float(low), float(high))


def _drawn(rng: np.random.Generator, blocks: int, draws: int) -> NDArray[np.float64]:
    """Shape (draws, blocks): how often each block was drawn."""
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(np.float64)
