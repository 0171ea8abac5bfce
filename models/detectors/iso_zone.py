"""Vibration severity zones A to D of the ISO 20816 family, on the velocity of the housing."""

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
from models.detectors.stage_limit import FALLING, OVER_LIMIT
from records.levels import Hazard
from records.network import Thresholds
from records.statements import Phrase

IN_ZONE = "The vibration is {value} {unit}, over its limit of {limit} {unit}: zone {zone}."
BACK_IN_ZONE = "The vibration has fallen to {value} {unit}: zone {zone}."

# Zone boundaries A/B, B/C and C/D in mm/s RMS: ISO 10816-5:2000 (kept for housings by ISO
# 20816-5:2018) for hydraulic machine sets by group; ISO 10816-3:2009 for industrial machines
# over 300 kW (large) and from 15 kW (medium) by support; ISO 10816-1:1995 annex B for classes.
_TIGHT, _WIDE = (1.6, 2.5, 4.0), (2.5, 4.0, 6.4)
CLASSES: dict[str, tuple[float, float, float]] = {
    "hydro-1": _TIGHT,  # horizontal, bearings on the foundation
    "hydro-2": _WIDE,  # horizontal, bearings braced on the machine's casing only
    "hydro-3": _TIGHT,  # vertical, all bearings braced on the foundation
    "hydro-4": _TIGHT,  # vertical, upper bearing braced on the stator: the other bearings
    "hydro-4-upper": _WIDE,  # and the upper one
    "large-rigid": (2.3, 4.5, 7.1),
    "large-flexible": (3.5, 7.1, 11.0),
    "medium-rigid": (1.4, 2.8, 4.5),
    "medium-flexible": (2.3, 4.5, 7.1),
    "class-1": (0.71, 1.8, 4.5),
    "class-2": (1.12, 2.8, 7.1),
    "class-3": (1.8, 4.5, 11.2),
    "class-4": (2.8, 7.1, 18.0),
}
_ALARM = 1.25  # ISO: the alarm is set no more than a quarter above the boundary B/C
_KEPT = 0.9
_NEEDED, _OF = 3, 5


class IsoZone(Detector):
    """Warns by the zone that three of the last five readings reach.

    machine   class of the machine, a key of `CLASSES`
    memory_s  older readings do not count among the last five
    hold_s    how long the vibration must stay lower before the level falls
    """

    name = "iso-zone"
    hazard = Hazard.PLANT_FAULT
    quantities = frozenset({"vibration_velocity", "case_temperature"})
    experimental = True
    card = (
        "Vibration severity by the zones of ISO 20816-1, with the boundaries of ISO 10816-5 for "
        "hydropower sets (default: vertical, braced on the foundation: 1.6, 2.5 and 4.0 mm/s) or "
        "ISO 10816-3. Input: RMS velocity of a bearing housing, 10 to 1000 Hz, in steady running. "
        "Yellow from zone C on, orange at 1.25 times its lower boundary (where ISO puts the "
        "alarm), red in zone D; thresholds of the series override. A bearing's case temperature is "
        "judged in the same way, by the thresholds that its series has. The score is what three of "
        "the last five readings reach, so starts and knocks don't warn. No cold start. Null: none "
        "needed, the boundary is the event. Experimental: no recordings yet, only synthetic "
        "steps. Zones say nothing of early faults in a smooth machine; `bearing` does."
    )

    def __init__(
        self, machine: str = "hydro-3", memory_s: float = 21600.0, hold_s: float = 1800.0
    ) -> None:
        self.machine = machine
        self.memory_s = memory_s
        self.hold_s = hold_s
        if machine not in CLASSES:
            raise ValueError(f"machine must be one of {', '.join(CLASSES)}")

    def takes(self, watched: Watched) -> bool:
        limited = watched.quantity != "case_temperature" or watched.thresholds != Thresholds()
        return super().takes(watched) and limited

    @property
    def wants(self) -> str:
        return f"{super().wants} with limits in the registry"

    def slots(self) -> dict[str, Slot]:
        return {"last": Slot("float64", (_OF,), -np.inf)}

    def limits(self, watched: Sequence[Watched]) -> Limits:
        up = np.array([self._limits_of(w) for w in watched]).reshape(-1, 3)
        return Limits(up, np.minimum(up * _KEPT, up))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        last = state["last"][rows.at]
        last[rows.gap_s > self.memory_s] = -np.inf
        last = np.column_stack([last[:, 1:], rows.value])
        state["last"][rows.at] = last
        reached = np.sort(last, axis=1)[:, _OF - _NEEDED]
        return Scores(np.where(np.isneginf(reached), np.nan, reached))

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        rising = crossing.level > crossing.before
        values: Values = {"value": rounded(crossing.score, 3), "unit": crossing.watched.unit}
        if rising:
            values["limit"] = rounded(crossing.limit, 3)
        if crossing.watched.thresholds != Thresholds():
            values["quantity"] = crossing.watched.quantity.replace("_", " ")
            text = OVER_LIMIT if rising else FALLING
            return Said(Phrase(text=text, values=values), evidence_of(crossing))
        zone = "ABCD"[sum(crossing.score >= edge for edge in CLASSES[self.machine])]
        text = IN_ZONE if rising else BACK_IN_ZONE
        evidence = evidence_of(crossing, zone=zone, machine=self.machine)
        return Said(Phrase(text=text, values={**values, "zone": zone}), evidence)

    def _limits_of(self, watched: Watched) -> list[float]:
        given = watched.thresholds
        if given != Thresholds():
            limits = (given.yellow, given.orange, given.red)
            return [np.inf if limit is None else limit for limit in limits]
        _, lower, upper = CLASSES[self.machine]
        return [lower, _ALARM * lower, upper]
