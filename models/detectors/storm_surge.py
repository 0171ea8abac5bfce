"""Sea level that will exceed a threshold: the tide ahead, and what the weather adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models import exceedance, harmonics
from models.detector import Crossing, Floats, Said, State, Values, Watched, evidence_of, rounded
from models.forecast import Forecast
from models.joint import Judged, Recording
from records.errors import InputError
from records.levels import Hazard
from records.statements import Phrase
from records.times import DAY, HOUR

WILL_SURGE = (
    "{target} is forecast to exceed {threshold} {unit} within {hours} h with a chance of"
    " {percent} %; it now stands {residual} {unit} above the tide."
)
_STEPS = 12  # moments of the horizon at which the tide is asked
_NEVER = -(2**63)
_LEAST = 1e-3
_STUCK = 2 * HOUR  # the sea doesn't stand still for so long, to the last digit


@dataclass(frozen=True, slots=True)
class Learned:
    """The tide and, for what is added to it, quantiles of the highest level ahead.

    lasts      share of the residual of now that is left at each moment of the horizon (_STEPS,)
    threshold  given, or what the past exceeded as often as the budget allows
    """

    tide: harmonics.Tide
    lasts: Floats
    above: exceedance.Fitted
    threshold: float


class StormSurge(Forecast):
    """Warns where the sea is likely to exceed the threshold within the horizon.

    target           "": the only sea level there is
    threshold        None: the level that the past exceeded `budget_per_year` times a year
    trees            boosting rounds of each quantile
    budget_per_year  storms a year over the threshold, where none is given; the others as of
                     `Forecast`
    """

    name = "storm-surge"
    hazard = Hazard.STORM_SURGE
    version = "3"
    learns = Learned
    card = (
        "Chance that sea level exceeds a threshold at some time in the horizon. Method: the tide "
        "by a robust harmonic fit (models/harmonics.py), the residual from it going on as it did "
        "on average, and boosted quantiles of what is above that, from the residual's own past "
        "and all other series (pressure, wind), kept calibrated (arXiv:2307.16895). Fitted on the "
        "past alone, anew whenever it has doubled. The residual of now is a median of three "
        "values, so that one spike makes no warning; where the level has not moved for two hours "
        "the gauge is stuck and nothing is said. Null: the tide alone, and the tide with today's "
        "residual: of two recorded gauges it beat that at one and fell short at the other "
        "(docs/skill.md). Below 60 days it says nothing; where "
        "a datum was moved, levels are taken as they are read."
    )

    def __init__(
        self,
        fit_until: str = "",
        target: str = "",
        threshold: float | None = None,
        horizon_s: float = 21600.0,
        warn_at: float = 0.5,
        trees: int = 60,
        budget_per_year: float = 1.0,
    ) -> None:
        super().__init__(fit_until, target, threshold, horizon_s, warn_at)
        self.trees = trees
        self.budget_per_year = budget_per_year
        if budget_per_year <= 0:
            raise ValueError("budget_per_year must be above 0")

    def check(self, watched: Sequence[Watched]) -> None:
        if not self.target:
            raise InputError(f"{self.name} needs the parameter target")
        super().check(watched)

    def aimed(self, watched: Sequence[Watched]) -> Self:
        seas = [w.id for w in watched if w.quantity == "sea_level"]
        if self.target or len(seas) != 1:
            return self
        return type(self)(**{**self.get_params(), "target": seas[0]})

    def fit(self, recording: Recording, at: int) -> Learned | None:
        recording = self._moving(recording)
        when, level = recording.series(recording.target(self.target))
        tide = harmonics.fitted(when, level)
        if tide is None:
            return None
        residual = level - tide.at(when)
        lasts = self._lasts(when, residual)
        highest = exceedance.Ahead(when, level, self.horizon).highest(when)
        rest = highest - self._expected(tide, lasts, when, _steady(residual))
        past, scales = when + self.horizon <= at, np.full(len(recording.watched), np.inf)
        given = self._given(recording, tide, _NEVER)
        above = exceedance.fit(given[past], rest[past], self.trees, scales)
        if above is None:
            return None
        threshold = self.threshold
        if threshold is None:
            threshold = _reached(when, level, self.budget_per_year)
        return Learned(tide, lasts, above, threshold)

    def judge(self, recording: Recording, since: int, model: Learned, state: State) -> Judged:
        """Chances at the target's rows; none where the gauge is stuck."""
        shown = recording.shown(self.target, since)
        score, residual = np.full(len(shown), np.nan), np.full(len(shown), np.nan)
        fits = recording.plausible()[shown]
        threshold = np.full(len(shown), model.threshold)
        when, level = recording.series(recording.target(self.target))
        fits[fits] = ~_stuck(when, level)[when > since]
        if not fits.any():
            return Judged(score)
        recording = self._moving(recording)
        when, level = recording.series(recording.target(self.target))
        new = when > since
        steady = _steady(level - model.tide.at(when))[new]
        expected = self._expected(model.tide, model.lasts, when[new], steady)
        quantiles = model.above.quantiles(self._given(recording, model.tide, since))
        ahead = exceedance.Ahead(when, level, self.horizon)
        shifted = exceedance.corrected(when[new], quantiles, expected, ahead, _LEAST, state)
        score[fits] = exceedance.chance_above(shifted, model.threshold - expected, _LEAST)
        residual[fits] = steady
        return Judged(score, None, {"residual": residual, "threshold": threshold})

    def _expected(
        self, tide: harmonics.Tide, lasts: Floats, when: harmonics.Times, steady: Floats
    ) -> Floats:
        """The highest level of the horizon if the residual of now goes on as it did on average."""
        levels = [
            tide.at(when + later) + share * steady
            for later, share in zip(self._later(), lasts.tolist(), strict=True)
        ]
        highest: Floats = np.max(levels, axis=0)
        return highest

    def _lasts(self, when: harmonics.Times, residual: Floats) -> Floats:
        """Regression of the residual later on the residual now, through zero."""
        steady = _steady(residual)
        shares = []
        for later in self._later():
            then = exceedance.latest(when, residual, when + later, later // 2)
            known = ~np.isnan(then) & (when + later <= when[-1])
            square = float((steady[known] ** 2).sum())
            shares.append(float((steady[known] * then[known]).sum()) / square if square else 0.0)
        return np.clip(shares, 0.0, 1.0)

    def _later(self) -> list[int]:
        return [self.horizon * step // _STEPS for step in range(1, _STEPS + 1)]

    def _moving(self, recording: Recording) -> Recording:
        """Without the target's rows while its gauge is stuck."""
        own = (recording.place == recording.target(self.target)) & recording.plausible()
        kept = np.ones(len(own), np.bool_)
        kept[own] = ~_stuck(recording.measured_at[own], recording.value[own])
        return recording.take(kept)

    def _given(self, recording: Recording, tide: harmonics.Tide, since: int) -> Floats:
        """What quantiles rest on: as for rivers, with the residual in place of the target."""
        place = recording.target(self.target)
        own = np.flatnonzero((recording.place == place) & recording.plausible())
        value = recording.value.copy()
        value[own] = _steady(value[own] - tide.at(recording.measured_at[own]))
        scales = np.full(len(recording.watched), np.inf)
        rest = replace(recording, value=value)
        return exceedance.features(rest, place, self.horizon, since, scales)

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        residual = float(detail["residual"])
        values: Values = {
            **self.said(crossing, float(detail["threshold"])),
            "residual": rounded(residual, 2),
        }
        return Said(
            Phrase(text=WILL_SURGE, values=values), evidence_of(crossing, residual=residual)
        )


def _reached(when: harmonics.Times, level: Floats, per_year: float) -> float:
    """The level that blocks of three days reached so often a year; the highest, if never."""
    block, number = np.unique(when // (3 * DAY), return_inverse=True)
    peaks = np.full(len(block), -np.inf)
    np.maximum.at(peaks, number, _steady(level))
    storms = max(round(per_year * len(block) * 3 / 365.25), 1)
    return float(np.sort(peaks)[-min(storms, len(peaks))])


def _stuck(when: harmonics.Times, level: Floats) -> NDArray[np.bool_]:
    """Rows of a gauge that has read the same, three times or more, for two hours."""
    row = np.arange(len(level))
    first = np.maximum.accumulate(np.where(np.diff(level, prepend=np.nan) != 0, row, 0))
    stuck: NDArray[np.bool_] = (when - when[first] >= _STUCK) & (row - first >= 2)
    return stuck


def _steady(residual: Floats) -> Floats:
    """Each value as the median of it and the two before: one spike never counts."""
    before = np.r_[residual[:1], residual[:-1]]
    earlier = np.r_[before[:1], before[:-1]]
    steady: Floats = np.median(np.stack([residual, before, earlier]), axis=0)
    return steady
