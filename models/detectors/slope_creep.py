"""A slope whose creep speeds up towards failure: inverse velocity, onset and time left."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

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
from records.times import SECOND

SPEEDING_UP = (
    "The movement speeds up towards failure: expected in {hours} h"
    " (95 %: {earliest} to {latest} h)."
)
SLOWING = "The movement no longer speeds up towards failure."

_POINTS, _FEWEST = 12, 6
_NOISES = 8.0  # a step is at least so many times the scatter of single readings
_MAD = 1.4826022185056018
_FASTER = 2.0  # the last velocity over the first of the fit, at least
_SURE = 3.0  # standard errors that the slope of the inverse velocity is below zero
_MOST = 100.0  # score
_LEAST = {"displacement": 1.0, "tilt": 0.01}
# Of Student's t by the number of points, for a 95 % interval.
_QUANTILES: Floats = np.asarray(stats.t.ppf(0.975, np.fmax(np.arange(_POINTS + 1) - 2, 1)))
_AT, _INVERSE = 0, 1


class SlopeCreep(Detector):
    """Warns when a straight line through inverse velocities reaches zero within the horizon.

    horizon_s  time left at which orange is reached; yellow at three times, red at a quarter
    least      movement that is one step at least; None: 1 mm, 0.01 deg
    hold_s     how long it must no longer speed up before the warning is over
    """

    name = "slope-creep"
    hazard = Hazard.LANDSLIDE
    quantities = frozenset(_LEAST)
    experimental = True
    card = (
        "Creep to failure of a slope, from displacement or tilt at any interval. Velocity is taken "
        "over steps of equal movement (at least eight times the scatter of readings), so that its "
        "error stays the same as the slope speeds up; the last twelve inverse velocities are held "
        "to a straight line (Fukuzono 1985; Voight 1988, doi:10.1038/332125a0). Onset: the line "
        "falls by three standard errors and the velocity has doubled (cf. Carla et al. 2017, "
        "doi:10.1007/s10346-016-0731-5). Score: horizon over the latest time (95 %) at which the "
        "line reaches zero; the interval is Fieller's. A movement that turns back, as with the sun,"
        " begins anew. Null: a limit on the velocity. Blind to brittle failures without creep. "
        "Experimental: tried on synthetic and simulated slopes only."
    )

    def __init__(
        self, horizon_s: float = 86400.0, least: float | None = None, hold_s: float = 21600.0
    ) -> None:
        self.horizon_s = horizon_s
        self.least = least
        self.hold_s = hold_s
        if horizon_s <= 0 or (least is not None and least <= 0):
            raise ValueError("horizon_s and least must be above 0")

    def slots(self) -> dict[str, Slot]:
        return {
            "last": Slot("float64", (2,), math.nan),
            "last_at": Slot("int64", (), NEVER),
            "noise": Slot(fill=math.nan),
            "anchor": Slot(fill=math.nan),
            "anchor_at": Slot("int64", (), NEVER),
            "heading": Slot(),
            "points": Slot("float64", (2, _POINTS), math.nan),
            "left_s": Slot("float64", (3,), math.nan),
        }

    def fixed(self, watched: Sequence[Watched]) -> Fixed:
        usual = [_LEAST.get(w.quantity, 1.0) if self.least is None else self.least for w in watched]
        return {"least": np.array(usual, np.float64)}

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (1 / 3, 1.0, 4.0), (1 / 4, 0.75, 3.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        at = rows.at
        middle, middle_at = _middle(rows, state)
        begins = ~np.isnan(middle) & np.isnan(state["anchor"][at])
        state["anchor"][at] = np.where(begins, middle, state["anchor"][at])
        state["anchor_at"][at] = np.where(begins, middle_at, state["anchor_at"][at])
        size = np.fmax(fixed["least"][at], _NOISES * np.nan_to_num(state["noise"][at]))
        moved = middle - state["anchor"][at]
        stepped = np.abs(moved) >= size
        if stepped.any():
            _push(at[stepped], middle[stepped], middle_at[stepped], moved[stepped], state)
        waited_s = (middle_at - state["anchor_at"][at]) / SECOND
        points, waiting = state["points"][at], waited_s / size
        left_s = _left_s(points, waiting, middle_at / SECOND, _FASTER)
        sure = np.flatnonzero(~np.isnan(left_s[:, 2]))
        if len(sure):
            # A velocity that jumped and stays makes such a line as well, but not of the newer half.
            newer = points[sure][:, :, -_FEWEST:]
            newer_s = _left_s(newer, waiting[sure], middle_at[sure] / SECOND)
            left_s[sure, 2] = np.maximum(left_s[sure, 2], newer_s[:, 2])
        state["left_s"][at] = left_s
        score = np.minimum(self.horizon_s / np.maximum(left_s[:, 2], 1e-3), _MOST)
        return Scores(np.where(np.isnan(middle), np.nan, np.nan_to_num(score)))

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        left, earliest, latest = (float(s) / 3600 for s in state["left_s"][crossing.at])
        if math.isnan(left) or crossing.level < crossing.before:
            return Said(Phrase(text=SLOWING), evidence_of(crossing))
        values: Values = {
            "hours": rounded(left, 2),
            "earliest": rounded(earliest, 2),
            "latest": rounded(latest, 2),
        }
        onset_at = crossing.measured_at + round(left * 3600 * SECOND)
        evidence = evidence_of(crossing, left_h=left, earliest_h=earliest, latest_h=latest)
        return Said(Phrase(text=SPEEDING_UP, values=values), evidence, onset_at)


def _middle(rows: Rows, state: State) -> tuple[Floats, NDArray[np.int64]]:
    """The median of the last three readings and the time of the one before; learns the scatter."""
    earlier, last = state["last"][rows.at].T
    last_at = state["last_at"][rows.at]
    state["last"][rows.at] = np.column_stack([last, rows.value])
    state["last_at"][rows.at] = rows.measured_at
    low, high = np.minimum(earlier, last), np.maximum(earlier, last)
    middle = np.maximum(low, np.minimum(high, rows.value))
    # Second differences: a steady movement is no scatter. 6 is the sum of their squared weights.
    bend = np.abs(rows.value - 2 * last + earlier) / math.sqrt(6.0)
    noise = state["noise"][rows.at]
    # A median that is followed step by step: it does not grow with what the slope does in the end.
    first = np.isnan(noise) & ~np.isnan(bend)
    noise = np.where(first, _MAD * bend, noise)
    nudge = 0.05 * np.sign(_MAD * bend - noise) * np.fmax(noise, 1e-9)
    state["noise"][rows.at] = np.where(first | np.isnan(bend), noise, noise + nudge)
    return middle, last_at


def _push(
    at: NDArray[np.intp],
    middle: Floats,
    middle_at: NDArray[np.int64],
    moved: Floats,
    state: State,
) -> None:
    """A step is done: its inverse velocity (s per unit) at the middle of its time."""
    waited_s = np.fmax((middle_at - state["anchor_at"][at]) / SECOND, 1e-3)
    points = state["points"][at]
    turned = np.sign(moved) != state["heading"][at]
    points[turned] = np.nan
    new = np.stack([middle_at / SECOND - waited_s / 2, waited_s / np.abs(moved)], axis=1)
    # The first step after a turn began somewhere in the turn: its velocity is not known.
    kept = np.concatenate([points[:, :, 1:], new[:, :, None]], axis=2)
    points = np.where(turned[:, None, None], points, kept)
    state["points"][at] = points
    state["heading"][at] = np.sign(moved)
    state["anchor"][at], state["anchor_at"][at] = middle, middle_at


def _left_s(points: Floats, waiting: Floats, now_s: Floats, faster: float = 1.0) -> Floats:
    """Seconds until the line through the points reaches zero, and the ends of the 95 % interval.

    Shape (series, 3); NaN where it does not fall surely. `waiting`: inverse velocity of the step
    that is not done yet, at least; where that is slower than the last, it counts instead.
    `faster`: the last velocity over the first, at least.
    """
    found = np.full((len(points), 3), np.nan)
    last = np.fmax(points[:, _INVERSE, -1], waiting)
    known = ~np.isnan(points[:, _INVERSE])
    known[:, -1] |= ~np.isnan(last)
    first = points[np.arange(len(points)), _INVERSE, known.argmax(axis=1)]
    # Most slopes do not speed up: only of those that do is a line drawn.
    likely = np.flatnonzero((first >= faster * last) & (known.sum(axis=1) >= _FEWEST))
    if len(likely):
        points = points[likely]
        points[:, _INVERSE, -1] = last[likely]
        found[likely] = _line_left_s(points, known[likely], now_s[likely])
    return found


def _line_left_s(points: Floats, known: NDArray[np.bool_], now_s: Floats) -> Floats:
    """`_left_s` of slopes with points enough that speed up."""
    time, inverse = points[:, _AT] - now_s[:, None], points[:, _INVERSE]
    count = known.sum(axis=1)
    share = np.where(known, 1.0, 0.0) / np.fmax(count, 1)[:, None]
    time, inverse = np.where(known, time, 0.0), np.where(known, inverse, 0.0)
    quantile = _QUANTILES[np.minimum(count, _POINTS)]
    mean_t, mean_y = (share * time).sum(axis=1), (share * inverse).sum(axis=1)
    off_t = np.where(known, time - mean_t[:, None], 0.0)
    off_y = np.where(known, inverse - mean_y[:, None], 0.0)
    spread = np.fmax((off_t * off_t).sum(axis=1), 1e-12)
    slope = (off_t * off_y).sum(axis=1) / spread
    rest = off_y - slope[:, None] * off_t
    variance = (rest * rest).sum(axis=1) / np.fmax(count - 2, 1)
    error = np.sqrt(variance / spread)
    sure = slope < -_SURE * error
    slope = np.where(sure, slope, -1.0)
    left = mean_t - mean_y / slope
    # Fieller's interval of mean_y / -slope (doi:10.1111/j.2517-6161.1954.tb00159.x).
    g = (quantile * error / slope) ** 2
    g = np.where(g < 1, g, np.nan)
    middle = -mean_y / slope / (1 - g)
    scatter = np.sqrt(variance * ((1 - g) / np.fmax(count, 1) + (mean_y / slope) ** 2 / spread))
    half = quantile * scatter / np.abs(slope) / (1 - g)
    found = np.stack([left, mean_t + middle - half, mean_t + middle + half], axis=1)
    return np.where(sure[:, None], np.fmax(found, 0.0), np.nan)
