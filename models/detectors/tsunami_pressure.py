"""A tsunami on the sea floor: bottom pressure leaves its extrapolated tide for minutes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models import tide
from models.association import Associated, Statement, Vote
from models.detector import (
    NEVER,
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
    spanned,
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

_CELL_S = 15
# As arrays, which numpy takes faster than Python's numbers.
_CELL, _DENSE = np.array(_CELL_S * SECOND), np.array(15 * MINUTE)
_CELLS = 26
_FEWEST = 3
_FEWEST_WITHIN = 2700 // _CELL_S  # cells
_MIDDLE = np.array([-1, 0])
# Three readings in more than `_DENSE` can end a warning; their score stays below yellow.
_SPARSE_SCORE = 0.69
_LONG_AGO_S = 1e9
_MOST_M = 10.0  # no wave of the open ocean is so high: the reading is no depth
_BROKEN = 25 * MINUTE  # readings that are no depth for so long may be another depth
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
    version = "5"
    quantities = frozenset({"water_column_height"})
    card = (
        "Tsunami waves on bottom pressure (metres of water, raw or detided) at 15 s to 5 min, "
        "also mixed with slower ones. The tide is extrapolated by a cubic through ten-minute "
        "means an hour apart (Mofjeld's scheme of the DART buoys, Meinig et al. 2005), limit 30 "
        "mm. The residual counts by its median over the last six minutes (three readings at "
        "least), because seismic waves pass faster; to begin a warning it must exceed the limit "
        "by what readings lately jumped from one to the next, less the limit. Read every 3 "
        "minutes or more rarely, a strong quake may still be taken for a wave. One station is "
        "orange where the network has no other, else yellow; orange takes two whose onsets a wave "
        "of 100 m/s or more can join, and which seismic waves can't. Red: ten times the limit. "
        "Cold start 3.5 h, blind for 2 h after a gap of an hour; readings every 5 to 15 min can "
        "end a warning but not begin one, slower ones say nothing. A reading that is 10 m off the "
        "tide or the one before is no depth; a sensor that is stuck may warn. Null: the same "
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
        if threshold <= 0 or not 0 < median_s <= _CELLS * _CELL_S:
            raise ValueError("threshold must be above 0 and median_s from 0 to 390")
        # How many cells before the current one the whole and the later half of that time begin.
        self._begin = np.array([math.ceil(s / _CELL_S) - 1 for s in (median_s, median_s / 2)])

    def slots(self) -> dict[str, Slot]:
        own = {
            # Of the last cells of 15 s that have a residual: which cell, their sum, their number.
            "window": Slot("float64", (_CELLS, 3), np.nan),
            "read": Slot(fill=np.nan),
            "median": Slot(fill=np.nan),
            "jump": Slot(fill=np.nan),
            "shaken_at": Slot("int64", (), NEVER),
            "shaken_s": Slot(fill=_LONG_AGO_S),
            "over_at": Slot("int64", (), NEVER),
            "onset_at": Slot("int64", (), NEVER),
        }
        return own | tide.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, 10.0), (0.35, 0.5, 5.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        expected = tide.predicted(rows, state)
        residual = rows.value - expected
        broken = _broken(rows, residual, state)
        if len(broken):
            residual[broken] = expected[broken] = np.nan
        median = self._median(rows, residual, state)
        # Of few readings that shake a median is off by chance: a warning does not begin with one.
        doubt = self._doubt(rows, state)
        if np.count_nonzero(doubt):
            median = np.sign(median) * np.maximum(np.abs(median) - doubt, 0.0)
        believed = self._believed(rows, residual, expected, median, doubt)
        if len(broken):
            believed[broken] = np.nan
        tide.keep(rows, believed, state)
        score = np.abs(median) / self.threshold
        tide.forget_lost(rows, score >= 1, _LOST, state)
        third_at = state["window"][rows.span, -_FEWEST, 0] * _CELL
        (sparse,) = (~(rows.measured_at - third_at <= _DENSE)).nonzero()
        if len(sparse):
            score[sparse] = np.minimum(score[sparse], _SPARSE_SCORE)
        self._note_onset(rows, score, state)
        state["median"][rows.span] = median
        return Scores(score)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        at = crossing.at
        median, onset_at = float(state["median"][at]), int(state["onset_at"][at])
        shaken_s = float(state["shaken_s"][at])
        values: Values = {"residual": rounded(abs(median), 2), "limit": self.threshold}
        text = OFF_TIDE if crossing.level > crossing.before else WANING
        evidence = evidence_of(crossing, residual=median, shaken_s=shaken_s)
        onset = None if onset_at == NEVER else onset_at
        return Said(Phrase(text=text, values=values), evidence, onset)

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

        NaN while they reach back less than half as far as they should, and where there is none.
        """
        (known,) = np.isfinite(residual).nonzero()
        if len(known) < len(residual):
            some = np.full(len(residual), np.nan)
            if len(known):
                some[known] = self._median(rows.take(known), residual[known], state)
            return some
        cell = rows.measured_at // _CELL
        window = _window(rows, cell, residual, state)
        cells, means = window[..., 0], window[..., 1] / window[..., 2]
        begin = cell[:, None] - self._begin
        few = np.fmax(cells[:, -_FEWEST], cell - _FEWEST_WITHIN)
        begin[:, 0] = np.minimum(begin[:, 0], few)
        within = cells[:, None] >= begin[:, :, None]
        held, later = np.add.reduce(within, axis=2).T
        ordered = np.where(within[:, 0], means, np.inf)
        ordered.sort(axis=1)
        self._note_shaking(rows, ordered, held, state)
        middle = (held[:, None] + _MIDDLE) >> 1
        middle += np.arange(0, ordered.size, _CELLS)[:, None]
        median: Floats = np.add.reduce(ordered.ravel().take(middle), axis=1) / 2
        (short,) = (held <= np.maximum(later, _FEWEST - 1)).nonzero()
        if len(short):
            median[short] = np.nan
        return median

    def _doubt(self, rows: Rows, state: State) -> Floats:
        """By how much one reading lately differed from the one before it, fading; what a wave that
        lasts for minutes may do between two readings is taken off. 0 once a warning has begun."""
        window = state["window"][rows.span, -2:]
        before, now = (window[..., 1] / window[..., 2]).T
        faded = state["jump"][rows.span] * np.exp(rows.gap_s / -_FADES_S)
        jump = np.fmax(np.abs(now - before), faded)
        state["jump"][rows.span] = jump
        doubt = np.zeros(len(jump))
        (doubtful,) = (jump > self.threshold).nonzero()
        if len(doubtful):
            since = rows.measured_at[doubtful] - state["over_at"][rows.at[doubtful]]
            doubtful = doubtful[since > self.hold_s * SECOND]
            doubt[doubtful] = jump[doubtful] - self.threshold
        return doubt

    def _believed(
        self, rows: Rows, residual: Floats, expected: Floats, median: Floats, doubt: Floats
    ) -> Floats:
        """What counts for the tide: not what passes within minutes, but its median."""
        believed = rows.value.copy()
        large = np.abs(residual) > self.threshold
        (passing,) = (large | ((doubt > 0) & np.isfinite(residual))).nonzero()
        if len(passing):
            off, lasting = residual[passing], median[passing]
            nearby = np.minimum(np.maximum(off, -self.threshold), self.threshold)
            believed[passing] = expected[passing] + np.where(np.isnan(lasting), nearby, lasting)
        return believed

    def _note_shaking(
        self, rows: Rows, ordered: Floats, held: NDArray[np.intp], state: State
    ) -> None:
        """Both sides of the tide within minutes: seismic waves, not yet a tsunami."""
        (low,) = (ordered[:, 0] <= -self.threshold / 2).nonzero()
        if len(low):
            high = ordered[low, held[low] - 1]
            shaken = low[high >= self.threshold / 2]
            state["shaken_at"][rows.at[shaken]] = rows.measured_at[shaken]

    def _note_onset(self, rows: Rows, score: Floats, state: State) -> None:
        """The first time over the limit since it was quiet for `hold_s`, and shaking before."""
        (over,) = (score >= 1).nonzero()
        if not len(over):
            return
        at, measured_at = rows.at[over], rows.measured_at[over]
        begun = measured_at - state["over_at"][at] > self.hold_s * SECOND
        shaken_s = np.minimum((measured_at - state["shaken_at"][at]) / SECOND, _LONG_AGO_S)
        state["shaken_s"][at] = np.where(begun, shaken_s, state["shaken_s"][at])
        state["onset_at"][at] = np.where(begun, measured_at, state["onset_at"][at])
        state["over_at"][at] = measured_at


