"""Water that will exceed a threshold within a horizon: a forecast from all series around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from models import exceedance
from models.detector import (
    Crossing,
    Limits,
    Said,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from models.joint import Joint, Judged, Recording, until
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
_NEVER = -(2**63)


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
    learns = exceedance.Fitted
    training_s = np.inf
    card = (
        "Chance that stage or discharge exceeds a threshold at some time in the horizon. Method: "
        "gradient-boosted quantiles (scikit-learn HistGradientBoostingRegressor, after Ke et al. "
        "2017) of the highest value ahead, from the target's own past, all other series at "
        "several lags and rain sums; quantile offsets follow what came true (arXiv:2307.16895). "
        "It is fitted anew whenever the past has doubled. Null: persistence (over now, over "
        "ahead) and rate of rise at the same lead. Below 200 training rows it says nothing; a "
        "flood larger than any in the training part is an extrapolation (of discharge on a "
        "logarithmic scale)."
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

    @property
    def memory_s(self) -> float:  # type: ignore[override]
        return exceedance.looks_back_s(self.horizon_s)

    def check(self, watched: Sequence[Watched]) -> None:
        if not self.target or self.threshold is None:
            raise InputError(f"{self.name} needs the parameters target and threshold")
        super().check(watched)

    def fits(self, first_at: int) -> Iterator[int]:
        """First at `fit_until`, then whenever the past has doubled."""
        given = until(self.fit_until)
        at = first_at + _FIRST_FIT if given is None else given
        while True:
            yield at
            at += max(int((at - first_at) * (_GROWTH - 1)), DAY)

    def fit(self, recording: Recording, at: int) -> exceedance.Fitted | None:
        place, horizon = recording.target(self.target), self._horizon
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
        place, horizon = recording.target(self.target), self._horizon
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
        return Judged(score)

    @property
    def _horizon(self) -> int:
        return round(self.horizon_s * SECOND)

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        values: Values = {
            "target": self.target,
            "threshold": rounded(self.threshold or 0.0),
            "unit": crossing.watched.unit,
            "hours": rounded(self.horizon_s / 3600),
            "percent": round(100 * crossing.score),
        }
        return Said(Phrase(text=WILL_EXCEED, values=values), evidence_of(crossing))
