"""A plant whose sensors together are not in the state that they are usually in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import process_control, synchrony
from models.baseline import FEWEST, QUICK, Sound
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
from models.joint import Judged, Recording
from models.process_control import Follower, Scale, Usual
from records.levels import Hazard
from records.statements import Phrase
from records.times import SECOND

UNUSUAL = (
    "The sensors together are not as usual: {times} times the limit; {series} stands out most."
)


@dataclass(frozen=True, slots=True)
class _Model:
    """What training showed; `means` are where the two means stood at its end."""

    steps: NDArray[np.int64]
    scale: Scale
    quick_s: float
    slow_s: float
    means: Floats
    end_at: int
    usual: Usual
    places: NDArray[np.intp]


class PlantState(Sound):
    """Warns where all sensors of a plant together leave their usual state.

    fit_until        rows up to this time are the usual state; "": what came before, again and
                     again as the past doubles, up to 30 days
    budget_per_year  false alarms a year that the limit allows
    hold_s           how long the state must be usual again before the warning is over
    """

    name = "plant-state"
    hazard = Hazard.PLANT_FAULT
    experimental = True
    learns = _Model
    card = (
        "For two or more sensors of one machine or plant, of any quantities. Method: robustly "
        "scaled readings, exponential mean over ten readings less a baseline that follows with "
        "the training's length while all is usual; Hotelling's T2 on a Ledoit-Wolf covariance and "
        "Q, each over its limit (scaled chi-square, widened by a held-out end of the training). "
        "Score: the square root of the larger, 1 at the limit of the budget. Orange at 1, red at "
        "2. Normal rows are those up to fit_until; without it the past, as long as a day has been "
        "seen. A state of running that training did not show counts as a fault, and a fault that "
        "grows slower than the baseline follows is not seen. Null: the largest single deviation. "
        "Experimental: tried on simulated plants only."
    )

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.8, 1.0, 2.0), (0.6, 0.8, 1.6))

    def fit(self, recording: Recording, at: int) -> _Model | None:
        steps = synchrony.steps_of(recording)
        seen = synchrony.moments(
            recording, int(recording.measured_at[:1].min(initial=at)) - 1, steps
        )
        if len(seen.at) < FEWEST:
            return None
        known = np.isfinite(seen.value).mean(axis=0) > 0.5
        # By id, so that sums don't depend on the order of the columns.
        by_id = sorted(np.flatnonzero(known).tolist(), key=lambda p: recording.watched[p].id)
        places = np.array(by_id, np.intp)
        if not by_id:
            return None
        values = seen.value[:, places]
        scale = process_control.scale_of(values)
        interval_s = seen.interval_s
        quick_s = QUICK * interval_s
        slow_s = max(float(seen.at[-1] - seen.at[0]) / SECOND, 2 * quick_s)
        # Both means begin at the medians of the training.
        free = np.full(len(places), np.inf)
        follower = Follower(quick_s, slow_s, free, np.zeros((2, len(places))))
        single, smoothed = process_control.deviations(follower, scale.of(values), seen.gap_s)
        share = -float(np.expm1(-interval_s / quick_s))
        usual = process_control.usual_of(single, smoothed, share, self.chance(quick_s))
        if usual is None:
            return None
        end_at = int(seen.at[-1])
        return _Model(steps, scale, quick_s, slow_s, follower.means, end_at, usual, places)

    def judge(self, recording: Recording, since: int, model: _Model, state: State) -> Judged:
        if state.get("fitted_at", np.zeros(1, np.int64))[0] != model.end_at:
            state["fitted_at"] = np.array([model.end_at], np.int64)
            state["means"] = model.means
            state["seen_at"] = np.array([model.end_at], np.int64)
        seen = synchrony.moments(recording, since, model.steps, state)
        reach = np.sqrt(np.diag(model.usual.covariance))
        follower = Follower(model.quick_s, model.slow_s, reach, state["means"])
        gaps = np.maximum(np.diff(np.r_[state["seen_at"][0], seen.at]), 0) / SECOND
        # After a pause the first readings count as after two usual steps.
        gaps = np.minimum(gaps, model.quick_s / 5)
        score, who = np.empty(len(seen.at)), np.empty(len(seen.at), np.int64)
        scaled = model.scale.of(seen.value[:, model.places])
        for row in range(len(seen.at)):
            deviation = follower.step(scaled[row], float(gaps[row]))
            score[row] = model.usual.score(deviation)
            who[row] = model.places[np.argmax(model.usual.parts(deviation))]
        state["means"] = follower.means
        state["seen_at"] = seen.at[-1:].copy() if len(seen.at) else state["seen_at"]
        ids = np.array([w.id for w in recording.watched])
        return Judged(score, detail={"series": ids[who]})

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        series = str(detail["series"])
        values: Values = {"times": rounded(crossing.score, 3), "series": series}
        return Said(Phrase(text=UNUSUAL, values=values), evidence_of(crossing, series=series))
