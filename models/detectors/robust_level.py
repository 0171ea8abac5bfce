"""A value far from where its own series has been: worth a look, never worth waking anybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.detector import (
    Crossing,
    Detector,
    Fixed,
    Floats,
    Limits,
    Places,
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
from records.times import HOUR

FAR_OFF = (
    "The {quantity} of {value} {unit} is far from its usual {usual} {unit}: "
    "{times} times its usual scatter."
)

# Six-hour peaks of a Gaussian series in units of its scatter, until it has shown its own.
_TAIL = Tail(block=6 * HOUR, mean=2.6, variance=0.25, most=12.0)
_LONGEST_S = 3600.0
_CLIP = 3.0
_TINY = 1e-9
_UNKNOWN = -1.0  # a distance that is not known


class RobustLevel(Detector):
    """Yellow when two of the last three readings are far from the series' recent location.

    sigmas           least distance in units of the series' own scatter
    memory_s         memory of location and scatter
    budget_per_year  false alarms a year that the tail of the series' own peaks may give
    wakes            True: orange at twice the limit, for whoever asks for it
    cold_start_s     history that is needed
    hold_s           how long it must be near again
    """

    name = "robust-level"
    hazard = Hazard.SENSOR_HEALTH
    version = "2"
    experimental = True
    card = (
        "Any series that keeps its level: says that a reading is far from where the series has "
        "been in the last day. Location and scatter are running means in which one reading "
        "counts as at most three scatters (Huber's clipping, doi:10.1214/aoms/1177703732); the "
        "limit is six scatters or what a Gumbel fit to the series' 6-hour peaks allows once a "
        "year, whichever is more; two of the last three readings must be over it. Yellow at most "
        "unless `wakes` is set. Cold start 24 h. A strong daily course or tide widens the scatter "
        "and hides small anomalies; a real event is an anomaly too. Null: six standard deviations "
        "of the last day. Experimental: chosen by name only."
    )

    def __init__(
        self,
        sigmas: float = 6.0,
        memory_s: float = 86400.0,
        budget_per_year: float = 1.0,
        wakes: bool = False,
        cold_start_s: float = 86400.0,
        hold_s: float = 1800.0,
    ) -> None:
        self.sigmas = sigmas
        self.memory_s = memory_s
        self.budget_per_year = budget_per_year
        self.wakes = wakes
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if min(sigmas, memory_s, budget_per_year) <= 0:
            raise ValueError("sigmas, memory_s and budget_per_year must be above 0")

    def slots(self) -> dict[str, Slot]:
        own = {
            "location": Slot(fill=np.nan),
            "magnitude": Slot(),
            "learned_s": Slot(),
            "before": Slot(fill=_UNKNOWN),
            "last": Slot(fill=_UNKNOWN),
        }
        return own | _TAIL.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        orange = 2.0 if self.wakes else np.inf
        return Limits.same(len(watched), (1.0, orange, np.inf), (0.5, orange / 2, np.inf))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score: distance that two of the last three readings reach, over its limit."""
        at, value, gap_s = rows.span, rows.value, rows.gap_s
        location, magnitude = state["location"][at], state["magnitude"][at]
        first = np.isnan(gap_s)
        if first.any():
            location, gap_s = np.where(first, value, location), np.where(first, 0.0, gap_s)
        off = value - location
        size = np.abs(off)
        scatter = GAUSS * magnitude
        # Rounding must not make a constant series' scatter anything.
        least = _TINY + _TINY * np.abs(location)
        last = size / np.maximum(scatter, least)
        unknown = scatter <= least
        if unknown.any():
            last[unknown] = _UNKNOWN
        one, two = state["before"][at], state["last"][at]
        peak = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), last))
        state["before"][at] = two
        state["last"][at] = last
        unknown |= peak < 0.0
        if unknown.any():
            peak[unknown] = np.nan
        limit = np.maximum(self.sigmas, _TAIL.limit(at, self.budget_per_year, state))
        p_value = _TAIL.chance(at, peak, state)
        _TAIL.learn(at, rows.measured_at, peak, None, state)
        self._learn(at, np.minimum(gap_s, _LONGEST_S), location, off, size, state)
        return Scores(peak / limit, p_value)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        usual = float(state["location"][crossing.at])
        times = float(state["last"][crossing.at])
        values: Values = {
            "quantity": crossing.watched.quantity.replace("_", " ") or "value",
            "value": rounded(crossing.value),
            "unit": crossing.watched.unit,
            "usual": rounded(usual),
            "times": rounded(times, 2),
        }
        return Said(Phrase(text=FAR_OFF, values=values), evidence_of(crossing, usual=usual))

    def _learn(
        self, at: Places, gap_s: Floats, location: Floats, off: Floats, size: Floats, state: State
    ) -> None:
        """Running means whose memory is what was seen so far, and `memory_s` at most."""
        magnitude = state["magnitude"][at]
        learned_s = state["learned_s"][at] + gap_s
        share = gap_s / (gap_s + np.minimum(learned_s + 1.0, self.memory_s))
        most = _CLIP * magnitude
        young = (learned_s < self.memory_s / 24) | (magnitude == 0.0)
        if young.any():
            most[young] = np.inf
        clipped = np.minimum(size, most)
        state["location"][at] = location + share * np.copysign(clipped, off)
        state["magnitude"][at] = magnitude + share * (clipped - magnitude)
        state["learned_s"][at] = learned_s
