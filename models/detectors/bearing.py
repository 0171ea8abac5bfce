"""A failing bearing: its vibration stays above what the machine itself has shown when sound."""

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
from models.noise import GAUSS
from models.tail import Tail
from records.levels import Hazard
from records.statements import Phrase
from records.times import HOUR, SECOND

ABOVE_USUAL = (
    "The vibration is {percent} % above the machine's usual {usual} {unit} and stays there; "
    "the limit is {limit} %."
)
DOUBLED = "The vibration has risen to {times} times the machine's usual {usual} {unit}."
EASING = "The vibration is falling again: {percent} % above the machine's usual {usual} {unit}."

# Six-hour peaks of the smoothed deviation of a sound machine, until it has shown its own.
_TAIL = Tail(block=6 * HOUR, mean=1.5, variance=0.16)
_FIRST = 48  # readings that the first baseline is made of, spread over the cold start
_FEWEST, _EARLY_S = 12, 600.0  # with so many so far apart there is a first score
_MAD = 1.4826022185056018  # standard deviation over median magnitude of a Gaussian
_LARGEST_SHARE = 0.28  # of one reading in the smoothing: it takes three to raise a warning
_AT_MOST = 1.5  # limits that one reading may count above the smoothed deviation
_STOPPED = 0.2  # of the usual level: below it the machine does not run
_STARTED = 5.0  # times the first level: what was learned so far was a machine at rest
_WIDER = 1.5  # times its first scatter is what a machine's scatter may become
_QUIET = 0.5  # below it the machine counts as sound, and its baseline follows
_RED = 4.0


