"""Earthquakes on accelerometers: energy over its usual level, and stations that fit one wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.association import Associated, Statement, Vote
from models.detector import (
    Crossing,
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
from models.shaking import associated
from records.levels import Hazard
from records.network import Network
from records.statements import Phrase
from records.times import SECOND

SHAKING = "The ground shakes with {times} times its usual energy."

_OFFSET_S = 2.0  # slower movement than this counts as the sensor's offset
_MOST_STEP_S = 1.0  # a gap counts as no more time than this
_FLOOR_GAL = 0.02  # what the quietest of these sensors makes of nothing
_CLIP = 36.0  # one sample counts as at most so many times the usual energy
_KEPT = 0.5  # part of the ratio above which it still shakes
_JUST_BELOW = 0.99
_NEVER = -(2**63)


class Earthquake(Associated):
    """Warns when several stations shake as one travelling wave makes them.

    ratio         energy of the last second over its usual level, at which shaking begins
    short_s       time constant of the energy now
    long_s        time constant of the usual energy
    sustained_s   how long it must shake before an axis votes
    stations      how many stations must fit one wave
    limit         by how many decades one wave must explain them better than chance (orange)
    doubt         the same for two stations (yellow)
    cold_start_s  history that is needed before a series may vote
    hold_s        how long a vote stands after the ratio fell to half
    """

    name = "earthquake"
    hazard = Hazard.EARTHQUAKE
    version = "4"
    hears = True
    quantities = frozenset({"acceleration"})
    card = (
        "Earthquakes on accelerometers (Gal, about 30 samples/s or more). Per axis a recursive "
        "STA/LTA on the squared acceleration without its offset (Allen 1978; Withers et al. 1998, "
        "doi:10.1785/BSSA0880010095), each sample clipped so that a single blow is no quake; an "
        "axis votes once it has shaken for 1 s. Stations are joined on the clock of arrivals "
        "(each device's least lag), so that wrong clocks do no harm. Every place on a grid of "
        "sources is tried: travel times at 6.5 km/s, amplitudes of the first second that fall "
        "with the square of distance, no nearer station that stayed quiet. The score says by how "
        "many decades one wave explains this better than chance, given how often each station "
        "began to shake by itself in the last minutes and how many shake in this minute in no "
        "order of the wave: orange takes three stations and a score of 6.15, yellow two and 4. So "
        "restless stations, and a wave among strangers, need company. In `detect` there is no "
        "association: each axis is judged alone, and any lorry triggers one. Null: any three "
        "stations within their travel times. Noise made of shifted records of real quakes shakes "
        "far more than quiet ground: none in 190 h of it (records of the quakes it was built on), "
        "the highest score 5.89; the weakest of eight quakes had 6.49. Half of the stations away, "
        "68 of 96 trials were declared. Red: a magnitude of at least 5, by what the median "
        "station felt so far once the second wave has reached three (attenuation of Si and "
        "Midorikawa 1999 less its scatter). Of eight quakes the one of 7.2 turned red, 38 s after "
        "its origin; the bound of the others ended 1.3 to 3.3 below their magnitudes, up to 5.3. "
        "A far source is placed badly. A station whose clock is set back is out for two minutes "
        "or more. Cold start 20 s."
    )

    def __init__(
        self,
        ratio: float = 5.0,
        short_s: float = 0.5,
        long_s: float = 20.0,
        sustained_s: float = 1.0,
        stations: int = 3,
        limit: float = 6.15,
        doubt: float = 4.0,
        cold_start_s: float = 20.0,
        hold_s: float = 6.0,
    ) -> None:
        self.ratio = ratio
        self.short_s = short_s
        self.long_s = long_s
        self.sustained_s = sustained_s
        self.stations = stations
        self.limit = limit
        self.doubt = doubt
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
            "onset_at": Slot("int64", (), _NEVER),
            "calm_s": Slot(),
            "peak": Slot(),
            "noise": Slot(),
        }

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, np.inf), (0.35, _KEPT, np.inf))

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
        most = np.sqrt(_CLIP * usual)
        long = -np.expm1(-passed_s / self.long_s)
        mean = passed_s / np.maximum(seen_s, 1e-9)
        usual = usual + np.where(young, mean, long) * (squared - usual)
        usual = np.maximum(usual, _FLOOR_GAL**2)
        energy = state["energy"][at]
        energy = energy - np.expm1(-passed_s / self.short_s) * (squared - energy)
        # A blow does not move the offset: it would seem to shake until that has come back.
        step = np.where(young, moved, np.clip(moved, -most, most))
        state["offset"][at] = offset - np.expm1(-passed_s / _OFFSET_S) * step
        state["usual"][at], state["energy"][at], state["observed_s"][at] = usual, energy, seen_s
        times = np.where(young, np.nan, energy / usual / self.ratio)
        return Scores(self._sustained(rows, state, times, np.abs(moved), passed_s))

    def _sustained(
        self, rows: Rows, state: State, times: Floats, moved: Floats, passed_s: Floats
    ) -> Floats:
        """The ratio; below 1 until it has shaken for long enough, from then 1 until it calms."""
        at = rows.at
        onset_at, shakes = state["onset_at"][at], times >= _KEPT
        begun = onset_at != _NEVER
        if not begun.any() and not (times >= 1.0).any():
            return times
        calm_s = np.where(shakes, 0.0, state["calm_s"][at] + passed_s)
        ripe = begun & (rows.measured_at - onset_at >= self.sustained_s * SECOND)
        goes_on = begun & (shakes | (ripe & (calm_s <= self.hold_s)))
        begins = ~goes_on & (times >= 1.0)
        early = begins | (goes_on & ~ripe)
        # What is not shaking keeps its state as it was: it may not depend on who else is here.
        onset_at = np.where(goes_on, onset_at, _NEVER)
        state["onset_at"][at] = np.where(begins, rows.measured_at, onset_at)
        state["calm_s"][at] = np.where(goes_on, calm_s, 0.0)
        peak = np.where(begins, moved, np.maximum(state["peak"][at], moved))
        state["peak"][at] = np.where(early, peak, state["peak"][at])
        state["noise"][at] = np.where(begins, np.sqrt(state["usual"][at]), state["noise"][at])
        score = np.where(early, np.minimum(times, _JUST_BELOW), times)
        return np.where(ripe & goes_on & shakes, np.maximum(times, 1.0), score)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        values: Values = {"times": rounded(crossing.score * self.ratio, 2)}
        onset_at = int(state["onset_at"][crossing.at])
        evidence = evidence_of(
            crossing,
            onset_at=onset_at if onset_at != _NEVER else crossing.measured_at,
            amplitude=max(float(state["peak"][crossing.at]), _FLOOR_GAL),
            noise=float(state["noise"][crossing.at]),
        )
        return Said(Phrase(text=SHAKING, values=values), evidence)

    def associate(
        self,
        votes: Sequence[Vote],
        network: Network,
        before: Mapping[str, Statement],
        now_at: int,
    ) -> list[Statement]:
        return associated(
            votes,
            network,
            before,
            now_at,
            needed=self.stations,
            limit=self.limit,
            doubt=self.doubt,
        )
