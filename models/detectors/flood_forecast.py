"""Water that will exceed a threshold within a horizon: a forecast from all series around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models import exceedance
from models.detector import Crossing, Floats, Said, State, Watched, evidence_of, rounded
from models.exceedance import Times
from models.false_alarms import Budget
from models.forecast import Forecast, limits_at
from models.joint import Judged, Recording
from records.errors import InputError
from records.levels import Hazard
from records.statements import Phrase

WILL_EXCEED = (
    "{target} is forecast to exceed {threshold} {unit} within {hours} h"
    " with a chance of {percent} %."
)
_NEVER = -(2**63)


class FloodForecast(Forecast):
    """Warns where the target is likely to exceed the threshold within the horizon.

    trees            boosting rounds of each quantile
    budget_per_year  false alarms a year: what came of earlier warnings raises `warn_at` to keep
                     it
    The others are those of `Forecast`.
    """

    name = "flood-forecast"
    hazard = Hazard.RIVER_FLOOD
    version = "2"
    learns = exceedance.Fitted
    card = (
        "Chance that stage or discharge exceeds a threshold at some time in the horizon. Method: "
        "gradient-boosted quantiles (scikit-learn HistGradientBoostingRegressor, after Ke et al. "
        "2017) of the highest value ahead, from the target's own past, all other series at "
        "several lags and rain sums; quantile offsets follow what came true (arXiv:2307.16895). "
        "It is fitted anew whenever the past has doubled. Null: persistence (over now, over "
        "ahead) and rate of rise at the same lead. Below 200 training rows it says nothing; a "
        "flood larger than any in the training part is an extrapolation (of discharge on a "
        "logarithmic scale). Limits: orange from a chance of `warn_at`, or from the "
        "lowest higher one that would lately have warned in vain no more often than "
        "`budget_per_year` a station-year (counts fade within a year, and a quarter of a year "
        "without alarms is taken to lie before; a target whose clock is set back begins anew). A "
        "warning's evidence says how many false alarms a station-year its limit led to."
    )

    def __init__(
        self,
        fit_until: str = "",
        target: str = "",
        threshold: float | None = None,
        horizon_s: float = 14400.0,
        warn_at: float = 0.5,
        trees: int = 120,
        budget_per_year: float = 24.0,
    ) -> None:
        super().__init__(fit_until, target, threshold, horizon_s, warn_at)
        self.trees = trees
        self.budget_per_year = budget_per_year
        if not budget_per_year > 0:
            raise ValueError("budget_per_year must be above 0")

    def check(self, watched: Sequence[Watched]) -> None:
        if not self.target or self.threshold is None:
            raise InputError(f"{self.name} needs the parameters target and threshold")
        super().check(watched)

    def fit(self, recording: Recording, at: int) -> exceedance.Fitted | None:
        place, horizon = recording.target(self.target), self.horizon
        scales = exceedance.usual_sizes(recording)
        when, value = exceedance.bent_series(recording, place, scales)
        rise = exceedance.Ahead(when, value, horizon).highest(when) - value
        past = when + horizon <= at
        given = exceedance.features(recording, place, horizon, _NEVER, scales)
        return exceedance.fit(given[past], rise[past], self.trees, scales)

    def judge(
        self, recording: Recording, since: int, model: exceedance.Fitted, state: State
    ) -> Judged:
        """Chances at the target's rows."""
        assert self.threshold is not None
        place, horizon = recording.target(self.target), self.horizon
        shown = recording.shown(self.target, since)
        score = np.full(len(shown), np.nan)
        fits = recording.plausible()[shown]
        if not fits.any():
            return Judged(score)
        size = float(model.scales[place])
        at = recording.measured_at[shown][fits]
        value = exceedance.bend(recording.value[shown][fits], size)
        given = exceedance.features(recording, place, horizon, since, model.scales)
        ahead = exceedance.Ahead(*exceedance.bent_series(recording, place, model.scales), horizon)
        threshold = float(exceedance.bend(np.array(self.threshold), size))
        if "size" in state and state["size"][0] != size:
            exceedance.forget_waiting(state)
        state["size"] = np.array([size])
        least = max(1e-3 * abs(threshold), 1e-9)
        shifted = exceedance.corrected(at, model.quantiles(given), value, ahead, least, state)
        score[fits] = exceedance.chance_above(shifted, threshold - value, least)
        limit, rate = np.full((2, len(score)), [[self.warn_at], [np.nan]])
        limit[fits], rate[fits] = self._within_budget(at, score[fits], ahead, threshold, state)
        return Judged(score, detail={"false_a_year": rate}, limits=limits_at(limit, self.warn_at))

    def _within_budget(
        self, at: Times, chance: Floats, ahead: exceedance.Ahead, threshold: float, state: State
    ) -> tuple[Floats, Floats]:
        """As `Budget.limits`: a row of which nobody knows what came is no false alarm."""
        asked_at = np.r_[state.get("asked_at", np.zeros(0, np.int64)), at]
        came = ~(ahead.highest(asked_at) <= threshold)
        reach = exceedance.reach(self.horizon)
        budget = Budget(self.budget_per_year, self.warn_at, self.horizon, reach)
        found = budget.limits(at, chance, asked_at + self.horizon, came, state)
        state["asked_at"] = asked_at[len(asked_at) - len(state["unknown"]) :]
        return found

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        values = self.said(crossing, self.threshold or 0.0)
        rate = rounded(float(detail["false_a_year"]))
        evidence = evidence_of(crossing, budget_per_year=self.budget_per_year, false_a_year=rate)
        return Said(Phrase(text=WILL_EXCEED, values=values), evidence)
