"""Chance that a series exceeds a threshold within a horizon: boosted quantiles, kept calibrated.

Quantiles of the highest value of the coming horizon, relative to now, by gradient boosting; their
offsets follow the cases that have come true since (quantile tracking: Angelopoulos, Candes and
Tibshirani 2023, arXiv:2307.16895).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import ThreadpoolController

from models.detector import Floats, State
from models.joint import Recording

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.97])
_THREADS = ThreadpoolController()
_LAGS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of the horizon
_SUMS = (0.5, 1.0, 2.0, 6.0, 24.0)
_REACH = max(*_SUMS, *(2 * lag for lag in _LAGS))
_SUM_STEP = 1e-6
# Of what models are given and learn: last digits, which come from converting units, must not move
# a value over the border of a bin. Metres, millimetres, logarithms: no sensor tells so little.
_DECIMALS = 6
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


def usual_sizes(recording: Recording) -> Floats:
    """For each series of discharge its median size, for others infinity: where `bent` begins."""
    sizes = np.full(len(recording.watched), np.inf)
    for place, watched in enumerate(recording.watched):
        if watched.quantity == "discharge":
            _, value = recording.series(place)
            sizes[place] = np.median(np.abs(value)) if len(value) else np.inf
    least: Floats = np.maximum(sizes, 1e-6)
    return least


def bend(value: Floats, size: float) -> Floats:
    """A flow on a scale that is even for small values and logarithmic for large ones."""
    bent: Floats = np.arcsinh(value / size) if np.isfinite(size) else value
    return bent


def bent_series(recording: Recording, place: int, scales: Floats) -> tuple[Times, Floats]:
    """Times and bent values of one series."""
    at, value = recording.series(place)
    return at, bend(value, float(scales[place]))


def looks_back_s(horizon_s: float) -> float:
    """How far back (s) the features of a row look."""
    return horizon_s * _REACH


def reach(horizon: int) -> int:
    """The same in microseconds. What came of a row can be known no longer than that: a live stage
    has forgotten what lies farther back."""
    return round(horizon * _REACH)


def features(recording: Recording, target: int, horizon: int, since: int, scales: Floats) -> Floats:
    """One row a value of the target newer than `since`, from values at or before it.

    Columns in order of the series' ids. Those of a row are the same bits wherever the recording
    begins, `looks_back_s` before the row or earlier.
    """
    when, own = bent_series(recording, target, scales)
    when, own = when[when > since], own[when > since]
    columns = [own]
    for place in sorted(range(len(recording.watched)), key=lambda i: recording.watched[i].id):
        at, value = bent_series(recording, place, scales)
        quantity = recording.watched[place].quantity
        columns += _sums(at, value, when, horizon) if quantity in _SUMMED else []
        columns += _steps(at, value, when, horizon) if quantity not in _SUMMED else []
    return np.stack(columns, axis=1)


def _steps(at: Times, value: Floats, when: Times, horizon: int) -> list[Floats]:
    now = latest(at, value, when, horizon)
    lags = [int(horizon * lag) for lag in _LAGS]
    return [now, *(now - latest(at, value, when - lag, lag) for lag in lags)]


def _sums(at: Times, value: Floats, when: Times, horizon: int) -> list[Floats]:
    # In whole numbers, so that a sum does not depend on what was added before it.
    total = np.r_[0, np.cumsum(np.rint(value / _SUM_STEP).astype(np.int64))]
    last = np.searchsorted(at, when, side="right")
    starts = [np.searchsorted(at, when - int(horizon * share), side="right") for share in _SUMS]
    return [(total[last] - total[start]) * _SUM_STEP for start in starts]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a series reached within `horizon` (microseconds) of a moment."""

    at: Times
    value: Floats
    horizon: int

    def highest(self, when: Times) -> Floats:
        """The highest value in (t, t + horizon]; NaN where there is none in its second half."""
        first = np.searchsorted(self.at, when, side="right")
        last = np.searchsorted(self.at, when + self.horizon, side="right")
        half = np.searchsorted(self.at, when + self.horizon // 2, side="right")
        ends = np.minimum(np.stack([first, last], axis=1), len(self.at)).ravel()
        highest: Floats = np.maximum.reduceat(np.r_[self.value, -np.inf], ends)[::2]
        return np.where(last > half, highest, np.nan)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Quantile models of the rise ahead, one a level of `LEVELS`, on the scale of `bend`.

    order  in which the models take the columns of `features`: of splits that are equally good the
           first column's is made, so no order may come from the names of series
    """

    models: tuple[HistGradientBoostingRegressor, ...]
    scales: Floats
    order: NDArray[np.intp]

    def quantiles(self, given: Floats) -> Floats:
        """Shape (rows, levels), not falling along a row."""
        given = np.round(given[:, self.order], _DECIMALS)
        with _one_thread():
            found: Floats = np.stack([model.predict(given) for model in self.models], axis=1)
        return np.sort(found, axis=1)


def fit(given: Floats, rise: Floats, trees: int, scales: Floats) -> Fitted | None:
    """Models from rows whose horizon is over; None where they are too few to learn from."""
    given, rise = np.round(given, _DECIMALS), np.round(rise, _DECIMALS)
    known = np.flatnonzero(~np.isnan(rise))
    if len(known) < _LEAST_ROWS:
        return None
    known = known[:: -(-len(known) // _MOST_ROWS)]
    # A column that nothing was ever seen in can't be split, and scikit-learn refuses it.
    given = np.where(np.isnan(given[known]).all(axis=0), 0.0, given[known])
    order = np.argsort(np.nanmean(given, axis=0), kind="stable")
    with _one_thread():
        models = [_model(level, trees).fit(given[:, order], rise[known]) for level in LEVELS]
    return Fitted(tuple(models), scales, order)


def _one_thread() -> AbstractContextManager[Any]:
    """Threads that wait for each other on a busy machine cost ten times what they save."""
    limited: AbstractContextManager[Any] = _THREADS.limit(limits=1, user_api="openmp")
    return limited


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


def corrected(
    at: Times, quantiles: Floats, value: Floats, ahead: Ahead, least: float, state: State
) -> Floats:
    """Quantiles of the rise shifted by what came true: a row learns from rows whose horizon is
    over by then.

    The shift is in units of a row's own spread (at least `least`), so that what quiet days teach
    is small in quiet days. A row counts by the share of a horizon since the row before. `state`
    keeps the shift and the rows that wait for their horizon.
    """
    shift = state.setdefault("shift", np.zeros(len(LEVELS)))
    waiting_at = np.r_[state.get("at", np.zeros(0, np.int64)), at]
    shifted = np.r_[state.get("shifted", np.zeros((0, len(LEVELS)))), np.empty_like(quantiles)]
    before = state.get("last_at", at[:1])
    weight = _GAIN * np.clip(np.diff(at, prepend=before) / ahead.horizon, 0.0, 1.0)
    weight = np.r_[state.get("weight", np.zeros(0)), weight]
    base = np.r_[state.get("value", np.zeros(0)), value]
    rise = ahead.highest(waiting_at) - base
    spread = np.maximum(quantiles[:, 4] - quantiles[:, 1], least)
    kept = len(waiting_at) - len(at)
    known_for, over = reach(ahead.horizon), 0
    for row in range(len(at)):
        while waiting_at[over] + ahead.horizon <= at[row]:
            if not np.isnan(rise[over]) and at[row] - waiting_at[over] < known_for:
                above = rise[over] > shifted[over]
                shift = shift + weight[over] * (above - (1.0 - LEVELS))
            over += 1
        shifted[kept + row] = np.sort(quantiles[row] + shift * spread[row])
    state["shift"], state["last_at"] = shift, at[-1:].copy()
    state["at"], state["shifted"] = waiting_at[over:], shifted[over:]
    state["weight"], state["value"] = weight[over:], base[over:]
    found: Floats = shifted[kept:]
    return found


def forget_waiting(state: State) -> None:
    """Rows that wait for their horizon teach nothing: they were judged on another scale."""
    for name in ("at", "shifted", "weight", "value"):
        state.pop(name, None)


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
