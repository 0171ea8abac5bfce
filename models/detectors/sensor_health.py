"""A reading that the sensor made, not the river: stuck, dropped out, jumped, noisy, impossible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.detector import (
    Crossing,
    Detector,
    Fixed,
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
from records.quantities import QUANTITIES
from records.statements import Phrase

IMPOSSIBLE = "No sensor of {quantity} can read {value} {unit}: do not use it."
STUCK = "The {quantity} has read {value} {unit} for too long without any change: do not use it."
JUMPED = "The {quantity} jumped to {value} {unit}, where nothing natural takes it: do not use it."
RESTLESS = "The {quantity} is far more restless than it ever is: do not use {value} {unit}."

# Smallest jump (canonical unit) that is called a fault. For water quality the criteria from which
# on the USGS corrects a record: Wagner et al. 2006, doi:10.3133/tm1D3, table 18; the rest is ours.
_LEAST = {
    "water_temperature": 0.2,
    "conductivity": 5.0,
    "ph": 0.2,
    "dissolved_oxygen": 0.3,
    "turbidity": 5.0,
    "stage": 0.05,
    "sea_level": 0.1,
    "water_column_height": 0.1,
}
# What rises in a flood: rises may be so many times as large as falls.
_FLOODS = frozenset({"stage", "discharge", "turbidity", "rain", "lake_level", "sea_level"})
_RISE = 4.0
# Where a value that stays is nothing odd, and where one that jumps is neither.
_MAY_REST = frozenset({"rain", "discharge", "potential_evaporation"})
_MAY_JUMP = frozenset({"rain", "potential_evaporation"})
_JUMP = 40.0
_RESTLESS = 24.0
_UNLIKELY = 20.0
_MEMORY = 700.0
_SHORT = 8.0
_YOUNG = 20.0
_SETTLED = 96.0
_TINY = 1e-300
_GREATEST = 1e150  # beyond it squares and differences are no numbers
# Last good value and readings since then, usual change, usual and present bend, last value and
# step, readings so far, usual share of repeats, repeats now, readings at a new level.
_FIELDS = 11


class SensorHealth(Detector):
    """Yellow where a reading is not to be used.

    jump  how many usual changes from reading to reading are a jump
    """

    name = "sensor-health"
    hazard = Hazard.SENSOR_HEALTH
    version = "2"
    experimental = True
    any_value = True
    card = (
        "Water quality, levels and any series that changes: says of a reading that the sensor made "
        "it, so that a fault is not taken for a flood. Four tests, the worst counts: outside of "
        "what any sensor of the quantity reads; a jump from the last good reading of 40 usual "
        "changes, four times as much for rises of what rises in floods, never less than the USGS "
        "corrects a record for (doi:10.3133/tm1D3); a run of repeats that its usual share of "
        "repeats makes a chance of 2e-9; bends from reading to reading 24 times as strong as "
        "usual. A new level that is steady for 96 readings is taken for real. Null: the range "
        "test alone. On seven site-years of a river (15 min) a technician flagged 2.4 % of; it "
        "calls 2.6 %: precision 0.69, recall 0.72 (null: 0.88, 0.23), chosen on the same river. "
        "Drift, fouling and wrong calibration are not found: little is on dissolved oxygen and "
        "turbidity (F1 0.04 and 0.18). Experimental: chosen by name only."
    )

    def __init__(self, jump: float = _JUMP) -> None:
        self.jump = jump
        if jump <= 0:
            raise ValueError("jump must be above 0")

    def slots(self) -> dict[str, Slot]:
        return {"health": Slot("float64", (_FIELDS,)), "found": Slot("float64", (4,))}

    def fixed(self, watched: Sequence[Watched]) -> Fixed:
        known = [QUANTITIES.get(w.quantity) for w in watched]
        names = [w.quantity for w in watched]
        return {
            "low": np.array([q.low if q else -_GREATEST for q in known]),
            "high": np.array([q.high if q else _GREATEST for q in known]),
            "least": np.array([_LEAST.get(n, 0.0) for n in names]),
            "rise": np.array([_RISE if n in _FLOODS else 1.0 for n in names]),
            "stays": np.array([n not in _MAY_REST for n in names], np.float64),
            "jumps": np.array([n not in _MAY_JUMP for n in names], np.float64),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (1.0, np.inf, np.inf), (1.0, np.inf, np.inf))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score: the worst of four tests, each over its limit."""
        at, value = rows.at, rows.value
        kept = state["health"][at]
        good, since, change, bend, now_bend, last, last_step, count, rests, rest, new = (
            kept[:, i] for i in range(_FIELDS)
        )
        possible = (value >= fixed["low"][at]) & (value <= fixed["high"][at])
        first = possible & (count == 0)
        good[first] = last[first] = value[first]
        value = np.where(possible, value, last)
        found = np.zeros((len(at), 4))
        found[:, 0] = np.where(possible, 0.0, 2.0)
        # Jumped: too far from the last good reading, for the time since.
        since += 1.0
        off = value - good
        least = fixed["least"][at]
        unit = np.maximum(self.jump * change, least) * np.where(count < _YOUNG, 4.0, 1.0)
        unit *= np.where(off > 0, fixed["rise"][at], 1.0)
        found[:, 1] = np.abs(off) / (unit * np.sqrt(since) + _TINY)
        # One that has never moved has shown no usual change.
        moved = change > 0
        found[:, 1] *= moved * (count >= 3) * fixed["jumps"][at]
        # Stuck: a run of repeats that the usual share of repeats makes all but impossible.
        step = value - last
        same = possible & (step == 0) & (count > 0)
        rest[:] = np.where(same, rest + 1.0, np.where(possible, 0.0, rest))
        share = (rests * np.minimum(count, _MEMORY) + 1.0) / (np.minimum(count, _MEMORY) + 2.0)
        found[:, 2] = fixed["stays"][at] * rest * -np.log(share) / _UNLIKELY
        found[:, 2] *= (rest >= 5) & moved
        # Restless: bends far above the usual, for more than one wild reading.
        curved = np.abs(step - last_step)
        most = np.maximum(_RESTLESS * bend * fixed["rise"][at], least) + _TINY
        now_bend += (np.minimum(curved, 1.5 * most) - now_bend) / _SHORT
        found[:, 3] = now_bend / most * (count >= 3 * _YOUNG) * fixed["jumps"][at]
        score = found.max(axis=1)
        # A new level that is itself steady for long enough is taken for real.
        steady = (np.abs(step) <= unit) & (found[:, 2] < 1) & (found[:, 3] < 1) & possible
        new[:] = np.where((score >= 1) & steady, new + 1.0, 0.0)
        trusted = possible & ((score < 1) | (new >= _SETTLED))
        weight = trusted / np.minimum(count + 1.0, _MEMORY)
        size = np.where(moved, np.minimum(np.abs(off), unit), np.abs(off))
        change += weight * (size - change)
        bend += weight * (np.minimum(curved, 3.0 * bend + least + (count < _YOUNG) * curved) - bend)
        rests += possible * (rest < 5) / np.minimum(count + 1.0, _MEMORY) * (same - rests)
        good[trusted] = value[trusted]
        since[trusted] = 0.0
        new[trusted] = 0.0
        last[:] = value
        last_step[:] = step
        count += possible
        state["health"][at] = kept
        state["found"][at] = found
        return Scores(score)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        found = state["found"][crossing.at]
        text = (IMPOSSIBLE, JUMPED, STUCK, RESTLESS)[int(np.argmax(found))]
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " ") or "value",
            "value": rounded(crossing.value),
            "unit": crossing.watched.unit,
        }
        return Said(Phrase(text=text, values=values), evidence_of(crossing, tests=found.tolist()))