def _window(
    rows: Rows, cell: NDArray[np.int64], residual: Floats, state: State
) -> NDArray[np.float64]:
    """Count the residuals in their cells; (rows, cells, 3), the newest cell last."""
    window: Floats = state["window"][rows.span]
    (fresh,) = (window[:, -1, 0] != cell).nonzero()
    if len(fresh):
        new = spanned(fresh)
        window[new, :-1] = window[new, 1:]
        window[new, -1, 0] = cell[new]
        window[new, -1, 1:] = 0.0
    _, total, number = window[:, -1].T
    total += residual
    number += 1.0
    state["window"][rows.span] = window
    return window


def _broken(rows: Rows, residual: Floats, state: State) -> NDArray[np.intp]:
    """Rows that are no depth: off the tide, or off the reading before, by more than any wave.

    Where they go on, or nobody knows the tide, it is learned anew: the sensor may have been moved.
    """
    at = rows.span
    moved = np.fmax(np.abs(rows.value - state["read"][at]), np.abs(residual))
    state["read"][at] = rows.value
    broken: NDArray[np.intp] = (moved > _MOST_M).nonzero()[0]
    if len(broken):
        kept_at = state["tide_newest"][rows.at[broken]] * tide.CELL
        anew = np.isnan(residual[broken]) | (rows.measured_at[broken] - kept_at > _BROKEN)
        tide.forget(rows.at[broken[anew]], state)
    return broken