class Bearing(Detector):
    """Warns when smoothed vibration stays above the machine's own baseline.

    sigmas           least deviation in units of the machine's own scatter (of the logarithm)
    least_scatter    scatter assumed at least: 0.01 lets nothing below 6 % warn
    smooth_s         memory of the smoothing
    adapt_s          memory with which the baseline follows a sound machine
    settle_s         after a stop or a pause this long is not judged
    budget_per_year  false alarms a year that the tail of the machine's own peaks may give
    cold_start_s     running time that the first baseline takes
    hold_s           how long it must be low before the warning is over
    """

    name = "bearing"
    hazard = Hazard.PLANT_FAULT
    quantities = frozenset({"vibration", "vibration_velocity"})
    card = (
        "A bearing that begins to fail, from its overall vibration (mean, RMS or peak) every few "
        "seconds to every hour. The logarithm is held to the machine's own robust baseline "
        "(median and MAD of 48 readings over the first 24 h of running, assumed sound), which "
        "then follows slowly (five days) what does not stand out. Score: EWMA of the deviation, "
        "in units of six times the scatter or of what a Gumbel fit to its 6-hour peaks allows "
        "once a year, whichever is more (Roberts 1959, doi:10.1080/00401706.1959.10489860). One "
        "reading counts so little that three in a row are needed. Orange at 1, red when doubled. "
        "Cold start 24 h of running; stops (below a fifth of usual) and the first hour after are "
        "not judged. Blind to a fault that was there at the start or grows slower than the "
        "baseline follows, and to load changes, which it takes for faults. Null: six sigma for "
        "three readings above the first day."
    )

    def __init__(
        self,
        sigmas: float = 6.0,
        least_scatter: float = 0.01,
        smooth_s: float = 1800.0,
        adapt_s: float = 432000.0,
        settle_s: float = 3600.0,
        budget_per_year: float = 1.0,
        cold_start_s: float = 86400.0,
        hold_s: float = 21600.0,
    ) -> None:
        self.sigmas = sigmas
        self.least_scatter = least_scatter
        self.smooth_s = smooth_s
        self.adapt_s = adapt_s
        self.settle_s = settle_s
        self.budget_per_year = budget_per_year
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if min(sigmas, least_scatter, smooth_s, adapt_s, budget_per_year, cold_start_s) <= 0:
            raise ValueError("parameters other than settle_s and hold_s must be above 0")

    def slots(self) -> dict[str, Slot]:
        own = {
            "first": Slot("float64", (_FIRST,), np.nan),
            "first_count": Slot("int64"),
            "running_s": Slot(),
            "usual": Slot(fill=np.nan),
            "scatter": Slot(fill=np.nan),
            "first_scatter": Slot(fill=np.nan),
            "limit": Slot(fill=np.nan),
            "smooth": Slot(),
            "settles_until": Slot("int64", (), NEVER),
        }
        return own | _TAIL.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.8, 1.0, _RED), (0.4, 0.5, _RED))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score: smoothed deviation over its limit; from 4 on where the level has doubled."""
        at, measured_at = rows.at, rows.measured_at
        level = np.log(np.maximum(rows.value, 1e-12))
        judged = self._judged(rows, level, state)
        self._learn_first(at[judged], rows.gap_s[judged], level[judged], state)
        scatter = np.maximum(state["scatter"][at], self.least_scatter)
        factor = np.maximum(self.sigmas, _TAIL.limit(at, self.budget_per_year, state))
        limit = factor * scatter
        deviation = (level - state["usual"][at]) / limit
        known = judged & np.isfinite(deviation)
        smooth = state["smooth"][at]
        share = np.minimum(-np.expm1(-np.nan_to_num(rows.gap_s) / self.smooth_s), _LARGEST_SHARE)
        counted = np.clip(deviation, -1.0, np.maximum(smooth, 0.0) + _AT_MOST)
        smooth = np.where(known, smooth + share * (counted - smooth), smooth)
        state["smooth"][at], state["limit"][at] = smooth, limit
        in_scatter = np.where(known, smooth * factor, np.nan)
        p_value = np.where(known, _TAIL.chance(at, in_scatter, state), np.nan)
        quiet = known & (smooth < _QUIET)
        self._follow(rows, level, quiet, state)
        _TAIL.learn(at, measured_at, in_scatter, quiet, state)
        doubled = smooth * limit >= math.log(2.0)
        score = np.where(doubled, np.maximum(smooth, _RED), np.minimum(smooth, _RED - 0.01))
        return Scores(np.where(known, score, np.nan), p_value)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        usual = math.exp(float(state["usual"][crossing.at]))
        limit = math.expm1(float(state["limit"][crossing.at]))
        times = math.exp(float(state["smooth"][crossing.at] * state["limit"][crossing.at]))
        values: Values = {
            "percent": round(100 * (times - 1)),
            "times": rounded(times, 2),
            "usual": rounded(usual, 3),
            "unit": crossing.watched.unit,
            "limit": round(100 * limit),
        }
        text = DOUBLED if crossing.score >= _RED else ABOVE_USUAL
        text = text if crossing.level > crossing.before else EASING
        return Said(
            Phrase(text=text, values={n: v for n, v in values.items() if f"{{{n}}}" in text}),
            evidence_of(crossing, usual=usual, times_usual=times, limit_times=1 + limit),
        )

    def _judged(self, rows: Rows, level: Floats, state: State) -> NDArray[np.bool_]:
        """Rows of a machine that runs and has settled."""
        at, measured_at = rows.at, rows.measured_at
        stopped = rows.value <= 0
        stopped |= level < state["usual"][at] + math.log(_STOPPED)
        pause = rows.gap_s > max(6 * self.settle_s, 3600.0)
        settles = measured_at + int(self.settle_s * SECOND)
        until = np.where(stopped | pause, settles, state["settles_until"][at])
        state["settles_until"][at] = until
        judged: NDArray[np.bool_] = ~stopped & (measured_at >= until)
        return judged

    def _learn_first(
        self, at: NDArray[np.intp], gap_s: Floats, level: Floats, state: State
    ) -> None:
        """Collect the first readings, and take median and MAD of what there is."""
        state["running_s"][at] += np.minimum(np.nan_to_num(gap_s), 3600.0)
        count = state["first_count"][at]
        even_s = self.cold_start_s / _FIRST
        apart_s = np.where(count < _FEWEST, min(_EARLY_S, even_s), even_s)
        due = state["running_s"][at] >= count * apart_s
        learning = due & (count < _FIRST)
        if not learning.any():
            return
        at, level, count = at[learning], level[learning], count[learning]
        # A first level that is left so far at once was a machine at rest: begin with this one.
        started = level > state["usual"][at] + math.log(_STARTED)
        count = np.where(started, 0, count)
        state["first"][at[started]] = np.nan
        state["running_s"][at[started]] = 0.0
        state["first"][at, count] = level
        state["first_count"][at] = count + 1
        first = np.sort(state["first"][at], axis=1)
        median = _median(first, count + 1)
        scatter = _MAD * _median(np.sort(np.abs(first - median[:, None]), axis=1), count + 1)
        enough = count + 1 >= _FEWEST
        state["usual"][at] = np.where(enough, median, np.nan)
        state["scatter"][at] = np.where(enough, scatter, np.nan)
        state["first_scatter"][at] = state["scatter"][at]

    def _follow(self, rows: Rows, level: Floats, quiet: NDArray[np.bool_], state: State) -> None:
        """Let the baseline of a sound machine follow, once it has been learned."""
        follows = quiet & (state["first_count"][rows.at] == _FIRST)
        if not follows.any():
            return
        at = rows.at[follows]
        share = -np.expm1(-np.minimum(rows.gap_s[follows], 3600.0) / self.adapt_s)
        scatter = np.maximum(state["scatter"][at], self.least_scatter)
        off = level[follows] - state["usual"][at]
        state["usual"][at] += share * np.clip(off, -2 * scatter, 2 * scatter)
        magnitude = np.minimum(np.abs(off), 3 * scatter)
        learned = state["scatter"][at] + share * (magnitude * GAUSS - state["scatter"][at])
        # A fault that grows slowly must not become scatter.
        most = _WIDER * np.maximum(state["first_scatter"][at], self.least_scatter)
        state["scatter"][at] = np.minimum(learned, most)


def _median(ordered: Floats, count: NDArray[np.int64]) -> Floats:
    """Median of the first `count` values of each sorted row."""
    row = np.arange(len(ordered))
    median: Floats = (ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2
    return median
