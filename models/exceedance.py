"""Chance that a series exceeds a threshold within a horizon: boosted quantiles, kept calibrated.

Quantiles of the highest value of the coming horizon, relative to now, by gradient boosting; their
offsets follow the cases that have come true since (quantile tracking: Angelopoulos, Candes and
Tibshirani 2023, arXiv:2307.16895).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from models.detector import Floats
from models.joint import Recording

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.97])
_LAGS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of the horizon
_SUMS = (0.5, 1.0, 2.0, 6.0, 24.0)
_MOST_ROWS = 40_000
_LEAST_ROWS = 200
_GAIN = 0.02
_SUMMED = frozenset({"rain", "potential_evaporation"})

Times = NDArray[np.int64]


def latest(at: Times, value: Floats, when: Times, oldest: int) -> Floats:
    """The newest value at or before each moment; NaN where it is older by `oldest` (us)."""
    if not len(at):
        return np.full(len(when), np.nan)
    row = np.searchsorted(at, when, side="right") - 1
    known = (row >= 0) & (when - at[np.maximum(row, 0)] <= oldest)
    return np.where(known, value[np.maximum(row, 0)], np.nan)


def features(recording: Recording, target: int, horizon: int) -> Floats:
    """One row a value of the target, from values at or before it; in order of the series' ids."""
    when, own = recording.series(target)
    columns = [own]
    for place in sorted(range(len(recording.watched)), key=lambda i: recording.watched[i].id):
        at, value = recording.series(place)
        quantity = recording.watched[place].quantity
        columns += _sums(at, value, when, horizon) if quantity in _SUMMED else []
        columns += _steps(at, value, when, horizon) if quantity not in _SUMMED else []
    return np.stack(columns, axis=1)


def _steps(at: Times, value: Floats, when: Times, horizon: int) -> list[Floats]:
    now = latest(at, value, when, horizon)
    lags = [int(horizon * lag) for lag in _LAGS]
    return [now, *(now - latest(at, value, when - lag, lag) for lag in lags)]


def _sums(at: Times, value: Floats, when: Times, horizon: int) -> list[Floats]:
    total = np.r_[0.0, np.cumsum(value)]
    last = np.searchsorted(at, when, side="right")
    spans = [int(horizon * share) for share in _SUMS]
    return [total[last] - total[np.searchsorted(at, when - span, side="right")] for span in spans]


def highest_ahead(at: Times, value: Floats, horizon: int) -> Floats:
    """The highest value in (t, t + horizon]; NaN where the series has none in its second half."""
    first = np.arange(1, len(at) + 1)
    last = np.searchsorted(at, at + horizon, side="right")
    half = np.searchsorted(at, at + horizon // 2, side="right")
    ends = np.minimum(np.stack([first, last], axis=1), len(at)).ravel()
    highest: Floats = np.maximum.reduceat(np.r_[value, -np.inf], ends)[::2]
    return np.where(last > half, highest, np.nan)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Quantile models of the rise ahead, one a level of `LEVELS`."""

    models: tuple[HistGradientBoostingRegressor, ...]

    def quantiles(self, given: Floats) -> Floats:
        """Shape (rows, levels), not falling along a row."""
        found = np.stack([model.predict(given) for model in self.models], axis=1)
        return np.sort(found, axis=1)


def fit(given: Floats, rise: Floats, trees: int) -> Fitted | None:
    """Models from rows whose horizon is over; None where they are too few to learn from."""
    known = np.flatnonzero(~np.isnan(rise))
    if len(known) < _LEAST_ROWS:
        return None
    known = known[:: -(-len(known) // _MOST_ROWS)]
    return Fitted(tuple(_model(level, trees).fit(given[known], rise[known]) for level in LEVELS))


def _model(level: float, trees: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=level,
        learning_rate=0.08,
        max_iter=trees,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )


def corrected(at: Times, quantiles: Floats, rise: Floats, horizon: int, least: float) -> Floats:
    """Quantiles shifted by what came true: a row learns from rows whose horizon is over by then.

    The shift is in units of a row's own spread (at least `least`), so that what quiet days teach
    is small in quiet days. A row counts by the share of a horizon since the row before.
    """
    spread = np.maximum(quantiles[:, 4] - quantiles[:, 1], least)
    weight = _GAIN * np.clip(np.diff(at, prepend=at[:1]) / horizon, 0.0, 1.0)
    shift = np.zeros(len(LEVELS))
    shifted = np.empty_like(quantiles)
    over = 0
    for row in range(len(at)):
        while at[over] + horizon <= at[row] and over < row:
            if not np.isnan(rise[over]):
                above = rise[over] > shifted[over]
                shift = shift + weight[over] * (above - (1.0 - LEVELS))
            over += 1
        shifted[row] = np.sort(quantiles[row] + shift * spread[row])
    return shifted


def chance_above(quantiles: Floats, limit: Floats, least: float) -> Floats:
    """P(value > limit) for each row: straight lines between quantiles, exponential tails."""
    low, high = quantiles[:, 0], quantiles[:, -1]
    spread = np.maximum(quantiles[:, 4] - quantiles[:, 1], least)
    below = np.array([_share(row, one) for row, one in zip(quantiles, limit, strict=True)])
    above = (1 - LEVELS[-1]) * np.exp(-np.maximum(limit - high, 0.0) / spread)
    under = LEVELS[0] * np.exp(-np.maximum(low - limit, 0.0) / spread)
    return np.where(limit > high, above, np.where(limit < low, 1.0 - under, 1.0 - below))


def _share(quantiles: Floats, limit: float) -> float:
    return float(np.interp(limit, quantiles, LEVELS))
