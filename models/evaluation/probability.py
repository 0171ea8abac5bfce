"""How good probabilities are: Brier score and skill, reliability, area under precision and recall.

Cases are rows of a forecast with what then happened; rows of one block belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scores.probability import brier_score
from sklearn.metrics import average_precision_score

from models.detector import Floats
from models.evaluation.resampling import Interval, interval
from models.evaluation.spans import Times, Truths


def brier(chance: Floats, happened: Truths) -> float:
    """Mean squared distance of chances from what happened (Brier 1950); 0 is perfect."""
    return float(brier_score(xr.DataArray(chance), xr.DataArray(happened.astype(np.float64))))


def brier_skill(
    chance: Floats, null: Floats, happened: Truths, measured_at: Times, block: int
) -> Interval:
    """1 - Brier / Brier of the null, bootstrap over blocks of so many microseconds of time.

    1 is perfect, 0 no better than the null, below 0 worse.
    """
    off = np.stack([(chance - happened) ** 2, (null - happened) ** 2], axis=1)
    return interval(_block_sums(off, measured_at, block), _skill)


def _skill(sums: Floats) -> Floats:
    null = sums[..., 1]
    share = np.divide(sums[..., 0], null, where=null > 0, out=np.full(np.shape(null), np.nan))
    return np.asarray(1 - share)


def _block_sums(rows: Floats, measured_at: Times, block: int) -> Floats:
    _, number = np.unique(measured_at // block, return_inverse=True)
    sums = np.zeros((number.max(initial=-1) + 1, rows.shape[1]))
    np.add.at(sums, number, rows)
    return sums


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about the same chance: how often did it happen?"""

    cases: int
    mean_chance: float
    share_happened: float


def reliability(chance: Floats, happened: Truths, bins: int = 10) -> list[Bin]:
    """One line a filled bin of equal width; reliable forecasts have equal shares in each."""
    return [
        Bin(int(rows.sum()), float(chance[rows].mean()), float(happened[rows].mean()))
        for rows in _bins(chance, bins)
    ]


def _bins(chance: Floats, bins: int) -> Iterator[NDArray[np.bool_]]:
    number = np.minimum((chance * bins).astype(np.int64), bins - 1)
    return (number == one for one in np.unique(number))


def precision_recall_area(score: Floats, happened: Truths) -> float:
    """Average precision: 1 is perfect, the share of events that of chance; NaN without events.

    `scores` has no such measure. Any score will do, higher being more likely.
    """
    if not happened.any():
        return float("nan")
    return float(average_precision_score(happened, score))
