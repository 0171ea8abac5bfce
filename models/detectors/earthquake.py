"""Earthquakes on accelerometers: energy over its usual level, and stations that fit one wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.association import Associated, Statement, Vote
from models.detector import (
    Crossing,
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
from models.travelling import associated
from records.levels import Hazard
from records.network import Network
from records.statements import Phrase

SHAKING = "The ground shakes with {times} times its usual energy."

_OFFSET_S = 2.0  # slower movement than this counts as the sensor's offset
_MOST_STEP_S = 1.0  # a gap counts as no more time than this
_FLOOR_GAL = 0.02  # what the quietest of these sensors makes of nothing
_CLIP = 36.0  # one sample counts as at most so many times the usual energy


class Earthquake(Associated):
    """Warns when several stations shake in an order that a travelling wave can have.

    ratio         energy of the last second over its usual level, at which an axis votes
    short_s       time constant of the energy now
    long_s        time constant of the usual energy
    stations      how many stations must fit one wave
    cold_start_s  history that is needed before a series may vote
    hold_s        how long a vote stands after the ratio fell to half
    """

    name = "earthquake"
    hazard = Hazard.EARTHQUAKE
    experimental = True
    quantities = frozenset({"acceleration"})
    card = (
        "Earthquakes on accelerometers (Gal, about 30 samples/s or more). Per axis a recursive "
        "STA/LTA on the squared acceleration without its offset (Allen 1978; Withers et al. 1998, "
        "doi:10.1785/BSSA0880010095), each sample clipped so that a single spike is no quake. "
        "Stations are joined by the times at which their messages arrived, so that wrong clocks "
        "do no harm: orange takes three stations whose arrivals each pair of them can owe to one "
        "wave of 3 km/s or more, with 2 s for transport; one or two are yellow. No association in "
        "`detect`: there each axis is judged alone. Null: one station alone, which any lorry "
        "triggers. Says nothing of magnitude or place. Cold start 20 s."
    )

    def __init__(
        self,
        ratio: float = 5.0,
        short_s: float = 0.5,
        long_s: float = 20.0,
        stations: int = 3,
        cold_start_s: float = 20.0,
        hold_s: float = 15.0,
    ) -> None:
        self.ratio = ratio
        self.short_s = short_s
        self.long_s = long_s
        self.stations = stations
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if not 0 < short_s < long_s or not 1 < ratio < _CLIP or stations < 2:
            raise ValueError(
                f"short_s must be above 0 and below long_s, ratio from 1 to {_CLIP:g}, "
                "stations at least 2"
            )

    def slots(self) -> dict[str, Slot]:
        return {
            "offset": Slot(fill=np.nan),
            "energy": Slot(),
            "usual": Slot(fill=np.nan),
            "observed_s": Slot(),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, np.inf), (0.35, 0.5, np.inf))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        at = rows.at
        passed_s = np.fmin(np.nan_to_num(rows.gap_s), _MOST_STEP_S)
        offset = state["offset"][at]
        offset = np.where(np.isnan(offset), rows.value, offset)
        moved = rows.value - offset
        squared = moved * moved
        usual = state["usual"][at]
        usual = np.where(np.isnan(usual), squared, usual)
        usual = np.maximum(usual, _FLOOR_GAL**2)
        seen_s = state["observed_s"][at] + passed_s
        # While little was seen the usual energy is the plain mean of it, and nothing is clipped.
        young = seen_s < self.long_s / 2
        squared = np.where(young, squared, np.minimum(squared, _CLIP * usual))
        long = -np.expm1(-passed_s / self.long_s)
        mean = passed_s / np.maximum(seen_s, 1e-9)
        usual = usual + np.where(young, mean, long) * (squared - usual)
        usual = np.maximum(usual, _FLOOR_GAL**2)
        energy = state["energy"][at]
        energy = energy - np.expm1(-passed_s / self.short_s) * (squared - energy)
        state["offset"][at] = offset - np.expm1(-passed_s / _OFFSET_S) * moved
        state["usual"][at], state["energy"][at], state["observed_s"][at] = usual, energy, seen_s
        return Scores(np.where(young, np.nan, energy / usual / self.ratio))

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        values: Values = {"times": rounded(crossing.score * self.ratio, 2)}
        return Said(Phrase(text=SHAKING, values=values), evidence_of(crossing))

    def associate(
        self,
        votes: Sequence[Vote],
        network: Network,
        before: Mapping[str, Statement],
        now_at: int,
    ) -> list[Statement]:
        return associated(votes, network, before, self.stations)
