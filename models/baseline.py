"""Joint detectors that hold a plant to a relation it keeps while sound: k = dh/Q2, a hill curve.

The relation is learnt from training by trimmed least squares; what is judged is the exponential
mean of the residual, against a limit of its own scatter and of a least size that matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models import synchrony
from models.detector import (
    Crossing,
    Floats,
    Limits,
    Said,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from models.joint import Joint, Judged, Recording, until
from models.synchrony import Moments
from records.errors import InputError
from records.statements import Phrase
from records.times import DAY, SECOND

QUICK = 10.0  # usual steps that the smoothing remembers
FEWEST = 60  # moments to learn from
_YEAR_S = 365.25 * 86400.0
_FIRST_FIT = 300 * SECOND
_LAST_FIT = 30 * DAY
_MAD = 1.4826022185056018  # standard deviation over median magnitude of a Gaussian
_TRIMMED = 4.0
_HELD_OUT = 0.25
# Of what is usually expected: below it a share of it says nothing.
_RUNNING = 0.2
# So many smoothed scatters at least, whatever the budget allows.
_FEWEST_SIGMAS = 3.0


def places(watched: Sequence[Watched], quantity: str) -> list[int]:
    """Where the series of a quantity are, by id."""
    found = [i for i, w in enumerate(watched) if w.quantity == quantity]
    return sorted(found, key=lambda i: watched[i].id)


def sum_of(watched: Sequence[Watched], seen: Moments, quantity: str) -> Floats | None:
    """The sum of all series of a quantity at each moment; None where there are none."""
    found = places(watched, quantity)
    return seen.value[:, found].sum(axis=1) if found else None


def mean_of(watched: Sequence[Watched], seen: Moments, quantity: str) -> Floats | None:
    """The mean of all series of a quantity at each moment; None where there are none."""
    found = places(watched, quantity)
    return seen.value[:, found].mean(axis=1) if found else None


@dataclass(frozen=True, slots=True)
class Relation:
    """What training showed.

    places  of the series that spoke in it: while another one speaks nothing is said
    usual   median of what was expected: far below it (a machine at rest) nothing is said
    limit   on the smoothed residual
    end_at  microseconds
    """

    steps: NDArray[np.int64]
    places: NDArray[np.intp]
    coefficients: Floats
    quick_s: float
    usual: float
    limit: float
    end_at: int


class Sound(Joint):
    """Base of joint detectors that learn how a sound plant behaves, and need nothing else.

    fit_until        rows up to this time show the plant sound; "": the past, up to 30 days
    budget_per_year  false alarms a year that the limit allows
    hold_s           how long it must be well again before the warning is over
    """

    memory_s = 0.0
    training_s = 30 * 86400.0

    def __init__(
        self, fit_until: str = "", budget_per_year: float = 1.0, hold_s: float = 0.0
    ) -> None:
        self.fit_until = fit_until
        self.budget_per_year = budget_per_year
        self.hold_s = hold_s
        self.cold_start_s = 0.0 if fit_until else 86400.0
        until(fit_until)
        if budget_per_year <= 0:
            raise ValueError("budget_per_year must be above 0")

    def fits(self, first_at: int) -> Iterator[int]:
        """At `fit_until`, or as the past doubles from 5 min to 30 days."""
        given = until(self.fit_until)
        if given is not None:
            yield given
            return
        length = _FIRST_FIT
        while length <= _LAST_FIT:
            yield first_at + length
            length *= 2

    def chance(self, quick_s: float) -> float:
        """Of a usual row to be over the limit: two chances for each memory of the smoothing."""
        return min(self.budget_per_year * 2.0 * quick_s / _YEAR_S, 0.01)


class Baseline(Sound):
    """Base of such detectors. A subclass writes `terms` and sets `least`, `sign`, `text`, `needs`.

    least      residual that matters at least: below it nothing warns (unit of the residual)
    relative   True: the residual is a share of what is expected
    sign       1: more than expected is a fault; -1: less is; 0: either
    text       sentence, with {percent} (of what is expected) or {times} (of the limit)
    needs      words for the series that are needed
    """

    learns = Relation
    least: ClassVar[float] = 0.0
    relative: ClassVar[bool] = True
    sign: ClassVar[int] = 1
    text: ClassVar[str]
    needs: ClassVar[str]

    def terms(self, watched: Sequence[Watched], seen: Moments) -> tuple[Floats, Floats] | None:
        """What is expected to be a weighted sum of what: shapes (moments,) and (moments, terms).

        NaN where nothing can be said (a machine at rest). None where series are missing. A row may
        look at the one before it, no further; the first row has none, and does not count.
        """
        raise NotImplementedError

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, 2.0), (0.5, 0.8, 1.6))

    def check(self, watched: Sequence[Watched]) -> None:
        empty = Moments(np.zeros(1, np.int64), np.full((1, len(watched)), np.nan))
        if self.terms(watched, empty) is None:
            raise InputError(f"{self.name} needs {self.needs}")

    def fit(self, recording: Recording, at: int) -> Relation | None:  # noqa: ARG002
        if not len(recording.measured_at):
            return None
        steps = synchrony.steps_of(recording)
        seen = synchrony.moments(recording, int(recording.measured_at[0]) - 1, steps)
        spoke = np.flatnonzero(np.isfinite(seen.value).any(axis=0))
        found = self._terms_of(recording, seen, spoke)
        if found is None:
            return None
        found[0][:1] = np.nan
        known = np.isfinite(found[0]) & np.isfinite(found[1]).all(axis=1)
        y, x = found[0][known], found[1][known]
        if len(y) < max(FEWEST, 4 * x.shape[1]):
            return None
        coefficients = _trimmed(y, x)
        quick_s = QUICK * seen.interval_s
        usual = float(np.median(np.abs(x @ coefficients)))
        residual = self._residual(y, x @ coefficients, usual)
        running = np.isfinite(residual)
        if running.sum() < FEWEST:
            return None
        residual, known[known] = residual[running], running
        gaps = np.minimum(seen.gap_s[known], quick_s)
        smoothed = np.empty(len(residual))
        mean = 0.0
        for row, (r, gap) in enumerate(zip(residual.tolist(), gaps.tolist(), strict=True)):
            mean -= float(np.expm1(-gap / quick_s)) * (r - mean)
            smoothed[row] = mean
        limit = max(self._sigmas(quick_s) * _scatter(smoothed), self.least)
        if limit <= 0:
            return None
        return Relation(steps, spoke, coefficients, quick_s, usual, limit, int(seen.at[-1]))

    def judge(self, recording: Recording, since: int, model: Relation, state: State) -> Judged:
        if state.get("fitted_at", np.zeros(1, np.int64))[0] != model.end_at:
            state["fitted_at"] = np.array([model.end_at], np.int64)
            state["smooth"], state["seen_at"] = np.zeros(1), np.array([model.end_at], np.int64)
        seen = synchrony.moments(recording, since, model.steps, state)
        if not len(seen.at):
            return Judged(np.zeros(0))
        before = state.get("before", np.full((1, len(recording.watched)), np.nan))
        at = np.r_[int(state["before_at"][0]) if "before_at" in state else since, seen.at]
        all_seen = Moments(at, np.concatenate([before, seen.value]))
        found = self._terms_of(recording, all_seen, model.places)
        assert found is not None
        unknown = np.delete(all_seen.value, model.places, axis=1)
        found[0][np.isfinite(unknown).any(axis=1)] = np.nan
        state["before"], state["before_at"] = seen.value[-1:].copy(), seen.at[-1:].copy()
        # Term by term: a matrix product may round otherwise for other numbers of rows.
        expected = np.zeros(len(at))
        for coefficient, term in zip(model.coefficients, found[1].T, strict=True):
            expected = expected + coefficient * term
        residual = self._residual(found[0], expected, model.usual)[1:]
        score = np.full(len(seen.at), np.nan)
        smooth, seen_at = float(state["smooth"][0]), int(state["seen_at"][0])
        for row in np.flatnonzero(np.isfinite(residual)).tolist():
            gap_s = min(max(int(seen.at[row]) - seen_at, 0) / SECOND, model.quick_s / 5)
            smooth -= float(np.expm1(-gap_s / model.quick_s)) * (float(residual[row]) - smooth)
            seen_at = int(seen.at[row])
            score[row] = (self.sign * smooth if self.sign else abs(smooth)) / model.limit
        state["smooth"], state["seen_at"] = np.array([smooth]), np.array([seen_at], np.int64)
        return Judged(score, detail={"limit": np.full(len(score), model.limit)})

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        limit = float(detail["limit"])
        values: Values = {
            "times": rounded(crossing.score, 3),
            "percent": round(100 * crossing.score * limit),
            "limit": round(100 * limit),
        }
        said = {name: value for name, value in values.items() if f"{{{name}}}" in self.text}
        return Said(
            Phrase(text=self.text, values=said), evidence_of(crossing, residual_limit=limit)
        )

    def _terms_of(
        self, recording: Recording, seen: Moments, places: NDArray[np.intp]
    ) -> tuple[Floats, Floats] | None:
        watched = [recording.watched[place] for place in places.tolist()]
        return self.terms(watched, Moments(seen.at, seen.value[:, places]))

    def _residual(self, y: Floats, expected: Floats, usual: float) -> Floats:
        if not self.relative:
            return y - expected
        runs = np.abs(expected) > max(_RUNNING * usual, 1e-12)
        return np.where(runs, y / np.where(runs, expected, 1.0) - 1.0, np.nan)

    def _sigmas(self, quick_s: float) -> float:
        return max(float(stats.norm.isf(self.chance(quick_s))), _FEWEST_SIGMAS)


def _trimmed(y: Floats, x: Floats) -> Floats:
    """Least squares, twice more without what lies far off."""
    kept = np.ones(len(y), np.bool_)
    coefficients = _least_squares(y, x)
    for _ in range(2):
        off = y - x @ coefficients
        kept = np.abs(off) <= _TRIMMED * max(_MAD * float(np.median(np.abs(off))), 1e-12)
        if kept.sum() <= 2 * x.shape[1]:
            break
        coefficients = _least_squares(y[kept], x[kept])
    return coefficients


def _least_squares(y: Floats, x: Floats) -> Floats:
    size = np.maximum(np.sqrt(np.mean(x * x, axis=0)), 1e-12)
    found: Floats = np.linalg.lstsq(x / size, y, rcond=None)[0] / size
    return found


def _scatter(smoothed: Floats) -> float:
    """Standard deviation of smoothed residuals, or of a held-out end of training if larger."""
    rows = smoothed[len(smoothed) // 5 :]
    held = rows[int((1 - _HELD_OUT) * len(rows)) :]
    whole = _MAD * float(np.median(np.abs(rows)))
    return max(whole, float(np.sqrt(np.mean(held * held))))
