"""A tsunami on a tide gauge: the sea level leaves its own extrapolated tide, and stays off it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models import tide
from models.detector import (
    Crossing,
    Detector,
    Fixed,
    Floats,
    Limits,
    Rows,
    Said,
    Scores,
    Slot,
    State,
    Values,
    Watched,
    evidence_of,
    rounded,
)
from records.levels import Hazard
from records.statements import Phrase
from records.times import HOUR, MINUTE, SECOND

OFF_TIDE = (
    "The sea level is {residual} m off its tide, against a limit of {limit} m "
    "and a usual noise of {noise} m."
)
WANING = "The sea level is still {residual} m off its tide; the waves are weaker than before."

_GAUSS = 1.2533141373155003  # standard deviation over mean magnitude of a Gaussian
_CLIP = 3.0  # a residual counts for the noise as at most so many times the noise so far
_SHORT_S, _LONG_S = 7200.0, 86400.0  # the noise is the larger of the last hours' and the last day's
_ALARMED = 0.1  # how much slower the noise is learned while waves run
_ARTEFACT = 15 * MINUTE  # a jump that lasts longer is a new datum
_SLOW_S = 210.0  # readings further apart need no second one: the jump rule still holds
_BLOCK = 3 * HOUR
_BLOCKS_A_YEAR = 2922
_BLOCKS_KEPT = 240.0  # a month
# Largest of a quiet block in noise units, as a Gaussian sea would have it, counted as 8 blocks.
_PRIOR_MEAN, _PRIOR_VARIANCE, _PRIOR_BLOCKS = 2.6, 0.16, 8.0


class TsunamiGauge(Detector):
    """Warns when the sea level is off its extrapolated tide by more than noise and floor allow.

    floor            least residual that counts, in m
    sigmas           least residual in units of the gauge's own recent noise
    budget_per_year  false alarms a year that the tail of the gauge's own quiet peaks may give
    cold_start_s     history that is needed before the level may leave green
    hold_s           how long it must be quiet before the warning is over
    """

    name = "tsunami-gauge"
    hazard = Hazard.TSUNAMI
    quantities = frozenset({"sea_level"})
    card = (
        "Tsunami waves (periods of about 5 to 90 minutes) on a tide gauge that reports every 15 s "
        "to 7 minutes. The tide is extrapolated by a cubic through ten-minute means an hour apart "
        "(Mofjeld's scheme of the DART buoys, Meinig et al. 2005), never smoothed from both sides. "
        "Orange: two of the last three residuals over 5 cm, over five times the gauge's own noise "
        "(clipped mean magnitude, larger of 2 h and 24 h), and over what a Gumbel fit to its "
        "3-hour peaks allows once a year; red: ten times that. A jump is held to be a spike or a "
        "new datum for as long as the residual stays at either side of it, up to 15 minutes. "
        "Cold start 6 h; after a long gap up to 3 h blind. Can't tell seiches and meteotsunamis "
        "that begin within one wave from tsunamis; a bore followed by flat water would be taken "
        "for a new datum; slower than 7 minutes it says nothing. Null: the plain residual over "
        "5 cm, which spikes and datum steps trigger."
    )

    def __init__(
        self,
        floor: float = 0.05,
        sigmas: float = 5.0,
        budget_per_year: float = 1.0,
        cold_start_s: float = 21600.0,
        hold_s: float = 10800.0,
    ) -> None:
        self.floor = floor
        self.sigmas = sigmas
        self.budget_per_year = budget_per_year
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if min(floor, sigmas, budget_per_year) <= 0:
            raise ValueError("floor, sigmas and budget_per_year must be above 0")

    def slots(self) -> dict[str, Slot]:
        return tide.slots() | {
            "residual": Slot(fill=np.nan),
            "limit": Slot(fill=np.nan),
            "jump": Slot(fill=np.nan),
            "jump_at": Slot("int64"),
            "jump_fits": Slot("bool"),
            "last": Slot("float64", (3,), np.nan),
            "magnitude": Slot("float64", (2,)),
            "learned_s": Slot(),
            "on_tide_at": Slot("int64"),
            "alarmed_until": Slot("int64"),
            "block": Slot("int64", (), -1),
            "block_peak": Slot(),
            "block_count": Slot(),
            "block_mean": Slot(fill=_PRIOR_MEAN),
            "block_variance": Slot(fill=_PRIOR_VARIANCE),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, 10.0), (0.35, 0.5, 5.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        at = rows.at
        expected = tide.predicted(at, rows.measured_at, state)
        expected[tide.recent(at, rows.measured_at, state) < 4] = np.nan
        noise = state["magnitude"][at].max(axis=1) * _GAUSS
        limit = np.maximum(self.floor, noise * self._factor(at, state))
        residual = rows.value - expected
        beside = self._without_jump(rows, residual, limit, state)
        peak = _second_of_three(rows, np.abs(beside), state)
        tide.keep(at, rows.measured_at, _believed(rows.value, expected, beside, limit), state)
        self._restart(rows, beside, limit, state)
        score = peak / limit
        alarmed = score >= 1
        until = state["alarmed_until"][at]
        until = np.where(alarmed, rows.measured_at + int(self.hold_s * SECOND), until)
        state["alarmed_until"][at] = until
        state["residual"][at] = beside
        state["limit"][at] = limit
        quiet = rows.measured_at >= until
        z = peak / np.where(noise > 0, noise, np.inf)
        p_value = self._chance(at, z, state)
        _learn_noise(rows, beside, quiet, state)
        _learn_peaks(rows, z, quiet, state)
        return Scores(score, p_value)
