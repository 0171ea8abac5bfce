"""A process held to its own usual state: smoothed deviations from a baseline that follows slowly.

For a vector of sensors: Hotelling's T2 on a shrunk covariance (Ledoit and Wolf 2004,
doi:10.1016/S0047-259X(03)00096-4) and Q, the part that the usual correlations do not explain
(Jackson and Mudholkar 1979, doi:10.1080/00401706.1979.10489779), both of exponentially weighted
means (Lowry et al. 1992, doi:10.1080/00401706.1992.10485232). Limits: moments of the statistic in
training, as a scaled chi-square (Box 1954, doi:10.1214/aoms/1177728786).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.covariance import LedoitWolf

from models.detector import Floats

_MAD = 1.4826022185056018  # standard deviation over median magnitude of a Gaussian
# One reading counts as at most so many standard deviations from the baseline.
_CLIP = 6.0
_EXPLAINED = 0.9
# The part of the training in which the recursion finds its feet, and the part held out.
_FEET, _HELD_OUT = 0.2, 0.25
# A steady drift is, in mean square, about four times as far from the baseline later as in training,
# where both begin in the middle of it.
_WANDER = 4.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What one unit of each sensor is, from training: shape (sensors,)."""

    center: Floats
    width: Floats

    def of(self, value: Floats) -> Floats:
        return (value - self.center) / self.width


def scale_of(values: Floats) -> Scale:
    """Median and robust width of each column, NaN passed over; shape (rows, sensors).

    A sensor that hardly moves has at least the width of its own resolution and a ten-thousandth of
    its level: where nothing is known of its noise, a change of the last digit is none.
    """
    center = np.nanmedian(values, axis=0)
    width = _MAD * np.nanmedian(np.abs(values - center), axis=0)
    width = np.maximum(width, 0.5 * np.nanstd(values, axis=0))
    steps = np.array([_resolution(column) for column in values.T])
    width = np.maximum(width, np.maximum(steps / np.sqrt(12.0), 1e-4 * np.abs(center)))
    return Scale(center, np.where(width > 0, width, 1e-9))


def _resolution(column: Floats) -> float:
    steps = np.diff(np.unique(column[~np.isnan(column)]))
    return float(steps.min()) if len(steps) else 0.0


class Follower:
    """Two exponential means of scaled readings: a quick one, and a baseline that follows slowly.

    quick_s, slow_s  their memories in seconds
    reach            shape (sensors,): a larger deviation moves the baseline no further than this
                     one does, so that it follows what wanders and hardly what breaks
    means            shape (2, sensors): the quick mean and the baseline; NaN before a sensor's
                     first reading
    """

    def __init__(self, quick_s: float, slow_s: float, reach: Floats, means: Floats) -> None:
        self.quick_s, self.slow_s, self.reach, self.means = quick_s, slow_s, reach, means

    def step(self, scaled: Floats, gap_s: float) -> Floats:
        """The smoothed deviation from the baseline after one row; NaN for a missing reading."""
        quick, slow = self.means
        here = ~np.isnan(scaled)
        fresh = here & np.isnan(slow)
        slow = np.where(fresh, scaled, slow)
        quick = np.where(fresh, scaled, quick)
        bounded = slow + np.clip(scaled - slow, -_CLIP, _CLIP)
        quick = np.where(here, quick - np.expm1(-gap_s / self.quick_s) * (bounded - quick), quick)
        deviation = np.where(here, quick - slow, np.nan)
        towards = np.clip(quick - slow, -self.reach, self.reach)
        slow = np.where(here, slow - np.expm1(-gap_s / self.slow_s) * towards, slow)
        self.means = np.stack([quick, slow])
        return deviation


