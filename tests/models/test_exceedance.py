"""Offsets of quantiles follow what came true, the same for a live stage and a long recording."""

from __future__ import annotations

import numpy as np

from models import exceedance
from models.detector import Floats, State
from models.exceedance import LEVELS, Ahead, Times
from records.times import HOUR

HORIZON = 4 * HOUR


def shifts(at: Times, value: Floats, *, live: bool) -> Floats:
    """Shifted quantiles of all rows; a live stage is given one at a time, and no more of the past
    than it keeps."""
    quantiles = np.tile(np.linspace(-1.0, 1.0, len(LEVELS)), (len(at), 1))
    if not live:
        return exceedance.corrected(at, quantiles, value, Ahead(at, value, HORIZON), 1.0, {})
    state: State = {}
    found = []
    for row in range(len(at)):
        kept = (at > at[row] - exceedance.reach(HORIZON) - 1) & (at <= at[row])
        ahead, one = Ahead(at[kept], value[kept], HORIZON), slice(row, row + 1)
        found.append(exceedance.corrected(at[one], quantiles[one], value[one], ahead, 1.0, state))
    return np.concatenate(found)


def test_after_any_outage_a_live_stage_knows_as_much_as_a_recording() -> None:
    rng = np.random.default_rng(5)
    for silent_h in (3, 30, 91, 92, 93, 95, 96, 97, 100, 500):
        hours = np.r_[0:60, 60 + silent_h : 120 + silent_h]
        at, value = HOUR * hours.astype(np.int64), rng.normal(size=len(hours)).cumsum()
        np.testing.assert_array_equal(shifts(at, value, live=True), shifts(at, value, live=False))
