"""A tsunami on the sea floor: bottom pressure leaves its extrapolated tide for minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models import tide
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
from models.ocean import associated
from records.levels import Hazard
from records.network import Network
from records.statements import Phrase
from records.times import MINUTE, SECOND

OFF_TIDE = (
    "For minutes the water column at the sea floor has been {residual} m off its tide; "
    "the limit is {limit} m."
)
WANING = "The water column at the sea floor is still {residual} m off its tide."

_CELL = 15 * SECOND
_CELLS = 26
_FEWEST = 3
_LAST = np.arange(_CELLS) >= _CELLS - _FEWEST
_FEWEST_WITHIN_S = 2700.0
# Readings that are too few for six minutes can end a warning; their score stays below yellow.
_DENSE_S, _SPARSE_SCORE = 900.0, 0.69
_LONG_AGO_S = 1e9
_FADES_S = 300.0  # seismic waves that shake the sea floor, by a factor e
_LOST = 90 * MINUTE  # no wave stays off on one side for so long: the tide must be learned anew


class TsunamiPressure(Associated):
    """Warns when the trailing median of the residual from the extrapolated tide is over a limit.

    threshold     residual in m of water
    median_s      time over which the residual's median is taken
    cold_start_s  history that is needed before a series may vote
    hold_s        how long a vote stands after the residual fell below half the limit
    """

    name = "tsunami-pressure"
    hazard = Hazard.TSUNAMI
    version = "3"
    quantities = frozenset({"water_column_height"})
    card = (
        "Tsunami waves on bottom pressure (metres of water, raw or detided) at 15 s to 5 min, "
        "also mixed with slower ones. The tide is extrapolated by a cubic through ten-minute "
        "means an hour apart (Mofjeld's scheme of the DART buoys, Meinig et al. 2005), limit 30 "
        "mm. The residual counts by its median over the last six minutes (three readings at "
        "least), because seismic waves pass faster; to begin a warning it must exceed the limit by "
        "what readings lately jumped from one to the next, less the limit. Read every 3 minutes or "
        "more rarely, a strong quake may still be taken for a wave. One station is "
        "orange where the network has no other, else yellow; orange takes two whose onsets a "
        "wave of 100 m/s or more can join, and which seismic waves can't. Red: ten times the "
        "limit. Cold start 3.5 h, blind for 2 h after a gap of an hour; readings every 5 "
        "to 15 min can end a warning but not begin one, slower ones say nothing. Null: the same "
        "limit without the median, which seismic waves trigger."
    )

    def __init__(
        self,
        threshold: float = 0.03,
        median_s: float = 360.0,
        cold_start_s: float = 12600.0,
        hold_s: float = 7200.0,
    ) -> None:
        self.threshold = threshold
        self.median_s = median_s
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if threshold <= 0 or not 0 < median_s <= _CELLS * _CELL / SECOND:
            raise ValueError("threshold must be above 0 and median_s from 0 to 390")

    def slots(self) -> dict[str, Slot]:
        own = {
            "cell": Slot("int64", (_CELLS,), -1),
            "cell_sum": Slot("float64", (_CELLS,)),
            "cell_count": Slot("float64", (_CELLS,)),
            "median": Slot(fill=np.nan),
            "jump": Slot(),
            "jump_at": Slot("int64"),
            "shaken_at": Slot("int64"),
            "shaken_s": Slot(fill=_LONG_AGO_S),
            "on_tide_at": Slot("int64"),
            "over_at": Slot("int64"),
            "onset_at": Slot("int64"),
        }
        return own | tide.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, 10.0), (0.35, 0.5, 5.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        at, measured_at = rows.at, rows.measured_at
        expected = tide.predicted(at, measured_at, state)
        residual = rows.value - expected
        median = self._median(rows, residual, state)
        # Of few readings that shake a median is off by chance: a warning does not begin with one.
        begun = measured_at - state["over_at"][at] <= self.hold_s * SECOND
        doubt = np.where(begun, 0.0, self._jump(rows, state))
        median = np.sign(median) * np.maximum(np.abs(median) - doubt, 0.0)
        # What passes within minutes does not count for the tide: its median does.
        passing = (np.abs(residual) > self.threshold) | (doubt > 0)
        nearby = np.minimum(np.maximum(residual, -self.threshold), self.threshold)
        lasting = np.where(np.isnan(median), nearby, median)
        believed = np.where(passing, expected + lasting, rows.value)
        tide.keep(at, measured_at, believed, state)
        self._begin_anew_when_lost(rows, median, state)
        third_s = (measured_at - state["cell"][at, -_FEWEST] * _CELL) / SECOND
        score = np.abs(median) / self.threshold
        score = np.where(third_s > _DENSE_S, np.minimum(score, _SPARSE_SCORE), score)
        self._note_onset(rows, score, state)
        state["median"][at] = median
        return Scores(score)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        at = crossing.at
        median, onset_at = float(state["median"][at]), int(state["onset_at"][at])
        shaken_s = float(state["shaken_s"][at])
        values: Values = {"residual": rounded(abs(median), 2), "limit": self.threshold}
        text = OFF_TIDE if crossing.level > crossing.before else WANING
        evidence = evidence_of(crossing, residual=median, shaken_s=shaken_s)
        return Said(Phrase(text=text, values=values), evidence, onset_at or None)

    def associate(
        self,
        votes: Sequence[Vote],
        network: Network,
        before: Mapping[str, Statement],
        now_at: int,
    ) -> list[Statement]:
        return associated(votes, network, before)

    def _median(self, rows: Rows, residual: Floats, state: State) -> Floats:
        """Median of the residuals of the last minutes, of the last three where they are sparse.

        NaN while they reach back less than half as far as they should.
        """
        at, cell = rows.at, rows.measured_at // _CELL
        known = np.isfinite(residual)
        cells, sums = state["cell"][at], state["cell_sum"][at]
        counts = state["cell_count"][at]
        fresh = known & (cells[:, -1] != cell)
        if fresh.any():
            for array, begins in ((cells, cell[fresh]), (sums, 0.0), (counts, 0.0)):
                array[fresh, :-1] = array[fresh, 1:]
                array[fresh, -1] = begins
        sums[:, -1] += np.where(known, residual, 0.0)
        counts[:, -1] += known
        state["cell"][at], state["cell_sum"][at], state["cell_count"][at] = cells, sums, counts
        age_s = (cell[:, None] - cells) * (_CELL / SECOND)
        within = (age_s < self.median_s) | (_LAST & (age_s <= _FEWEST_WITHIN_S))
        within &= counts > 0
        means = np.where(within, sums / np.maximum(counts, 1.0), np.inf)
        self._note_shaking(rows, means, within, state)
        reach_s = np.maximum.reduce(np.where(within, age_s, 0.0), axis=1)
        median = _middle(means, within)
        return np.where(known & (reach_s >= self.median_s / 2), median, np.nan)

    def _jump(self, rows: Rows, state: State) -> Floats:
        """By how much one reading lately differed from the one before it, fading; what a wave that
        lasts for minutes may do between two readings is taken off."""
        at, measured_at = rows.at, rows.measured_at
        sums, counts = state["cell_sum"][at, -2:], state["cell_count"][at, -2:]
        before, now = (sums / np.maximum(counts, 1.0)).T
        both, step = np.minimum(counts[:, 0], counts[:, 1]) > 0, np.abs(now - before)
        ago_s = np.maximum(measured_at - state["jump_at"][at], 0) / SECOND
        faded = state["jump"][at] * np.exp(-ago_s / _FADES_S)
        jump = np.maximum(np.where(both, step, 0.0), faded)
        state["jump"][at], state["jump_at"][at] = jump, measured_at
        beyond: Floats = np.maximum(jump - self.threshold, 0.0)
        return beyond

    def _note_shaking(
        self, rows: Rows, means: Floats, within: NDArray[np.bool_], state: State
    ) -> None:
        """Both sides of the tide within minutes: seismic waves, not yet a tsunami."""
        known = np.where(within, means, 0.0)
        low, high = np.minimum.reduce(known, axis=1), np.maximum.reduce(known, axis=1)
        shaken = np.minimum(high, -low) >= self.threshold / 2
        was = state["shaken_at"][rows.at]
        state["shaken_at"][rows.at] = np.where(shaken, rows.measured_at, was)

    def _begin_anew_when_lost(self, rows: Rows, median: Floats, state: State) -> None:
        at, measured_at = rows.at, rows.measured_at
        off = np.abs(median) >= self.threshold
        since = np.where(off, state["on_tide_at"][at], measured_at)
        lost = measured_at - since > _LOST
        if lost.any():
            tide.forget(at[lost], state)
        state["on_tide_at"][at] = np.where(lost, measured_at, since)

    def _note_onset(self, rows: Rows, score: Floats, state: State) -> None:
        """The first time over the limit since it was quiet for `hold_s`, and shaking before."""
        at, measured_at = rows.at, rows.measured_at
        over = score >= 1
        begun = over & (measured_at - state["over_at"][at] > self.hold_s * SECOND)
        shaken_s = (measured_at - state["shaken_at"][at]) / SECOND
        state["shaken_s"][at] = np.where(begun, shaken_s, state["shaken_s"][at])
        state["onset_at"][at] = np.where(begun, measured_at, state["onset_at"][at])
        state["over_at"][at] = np.where(over, measured_at, state["over_at"][at])


def _middle(means: Floats, within: NDArray[np.bool_]) -> Floats:
    """Median of the marked columns of each row (others +inf); NaN where fewer than three are."""
    count = within.sum(axis=1)
    ordered = np.sort(means, axis=1)
    row = np.arange(len(means))
    lower = ordered[row, np.maximum(count - 1, 0) // 2]
    upper = ordered[row, np.minimum(count // 2, _CELLS - 1)]
    enough = count >= _FEWEST
    both = np.where(enough, lower, 0.0) + np.where(enough, upper, 0.0)
    return np.where(enough, both / 2, np.nan)
