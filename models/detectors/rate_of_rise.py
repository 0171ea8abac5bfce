"""Water that rises faster than it is used to: slope over a window, judged by its own past."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from models import slope
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
from records.times import DAY

RISING_FAST = (
    "The {quantity} is rising by {rise} {unit} an hour; "
    "here this is to be expected about once in {days} days."
)
RISING_SLOWER = "The {quantity} is rising more slowly now, by {rise} {unit} an hour."

_YEAR_DAYS = 365.25
_SHARE = 0.1  # of days whose fastest rise is above the tail's beginning
_LOWEST = -3.0  # score of water that does not rise
_PRIOR_EXCESS, _PRIOR_DAYS = 0.5, 5.0
_MEMORY_DAYS = 100.0
_MEAN_MEMORY_S = 30 * 86400.0
_LEAST = {"stage": 0.1, "lake_level": 0.1, "discharge": 0.5}


class RateOfRise(Detector):
    """Warns of a rise that comes less often than the false-alarm budget allows.

    budget_per_year  days a year on which orange may be reached; yellow four times, red a tenth
    window_s         time over which the slope is fitted (weights fall by 1/e)
    least            a rise within the window that is no hazard whatever the past: for levels in the
                     unit that the series is written in, for discharge a share of the mean flow;
                     None: 0.1 m, half the mean flow
    cold_start_s     history of a series before it can warn
    hold_s           how long the rise must be slower before the warning is over
    """

    name = "rate-of-rise"
    hazard = Hazard.RIVER_FLOOD
    quantities = frozenset(_LEAST)
    card = (
        "Rise of stage, discharge or lake level that is rare for its own series. Slope: regression "
        "with exponentially falling weights in time (any sampling interval, gaps), on the median "
        "of three readings, so that a single spike never counts. Limit: Pareto tail (Hill 1975, "
        "doi:10.1214/aos/1176343247) of the daily maxima of the slope, with a weak prior, at the "
        "rate of the false-alarm budget; score = log10 of the years expected between such days. A "
        "rise below a least one is never a warning. Null: the same budget on the difference of "
        "the last two readings. Knows nothing of rain or of places upstream; for the first months "
        "of a series it rests on the prior."
    )

    def __init__(
        self,
        budget_per_year: float = 1.0,
        window_s: float = 10800.0,
        least: float | None = None,
        cold_start_s: float = 864000.0,
        hold_s: float = 21600.0,
    ) -> None:
        self.budget_per_year = budget_per_year
        self.window_s = window_s
        self.least = least
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if budget_per_year <= 0 or window_s <= 0:
            raise ValueError("budget_per_year and window_s must be above 0")

    def slots(self) -> dict[str, Slot]:
        return {
            **slope.slots(),
            "rise": Slot(fill=math.nan),
            "usual_size": Slot(fill=math.nan),
            "day": Slot("int64"),
            "day_peak": Slot(fill=math.nan),
            "days": Slot(),
            "log_tail": Slot(fill=math.nan),
            "excess": Slot(fill=_PRIOR_EXCESS),
            "exceeded": Slot(fill=_PRIOR_DAYS),
        }

    def fixed(self, watched: Sequence[Watched]) -> Fixed:
        return {
            "least": np.array([self._least(w) for w in watched], np.float64),
            "of_mean": np.array([w.quantity == "discharge" for w in watched], np.bool_),
        }

    def _least(self, watched: Watched) -> float:
        if self.least is None:
            return _LEAST.get(watched.quantity, 0.0)
        return self.least * (1.0 if watched.quantity == "discharge" else watched.converts[0])

    def limits(self, watched: Sequence[Watched]) -> Limits:
        orange = -math.log10(self.budget_per_year)
        up = (orange - math.log10(4), orange, orange + 1)
        return Limits.same(len(watched), up, (up[0] - 0.3, up[1] - 0.3, up[2] - 0.3))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        rise = slope.fit(rows, state, self.window_s).per_s * self.window_s
        state["rise"][rows.at] = rise
        least = _least(rows, state, fixed)
        _close_day(rows, state, least)
        state["day_peak"][rows.at] = np.fmax(state["day_peak"][rows.at], rise)
        return self._score(rows, state, rise, least)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        rise = float(state["rise"][crossing.at]) * 3600 / self.window_s
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " "),
            "rise": rounded(rise, 2),
            "unit": crossing.watched.unit,
        }
        evidence = evidence_of(crossing, rise_per_hour=rise, days=float(state["days"][crossing.at]))
        if crossing.level < crossing.before:
            return Said(Phrase(text=RISING_SLOWER, values=values), evidence)
        days = max(1, round(_YEAR_DAYS * 10 ** min(crossing.score, 4.0)))
        return Said(Phrase(text=RISING_FAST, values={**values, "days": days}), evidence)

    def _score(self, rows: Rows, state: State, rise: Floats, least: Floats) -> Scores:
        rises = rise > 0
        log_rise = np.log(np.where(rises, rise, 1.0))
        tail = np.fmax(state["log_tail"][rows.at], np.log(_smallest(least)))
        beyond = (log_rise - tail) / state["excess"][rows.at]
        rare = beyond / math.log(10) - math.log10(_SHARE * _YEAR_DAYS)
        needed = (log_rise - np.log(np.fmax(least, 1e-300))) / math.log(10)
        score = np.fmin(rare, needed - math.log10(self.budget_per_year))
        unknown = np.isnan(rise)
        low = np.where(unknown, np.nan, _LOWEST)
        p_low = np.where(unknown, np.nan, 1.0)
        p_value = np.fmin(1.0, _SHARE * np.exp(-np.fmax(beyond, -10.0)))
        return Scores(
            np.where(rises, np.fmax(score, _LOWEST), low), np.where(rises, p_value, p_low)
        )


def _least(rows: Rows, state: State, fixed: Fixed) -> Floats:
    """The least rise that can be a hazard, in the unit of the series."""
    usual, size = state["usual_size"][rows.at], np.abs(rows.value)
    share = 1.0 - np.exp(-rows.gap_s / _MEAN_MEMORY_S)
    usual = np.where(np.isnan(usual), size, usual + share * (size - usual))
    state["usual_size"][rows.at] = usual
    least: Floats = fixed["least"][rows.at]
    return np.where(fixed["of_mean"][rows.at], least * usual, least)


def _close_day(rows: Rows, state: State, least: Floats) -> None:
    """Where a new day begins, let the fastest rise of the day before count in the tail."""
    day = rows.measured_at // DAY
    begins = state["day"][rows.at] != day
    if not begins.any():
        return
    state["day"][rows.at] = day
    ended = np.flatnonzero(begins & ~np.isnan(state["day_peak"][rows.at]))
    at = rows.at[ended]
    peak = np.log(np.fmax(state["day_peak"][at], _smallest(least[ended])))
    state["day_peak"][at] = np.nan
    days = state["days"][at] + 1.0
    tail = np.where(days == 1.0, peak, state["log_tail"][at])
    over = peak > tail
    exceeded = np.fmin(state["exceeded"][at] + over, _MEMORY_DAYS)
    excess = state["excess"][at]
    state["excess"][at] = excess + over * (peak - tail - excess) / exceeded
    state["exceeded"][at] = exceeded
    # Robbins and Monro: the tail begins where a share of the days is above it.
    state["log_tail"][at] = tail + np.fmax(4 / (days + 4), 0.03) * (over - _SHARE)
    state["days"][at] = days


def _smallest(least: Floats) -> Floats:
    """Slower rises count as this one: noise and rounding of still water are no climate."""
    return np.fmax(least / 10, 1e-9)
