"""A headpond whose level does not move as the water that comes and goes would have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.baseline import Baseline, mean_of, places
from models.detector import Floats, Watched
from models.synchrony import Moments
from records.levels import Hazard
from records.times import SECOND


class HeadpondBalance(Baseline):
    """Warns where the headpond fills or empties otherwise than its discharges explain.

    fit_until        rows up to this time show the pond sound; "": the past, up to 30 days
    budget_per_year  false alarms a year that the scatter may give
    hold_s           how long the balance must be right again before the warning is over
    """

    name = "headpond-balance"
    hazard = Hazard.PLANT_FAULT
    version = "2"
    quantities = frozenset({"headpond_level", "discharge"})
    experimental = True
    sample = ("headpond_level", "discharge", "discharge")
    relative = False
    sign = 0
    text = "The headpond's water balance is off by {times} times the limit: a leak or a gate?"
    needs = "a headpond_level and at least one discharge"
    card = (
        "Leaks, gates that fail, meters that fail. Input: the headpond's level (the mean of "
        "several) and the discharges into and out of it: nothing while one of them is missing, or "
        "one speaks that training did not know. Method: continuity, A dh/dt = sum of discharges; "
        "the sum's weights (1/A with its sign, and what is not measured as a constant) by trimmed "
        "least squares from training; exponential mean over ten readings of dh/dt less that, both "
        "ways. Score 1 at what its scatter gives once a year; red at twice that. The pond's area "
        "is taken as one number. Null: a limit on the level's rate. Experimental: synthetic ponds "
        "only."
    )

    def terms(self, watched: Sequence[Watched], seen: Moments) -> tuple[Floats, Floats] | None:
        level, flows = mean_of(watched, seen, "headpond_level"), places(watched, "discharge")
        if level is None or not flows:
            return None
        flow = seen.value[:, flows]
        # Between two moments: the level's rate (m/s), and the mean discharges.
        before = np.r_[0, np.arange(len(level) - 1)]
        passed_s = np.maximum(seen.at - seen.at[before], 1) / SECOND
        rate = (level - level[before]) / passed_s
        mean = 0.5 * (flow + flow[before])
        return rate, np.concatenate([mean, np.ones((len(rate), 1))], axis=1)
