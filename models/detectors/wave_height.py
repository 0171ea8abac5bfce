"""Waves that endanger small boats, harbours and shores: limits on the significant wave height."""

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
from records.network import Thresholds
from records.statements import Phrase

HIGH = "The significant wave height is {value} {unit}, over its limit of {limit} {unit}."
LOWER = "The significant wave height has fallen to {value} {unit}."

# m: very rough, high and very high sea begin there (WMO code table 3700, state of the sea).
_SEA_STATES = (4.0, 6.0, 9.0)
_KEPT = 0.9


class WaveHeight(Detector):
    """Warns where two readings in a row are over a limit.

    memory_s  an older reading does not count as the one before
    hold_s    how long the waves must be lower before the level falls
    """

    name = "wave-height"
    hazard = Hazard.HIGH_WAVES
    quantities = frozenset({"significant_wave_height"})
    experimental = True
    card = (
        "High waves at a buoy or wave gauge. The score is the lower of the last two significant "
        "wave heights, so that one bad spectrum never warns. Limits: those of the series, else the "
        "sea states very rough, high and very high of WMO code table 3700 (4, 6 and 9 m). No cold "
        "start. Null: none needed, the limit is the event. Forecasts nothing, and a harbour that is"
        " open to long swell wants limits of its own. Experimental: no labelled storms yet."
    )

    def __init__(self, memory_s: float = 10800.0, hold_s: float = 7200.0) -> None:
        self.memory_s = memory_s
        self.hold_s = hold_s

    def slots(self) -> dict[str, Slot]:
        return {"before": Slot(fill=np.nan)}

    def limits(self, watched: Sequence[Watched]) -> Limits:
        up = np.array([_limits_of(w.thresholds) for w in watched]).reshape(-1, 3)
        return Limits(up, up * _KEPT)

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        before = state["before"][rows.at]
        state["before"][rows.at] = rows.value
        return Scores(np.where(rows.gap_s <= self.memory_s, np.minimum(before, rows.value), np.nan))

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        values: Values = {"value": rounded(crossing.value, 3), "unit": crossing.watched.unit}
        if crossing.level < crossing.before:
            return Said(Phrase(text=LOWER, values=values), evidence_of(crossing))
        values["limit"] = rounded(crossing.limit, 3)
        return Said(Phrase(text=HIGH, values=values), evidence_of(crossing))


def _limits_of(given: Thresholds) -> list[float]:
    if given == Thresholds():
        return list(_SEA_STATES)
    limits = (given.yellow, given.orange, given.red)
    return [np.inf if limit is None else limit for limit in limits]
