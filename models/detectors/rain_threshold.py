"""Rain that loosens slopes: recent rain on wet ground, judged by how rare it is at its gauge."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.detector import (
    NEVER,
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
from records.times import DAY, HOUR, SECOND

HEAVY_RAIN = (
    "Heavy rain on wet ground: an index of {index} mm, to be expected here about {times} times"
    " a year; landslides are possible."
)
LESS_RAIN = "The rain eases: the index has fallen to {index} mm; slopes stay wet."

# Stores that rain fills and time empties: bursts, storms, what the ground still holds.
_STORES = ("burst", "recent", "antecedent")
_EMPTIES_S = np.array([6.0, 48.0, 720.0]) * (HOUR / SECOND)
_WEIGHT = np.array([1.0, 1.0, 0.2])
# The greatest rain ever measured anywhere: mm in one hour, and its growth with the hours.
_RECORD_MM, _RECORD_POWER = 422.0, 0.475

_BLOCK = 4 * DAY
_YEARS_A_BLOCK = _BLOCK / DAY / 365.25
_LEVELS_MM = np.geomspace(1.0, 2000.0, 48)
_STEEPNESS = 4.0  # of the rates of higher peaks than were seen
_PRIOR_YEARS = 2.0
_PRIOR_MM, _PRIOR_PER_YEAR = 50.0, 8.0
_LEAST_MM = 1.0


class RainThreshold(Detector):
    """Warns of rain that comes less often than the budget allows.

    budget_per_year  peaks of the index a year at which orange may be reached; yellow three times
                     as many, red a tenth
    cold_start_s     history of a series before it can warn
    hold_s           how long the index must be lower before the warning is over
    """

    name = "rain-threshold"
    hazard = Hazard.LANDSLIDE
    version = "2"
    quantities = frozenset({"rain"})
    card = (
        "Landslides by rain. Method: an index in mm of recent and antecedent rain, as Chleborad et "
        "al. 2006 (USGS, doi:10.3133/ofr20061064: 3-day rain over 3.5 in less 0.67 of the 15 days "
        "before) combine them, but with leaky stores (Wilson and Wieczorek 1995, "
        "doi:10.2113/gseegeosci.I.1.11) instead of windows: 6 h, so that short and intense rain "
        "counts more (Caine 1980, doi:10.1080/04353676.1980.11879996), 48 h, and a fifth of 30 "
        "days. Thresholds differ between climates and are carried over by normalising (Guzzetti et "
        "al. 2008, doi:10.1007/s10346-007-0112-1): the score is log10 of the years between peaks "
        "of the gauge that reach the index, counted from its own past with two years' weight of "
        "what the published line means in its climate. Null: that line at equal false days. "
        "Any interval up to a day; rain that was not recorded is taken as none. Snow, slopes and "
        "soils are not known to it, so most warnings are followed by no landslide. The weights "
        "were chosen on one record with 11 landslide days (Seattle 2010-11); they hardly matter "
        "there."
    )

    def __init__(
        self,
        budget_per_year: float = 8.0,
        cold_start_s: float = 1296000.0,
        hold_s: float = 10800.0,
    ) -> None:
        self.budget_per_year = budget_per_year
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if budget_per_year <= 0:
            raise ValueError("budget_per_year must be above 0")

    def slots(self) -> dict[str, Slot]:
        return {
            "stores_mm": Slot(shape=(len(_STORES),)),
            "interval_s": Slot(fill=math.inf),
            "begun_at": Slot("int64", (), NEVER),
            "block": Slot("int64", (), -1),
            "peak_mm": Slot(),
            "blocks": Slot(),
            "peaks": Slot(shape=(len(_LEVELS_MM),)),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        orange = -math.log10(self.budget_per_year)
        up = (orange - math.log10(3), orange, orange + 1)
        return Limits.same(len(watched), up, (up[0] - 0.15, up[1] - 0.15, up[2] - 0.15))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        possible = _fill(rows, state)
        index = self.index(rows.at, state)
        _close_block(rows, state)
        state["peak_mm"][rows.at] = np.maximum(state["peak_mm"][rows.at], index)
        per_year = _per_year(rows.at, index, state)
        p_value = -np.expm1(-per_year * _YEARS_A_BLOCK)
        return Scores(
            np.where(possible, -np.log10(per_year), np.nan), np.where(possible, p_value, np.nan)
        )

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        index = float(self.index(np.array([crossing.at]), state)[0])
        held = zip(_STORES, state["stores_mm"][crossing.at].tolist(), strict=True)
        evidence = evidence_of(crossing, index_mm=index, **{f"{n}_mm": mm for n, mm in held})
        values: Values = {"index": rounded(index, 2)}
        if crossing.level < crossing.before:
            return Said(Phrase(text=LESS_RAIN, values=values), evidence)
        values["times"] = rounded(10**-crossing.score, 2)
        return Said(Phrase(text=HEAVY_RAIN, values=values), evidence)

    def index(self, at: NDArray[np.intp], state: State) -> Floats:
        """Recent and antecedent rain together, mm."""
        index: Floats = (state["stores_mm"][at] * _WEIGHT).sum(axis=1)
        return index


def _fill(rows: Rows, state: State) -> NDArray[np.bool_]:
    """Let the stores empty since the reading before and take its rain; False where no sky rains so.

    Rain is spread evenly over the shortest interval of the series so far, so that daily and hourly
    sums of the same rain fill the stores alike. More than was ever measured in the time since the
    reading before (Paulhus 1965, doi:10.1175/1520-0493(1965)093<0331:IOATRS>2.3.CO;2) is a fault.
    """
    gap_s = rows.gap_s
    interval_s = np.fmin(state["interval_s"][rows.at], gap_s)
    state["interval_s"][rows.at] = np.where(np.isnan(interval_s), math.inf, interval_s)
    hours = np.where(np.isnan(gap_s), 24.0, gap_s) / (HOUR / SECOND)
    possible: NDArray[np.bool_] = rows.value <= _RECORD_MM * hours**_RECORD_POWER
    rain = np.where(possible, rows.value, 0.0)
    ages = np.where(np.isfinite(interval_s), interval_s, 1e-6)[:, None] / _EMPTIES_S
    left = np.exp(-np.nan_to_num(gap_s)[:, None] / _EMPTIES_S)
    taken = rain[:, None] * (-np.expm1(-ages) / ages)
    state["stores_mm"][rows.at] = state["stores_mm"][rows.at] * left + taken
    return possible


def _close_block(rows: Rows, state: State) -> None:
    """Where new days begin, let the peak of the days before count in the gauge's climate.

    They are counted from the first reading, so that nothing depends on the calendar.
    """
    begun_at = state["begun_at"][rows.at]
    begun_at = np.where(begun_at == NEVER, rows.measured_at, begun_at)
    state["begun_at"][rows.at] = begun_at
    block = (rows.measured_at - begun_at) // _BLOCK
    over = np.flatnonzero(state["block"][rows.at] != block)
    if not len(over):
        return
    at = rows.at[over]
    seen = state["block"][at] >= 0
    size = np.searchsorted(_LEVELS_MM, state["peak_mm"][at], side="right") - 1
    counts = seen & (size >= 0)
    state["peaks"][at[counts], size[counts]] += 1.0
    state["blocks"][at] += seen
    state["block"][at] = block[over]
    state["peak_mm"][at] = 0.0


def _per_year(at: NDArray[np.intp], index: Floats, state: State) -> Floats:
    """How many peaks a year reach the index here: own past and, as two years' worth, the prior.

    A peak counts in part for what is somewhat higher than it, so that the rate has no steps.
    """
    level = np.maximum(index, _LEAST_MM)
    reached = np.minimum((_LEVELS_MM / level[:, None]) ** _STEEPNESS, 1.0)
    seen = (reached * state["peaks"][at]).sum(axis=1)
    prior = _PRIOR_YEARS * _PRIOR_PER_YEAR * (_PRIOR_MM / level) ** _STEEPNESS
    most = 1.0 / _YEARS_A_BLOCK
    per_year: Floats = (seen + np.minimum(prior, _PRIOR_YEARS * most)) / (
        _PRIOR_YEARS + _YEARS_A_BLOCK * state["blocks"][at]
    )
    return per_year