def deviations(follower: Follower, scaled: Floats, gap_s: Floats) -> tuple[Floats, Floats]:
    """Of rows that are usual, single and smoothed deviations from the baseline before each."""
    single, smoothed = np.empty_like(scaled), np.empty_like(scaled)
    for row, gap in enumerate(gap_s.tolist()):
        single[row] = scaled[row] - follower.means[1]
        smoothed[row] = follower.step(scaled[row], gap)
    return single, smoothed


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual spread of smoothed deviations, and the limits of T2 and Q.

    covariance  shape (sensors, sensors)
    residual    projector onto what the main directions leave, same shape
    limits      of T2 and of Q
    """

    covariance: Floats
    residual: Floats
    limits: tuple[float, float]

    def score(self, deviation: Floats) -> float:
        """1 at the limit, in units of the deviation (both statistics are squares); NaN where no
        sensor is there. A sensor that is missing says nothing either way."""
        filled = self.filled(deviation)
        if filled is None:
            return float("nan")
        t2, q = self.statistics(filled)
        return float(np.sqrt(max(t2 / self.limits[0], q / self.limits[1])))

    def statistics(self, filled: Floats) -> tuple[float, float]:
        t2 = float(filled @ np.linalg.solve(self.covariance, filled))
        return t2, float(filled @ self.residual @ filled)

    def filled(self, deviation: Floats) -> Floats | None:
        """Missing sensors as the others lead one to expect them; None where all are missing."""
        here = ~np.isnan(deviation)
        if here.all():
            return deviation
        if not here.any():
            return None
        known = self.covariance[np.ix_(here, here)]
        across = self.covariance[np.ix_(~here, here)]
        filled = deviation.copy()
        filled[~here] = across @ np.linalg.solve(known, deviation[here])
        return filled

    def parts(self, deviation: Floats) -> Floats:
        """How much of T2 each sensor brings; shape (sensors,), their sum is T2."""
        filled = self.filled(deviation)
        if filled is None:
            return np.zeros(len(deviation))
        shares: Floats = filled * np.linalg.solve(self.covariance, filled)
        return shares


def usual_of(scaled: Floats, deviation: Floats, share: float, chance: float) -> Usual | None:
    """From rows that are usual, in order: scaled readings less their baseline, and the same
    smoothed; None where they are too few.

    share   of one row in the smoothing, 0..1
    chance  of a row that is usual to be over the limit

    A smoothed row rests on few independent ones, too few for a covariance of many sensors. So it
    is that of single rows, made smaller as smoothing makes independent rows, and what each sensor
    wanders beyond that is added on its own. The limits are widened by how far a held-out end of
    the training exceeds the rest.
    """
    whole = ~np.isnan(deviation).any(axis=1) & (np.arange(len(deviation)) >= _FEET * len(deviation))
    scaled, deviation = scaled[whole], deviation[whole]
    if len(deviation) < max(20, 3 * deviation.shape[1]):
        return None
    spread = _spread(scaled, deviation, share)
    inside = _statistics(spread, deviation)
    held = int((1 - _HELD_OUT) * len(deviation))
    earlier = _spread(scaled[:held], deviation[:held], share)
    outside = _statistics(earlier, deviation[held:])
    limits = []
    for own, other in zip(inside, outside, strict=True):
        wider = max(1.0, float(np.mean(other)) / max(float(np.mean(own)), 1e-12))
        limits.append(max(wider * _limit(own, chance), 1e-12))
    return Usual(*spread, (limits[0], limits[1]))


def _spread(scaled: Floats, deviation: Floats, share: float) -> tuple[Floats, Floats]:
    """Covariance of smoothed deviations, and the projector onto its lesser directions."""
    single = LedoitWolf(assume_centered=True).fit(np.clip(scaled, -_CLIP, _CLIP)).covariance_
    smoothed = single * share / (2.0 - share)
    wander = np.maximum(np.mean(deviation * deviation, axis=0) - np.diag(smoothed), 0.0)
    covariance = smoothed + np.diag(_WANDER * wander + 1e-9)
    values, vectors = np.linalg.eigh(covariance)
    count = max(1, int(np.sum(np.cumsum(values) <= (1 - _EXPLAINED) * values.sum())))
    lesser = vectors[:, :count]
    return covariance, lesser @ lesser.T


def _statistics(spread: tuple[Floats, Floats], rows: Floats) -> tuple[Floats, Floats]:
    covariance, residual = spread
    t2: Floats = np.sum(rows * np.linalg.solve(covariance, rows.T).T, axis=1)
    q: Floats = np.sum((rows @ residual) * rows, axis=1)
    return t2, q


def _limit(statistic: Floats, chance: float) -> float:
    """What a scaled chi-square of the same mean and variance exceeds with this chance."""
    mean, variance = float(np.mean(statistic)), float(np.var(statistic))
    if mean <= 0 or variance <= 0:
        return 0.0
    freedom = 2.0 * mean * mean / variance
    return variance / (2.0 * mean) * float(stats.chi2.isf(chance, freedom))
