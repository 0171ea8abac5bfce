"""Four cheap signals of the unusual, each measured by its own past, together: for any series."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from models.daily_course import DailyCourse
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
from models.excess import Excess
from models.shape import Shape
from models.tail import Tail
from records.levels import Hazard
from records.statements import Phrase
from records.times import DAY

OFF_LEVEL = (
    "The {quantity} of {value} {unit} is unusually far from {usual} {unit}, where it has been "
    "lately."
)
OFF_HOUR = (
    "The {quantity} of {value} {unit} is unusual for this hour of the day; usual is {usual} {unit}."
)
OFF_COURSE = (
    "The course of the {quantity} is unlike any of its recent past; the last value is {value} "
    "{unit}."
)

_COURSE = DailyCourse(variables=2)
_SHAPE = Shape()
_RARITY = Excess(signals=4, quantile=0.98, memory=4000.0)
# Day peaks of what the signals add up to, before a series has shown its own: as of heavy tails
# (Student with three degrees of freedom); of lighter noise they are half as high.
_TAIL = Tail(block=DAY, mean=1.7, variance=3.0, prior=20.0, most=12.0)
# A scatter of fewer readings is no unit: the first distances would be millions of it.
_FEWEST = 30
# How many readings level and scatter remember, and how many the highest peak is remembered for.
_LEVEL_MEMORY = 1000.0
_SCATTER_MEMORY = 4000.0
_FADE = math.exp(-1 / 200.0)
# A rarity counts from where its tail begins: one reading in fifty.
_BASE = -math.log10(1 - _RARITY.quantile)
# The logarithm of a value bends at this share of its usual magnitude.
_BEND = 0.05
_TINY = 1e-300


class Ensemble(Detector):
    """Warns of what is rare by several measures at once, within a budget of false alarms.

    budget_per_year  false alarms a series and year (orange)
    cold_start_s     history that a level needs; scores come earlier
    hold_s           how long a warning stays after its last peak
    """

    name = "ensemble"
    hazard = Hazard.SENSOR_HEALTH
    version = "2"
    card = (
        "Any series: says that readings are unlike the series' own past; what it means is for a "
        "person to find out, so it is chosen by name only. Four signals: distance from the level "
        "of the last 1,000 readings in scatters, distance from the usual for the hour of the day, "
        "linear and logarithmic, and distance of the last dozen readings from the nearest of the "
        "last 600 courses. Each signal's rarity is measured by its own running 98 % quantile and "
        "a Pareto tail above it; rarities beyond 1 in 50 are added, and what a fading memory of "
        "the highest peak covers is taken off, so that one event counts once. The score is in "
        "units of the limit that a Gumbel fit to the series' day peaks allows once a year. One "
        "fixed configuration for all series. Null: windowed Gaussian of 1,000 readings. On 31 "
        "files of the Numenta benchmark it was chosen on, with the threshold from the other half, "
        "it reaches about 69 (the null's best is 38); synthetic bursty counts with long surges, "
        "of a generator whose first files counted in the choice, gave 69 (the null 83). Scores "
        "after 30 readings, levels after 7 days. "
        "Heavy-tailed noise gave two to three alarms a year at a budget of one, other noise less "
        "than one. Weekends and yearly seasons are not known to it; a slow drift is not found."
    )

    def __init__(
        self,
        budget_per_year: float = 1.0,
        cold_start_s: float = 7 * 86400.0,
        hold_s: float = 3600.0,
    ) -> None:
        self.budget_per_year = budget_per_year
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if budget_per_year <= 0:
            raise ValueError("budget_per_year must be above 0")

    def slots(self) -> dict[str, Slot]:
        own = {
            # Readings so far, mean magnitude, level, scatter, highest peak.
            "usual": Slot("float64", (5,)),
            "rarity": Slot("float64", (4,)),
        }
        return own | _COURSE.slots() | _SHAPE.slots() | _RARITY.slots() | _TAIL.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.8, 1.0, np.inf), (0.4, 0.5, np.inf))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score: how far the signals' rarities together stand out, over the limit."""
        at = rows.span
        usual = state["usual"][at]
        rarity = _RARITY.step(at, self._signals(rows, usual, state), state)
        beyond = np.maximum(rarity - _BASE, 0.0)
        together = beyond[:, 0] + beyond[:, 1] + beyond[:, 2] + beyond[:, 3]
        highest = _FADE * usual[:, 4]
        usual[:, 4] = np.maximum(highest, together)
        state["usual"][at] = usual
        state["rarity"][at] = rarity
        peak = together - highest
        limit = _TAIL.limit(at, self.budget_per_year, state)
        p_value = _TAIL.chance(at, peak, state)
        _TAIL.learn(at, rows.measured_at, peak, None, state)
        return Scores(peak / limit, p_value)

    def _signals(self, rows: Rows, usual: Floats, state: State) -> Floats:
        """Distances without unit: from the level, from the hour (twice), from known courses.

        Counts the readings into `usual`.
        """
        value = rows.value
        count, magnitude, level, scatter = (usual[:, i] for i in range(4))
        fresh = count == 0
        if fresh.any():
            level[fresh] = value[fresh]
        count += 1.0
        share = 1.0 / np.minimum(count, _LEVEL_MEMORY)
        size = np.abs(value)
        magnitude += share * (size - magnitude)
        # Rounding must not make a constant series' scatter anything.
        unit = scatter + 1e-9 * magnitude + _TINY
        off = value - level
        distance = np.abs(off)
        both = np.empty((len(rows), 2))
        both[:, 0] = value
        both[:, 1] = np.copysign(np.log1p(size / (_BEND * magnitude + _TINY)), value)
        signal = np.empty((len(rows), 4))
        signal[:, 0] = distance / unit
        signal[:, 1:3] = _COURSE.step(rows, both, count, state)
        signal[:, 3] = _SHAPE.step(rows.span, value, count, state) / unit
        few = count <= _FEWEST
        if few.any():
            signal[few, 0] = signal[few, 3] = np.nan
        level += share * off
        scatter += (distance - scatter) / np.minimum(count, _SCATTER_MEMORY)
        return signal

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        at = crossing.at
        rarity = [float(r) for r in state["rarity"][at]]
        hour = _COURSE.usual(at, crossing.measured_at, state)
        text, usual = max(
            (rarity[3], OFF_COURSE, hour),
            (rarity[0], OFF_LEVEL, float(state["usual"][at, 2])),
            (max(rarity[1:3]), OFF_HOUR, hour),
        )[1:]
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " ") or "value",
            "value": rounded(crossing.value),
            "unit": crossing.watched.unit,
        }
        if text != OFF_COURSE:
            values["usual"] = rounded(usual)
        return Said(Phrase(text=text, values=values), evidence_of(crossing, rarity=rarity))
