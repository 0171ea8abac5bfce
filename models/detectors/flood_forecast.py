"""Water that will exceed a threshold within a horizon: a forecast from all series around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models import exceedance
from models.detector import (
    Crossing,
    Fixed,
    Floats,
    Limits,
    Said,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from models.joint import Joint, Recording, shown, until
from records.errors import InputError
from records.levels import Hazard
from records.statements import Phrase
from records.times import DAY, SECOND

WILL_EXCEED = (
    "{target} is forecast to exceed {threshold} {unit} within {hours} h"
    " with a chance of {percent} %."
)
_FIRST_FIT = 60 * DAY
_GROWTH = 2.0


class FloodForecast(Joint):
    """Warns where the target is likely to exceed the threshold within the horizon.

    fit_until   time up to which rows are training; "": the first 60 days
    target      id of the series that is forecast
    threshold   in the target's canonical unit; `detect` takes it in the unit of the file
    horizon_s   how far ahead it looks
    warn_at     chance at which orange is reached; yellow at half of it, red half way to certain
    trees       boosting rounds of each quantile
    """

    name = "flood-forecast"
    hazard = Hazard.RIVER_FLOOD
    experimental = True
    card = (
        "Chance that stage or discharge exceeds a threshold at some time in the horizon. Method: "
        "gradient-boosted quantiles (scikit-learn HistGradientBoostingRegressor, after Ke et al. "
        "2017) of the highest value ahead, from the target's own past, all other series at "
        "several lags and rain sums; quantile offsets follow what came true (arXiv:2307.16895). "
        "It is fitted anew whenever the past has doubled. Null: persistence (over now, over "
        "ahead) and rate of rise at the same lead. Below 200 training rows it says nothing; a "
        "flood larger than any in the training part is an extrapolation. Recordings only so far: "
        "it can't be chosen for live series."
    )

    def __init__(
        self,
        fit_until: str = "",
        target: str = "",
        threshold: float | None = None,
        horizon_s: float = 14400.0,
        warn_at: float = 0.4,
        trees: int = 120,
    ) -> None:
        self.fit_until = fit_until
        self.target = target
        self.threshold = threshold
        self.horizon_s = horizon_s
        self.warn_at = warn_at
        self.trees = trees
        until(fit_until)
        if horizon_s <= 0 or not 0 < warn_at < 1:
            raise ValueError("horizon_s must be above 0, and warn_at between 0 and 1")

    def limits(self, watched: Sequence[Watched]) -> Limits:
        up = (self.warn_at / 2, self.warn_at, (1 + self.warn_at) / 2)
        return Limits.same(len(watched), up, up)

    def judge(self, recording: Recording) -> Floats:
        """Chances at the target's rows; NaN up to `fit_until`. Raises InputError."""
        if not self.target or self.threshold is None:
            raise InputError(f"{self.name} needs the parameters target and threshold")
        place = recording.target(self.target)
        score = np.full(int((recording.place == place).sum()), np.nan)
        at, value = recording.series(place)
        horizon = round(self.horizon_s * SECOND)
        rise = exceedance.highest_ahead(at, value, horizon) - value
        given = exceedance.features(recording, place, horizon)
        quantiles = self._quantiles(recording, at, given, rise)
        least = max(1e-3 * abs(self.threshold), 1e-9)
        scored = np.flatnonzero(~np.isnan(quantiles[:, 0]))
        if len(scored):
            shifted = exceedance.corrected(
                at[scored], quantiles[scored], rise[scored], horizon, least
            )
            limit = self.threshold - value[scored]
            fits = np.flatnonzero(recording.plausible()[shown(self, recording)])
            score[fits[scored]] = exceedance.chance_above(shifted, limit, least)
        return score

    def _quantiles(
        self, recording: Recording, at: exceedance.Times, given: Floats, rise: Floats
    ) -> Floats:
        """Quantiles of the rise at each row, by the model fitted last before it."""
        found = np.full((len(at), len(exceedance.LEVELS)), np.nan)
        horizon = round(self.horizon_s * SECOND)
        for begins, ends in self._spans(recording):
            rows = np.flatnonzero((at > begins) & (at <= ends))
            past = at + horizon <= begins
            model = exceedance.fit(given[past], rise[past], self.trees) if len(rows) else None
            if model is not None:
                found[rows] = model.quantiles(given[rows])
        return found

    def _spans(self, recording: Recording) -> list[tuple[int, int]]:
        """(fitted at, used until): first at `fit_until`, then whenever the past has doubled."""
        if not len(recording.measured_at):
            return []
        first, last = int(recording.measured_at[0]), int(recording.measured_at[-1])
        given = until(self.fit_until)
        begins = first + _FIRST_FIT if given is None else given
        spans = []
        while begins < last:
            ends = begins + max(int((begins - first) * (_GROWTH - 1)), DAY)
            spans.append((begins, ends))
            begins = ends
        return spans

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        values: Values = {
            "target": self.target,
            "threshold": rounded(self.threshold or 0.0),
            "unit": crossing.watched.unit,
            "hours": rounded(self.horizon_s / 3600),
            "percent": round(100 * crossing.score),
        }
        return Said(Phrase(text=WILL_EXCEED, values=values), evidence_of(crossing))
