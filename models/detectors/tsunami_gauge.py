"""A tsunami on a tide gauge: the sea level leaves its own extrapolated tide, and stays off it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models import tide
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
from models.noise import Noise
from models.tail import Tail
from records.levels import Hazard
from records.statements import Phrase
from records.times import HOUR, MINUTE, SECOND

ABOVE_TIDE = (
    "The sea level is {residual} m above its tide, against a limit of {limit} m "
    "and a usual noise of {noise} m."
)
BELOW_TIDE = (
    "The sea level is {residual} m below its tide, against a limit of {limit} m "
    "and a usual noise of {noise} m."
)
WANING = "The sea level was last {residual} m off its tide; the waves are weaker than before."

_NOISE = Noise(memories_s=(7200.0, 86400.0), least=0.005)
# Three-hour peaks of a Gaussian sea in units of its noise, until the gauge has shown its own.
_TAIL = Tail(block=3 * HOUR, mean=2.6, variance=0.16)
_ALARMED = 10.0  # how much slower the noise is learned while waves run
# So much of the limit off the tide is no noise to learn from, once the noise is known: a wave must
# not raise the limit that its second crest is held against.
_WAVE, _KNOWN_S = 0.4, 7200.0
_ARTEFACT = 15 * MINUTE  # a jump that lasts longer is a new datum
# A jump goes on trial where it leads to so much of the limit (what is yellow: less needs no trial,
# and is often noise that goes back to its mean), and where the move before it was so much smaller;
# then the residual may be off either side of it by so much of the limit.
_NEAR, _LONE, _FLAT = 0.7, 0.3, 0.6
_SHORT = 5 * MINUTE  # after so long by the whole limit: few waves are flat that long
_LOST = 3 * HOUR  # off the tide for longer: the tide must be learned anew
_FRESH_S = 900.0  # residuals further back don't confirm a new one
_FEWEST = 4  # readings of the last half hour
_GAP_S = 600.0  # after longer ones the first reading is not judged
_SLOW_S = 110.0  # readings further apart need no second one: the jump rule still holds


class TsunamiGauge(Detector):
    """Warns when the sea level is off its extrapolated tide by more than noise and floor allow.

    floor            least residual that counts, in m
    sigmas           least residual in units of the gauge's own recent noise
    budget_per_year  false alarms a year that the tail of the gauge's own quiet peaks may give
    cold_start_s     history that is needed before the level may leave green
    hold_s           how long it must be quiet before the warning is over
    """

    name = "tsunami-gauge"
    hazard = Hazard.TSUNAMI
    version = "4"
    quantities = frozenset({"sea_level"})
    card = (
        "Tsunami waves (periods of about 5 to 90 minutes) on a tide gauge that reports every 15 s "
        "to 7 minutes. The tide is extrapolated by a cubic through ten-minute means an hour apart "
        "(Mofjeld's scheme of the DART buoys, Meinig et al. 2005), never smoothed from both "
        "sides. Orange: two of the last three residuals over 5 cm, over five times the gauge's "
        "own noise (clipped mean magnitude, larger of 2 h and 24 h), and over what a Gumbel fit "
        "to its 3-hour peaks allows once a year; red: ten times that. A jump is held to be a "
        "spike or a new datum for as long as the residual stays at either side of it, up to 15 "
        "minutes. Cold start 6 h; blind for 2 h after a gap of an hour, and the first reading "
        "after one of ten minutes is never judged. Readings 2 minutes apart or more need no "
        "second one; every 5 or 6 minutes a quarter of waves are seen 10 to 50 minutes late, some "
        "since a lone crest looks like a spike; of waves of 0.1 m in noise of 9 mm one in fifteen "
        "is missed in the first hour. Can't tell seiches and meteotsunamis that begin within one "
        "wave from tsunamis; a bore followed by flat water would be taken for a new datum; slower "
        "than 7 minutes it says less and less. A gauge that is stuck, or reads some other level "
        "for minutes, may warn. Null: the plain residual over 5 cm, which spikes and datum steps "
        "trigger."
    )

    def __init__(
        self,
        floor: float = 0.05,
        sigmas: float = 5.0,
        budget_per_year: float = 1.0,
        cold_start_s: float = 21600.0,
        hold_s: float = 10800.0,
    ) -> None:
        self.floor = floor
        self.sigmas = sigmas
        self.budget_per_year = budget_per_year
        self.cold_start_s = cold_start_s
        self.hold_s = hold_s
        if min(floor, sigmas, budget_per_year) <= 0:
            raise ValueError("floor, sigmas and budget_per_year must be above 0")

    def slots(self) -> dict[str, Slot]:
        own = {
            "residual": Slot(fill=np.nan),
            "limit": Slot(fill=np.nan),
            "last": Slot(fill=np.nan),
            "last_but_one": Slot(fill=np.nan),
            "before": Slot(fill=np.nan),
            "move": Slot(fill=np.nan),
            "jump": Slot(fill=np.nan),
            "jump_base": Slot(fill=np.nan),
            "jump_at": Slot("int64", (), NEVER),
            "jump_young": Slot("bool"),
            "moved_at": Slot("int64", (), NEVER),
            "alarmed_until": Slot("int64", (), NEVER),
        }
        return own | tide.slots() | _NOISE.slots() | _TAIL.slots()

    def limits(self, watched: Sequence[Watched]) -> Limits:
        return Limits.same(len(watched), (0.7, 1.0, 10.0), (0.35, 0.5, 5.0))

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        at, measured_at = rows.span, rows.measured_at
        expected = _expected(rows, state)
        noise = _NOISE.deviation(at, state)
        factor = np.maximum(self.sigmas, _TAIL.limit(at, self.budget_per_year, state))
        limit = np.maximum(self.floor, factor * noise)
        off_tide = rows.value - expected
        residual, datum, on_trial = _without_artefacts(rows, off_tide, limit, state)
        peak = _confirmed(rows, np.abs(residual), state)
        state["residual"][at], state["limit"][at] = residual, limit
        # What one reading alone says counts for the tide as the limit at most, and nothing while
        # nobody can say what it is.
        most = np.fmax(limit, peak)
        off = np.where(on_trial, 0.0, np.maximum(np.minimum(residual, most), -most))
        believed = expected + datum + off
        (unknown,) = np.isnan(believed).nonzero()
        if len(unknown):
            believed[unknown] = rows.value[unknown]
        tide.keep(rows, believed, state)
        score = peak / limit
        quiet = self._quiet(rows, score, state)
        lost = tide.forget_lost(rows, np.abs(residual) >= limit, _LOST, state)
        if len(lost):
            state["jump"][lost] = np.nan
        in_noise = peak / np.where(noise > 0, noise, np.nan)
        p_value = _TAIL.chance(at, in_noise, state)
        known = state["noise_learned_s"][at] > _KNOWN_S
        wave = ~quiet | (known & (np.abs(off_tide) > _WAVE * limit))
        _NOISE.learn(rows, residual, np.where(wave, _ALARMED, 1.0), state)
        _TAIL.learn(at, measured_at, in_noise, quiet, state)
        return Scores(score, p_value)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        residual = float(state["residual"][crossing.at])
        limit = float(state["limit"][crossing.at])
        noise = float(_NOISE.deviation(np.array([crossing.at]), state)[0])
        values: Values = {
            "residual": rounded(abs(residual), 2),
            "limit": rounded(limit, 2),
            "noise": rounded(noise, 2),
        }
        text = ABOVE_TIDE if residual > 0 else BELOW_TIDE
        text = text if crossing.level > crossing.before else WANING
        evidence = evidence_of(crossing, residual=residual, limit_m=limit, noise=noise)
        return Said(Phrase(text=text, values=values), evidence)

    def _quiet(self, rows: Rows, score: Floats, state: State) -> NDArray[np.bool_]:
        (over,) = (score >= 1).nonzero()
        if len(over):
            until = rows.measured_at[over] + int(self.hold_s * SECOND)
            state["alarmed_until"][rows.at[over]] = until
        quiet: NDArray[np.bool_] = rows.measured_at >= state["alarmed_until"][rows.span]
        return quiet


def _expected(rows: Rows, state: State) -> Floats:
    """The tide; NaN while too little is known of the last half hour, and right after a gap.

    The first reading after a gap is not judged: the tide was extrapolated too far, and the gauge
    may have been moved. Where it is off by about the limit or more, the tide goes on from it, but
    once an hour at most: where gaps are usual, the tide would run away.
    """
    (gap,) = (rows.gap_s > _GAP_S).nonzero()
    before = tide.extrapolated(rows, state) if len(gap) else None
    expected = tide.predicted(rows, state)
    if before is not None:
        at, known, measured_at = rows.at[gap], np.isfinite(expected[gap]), rows.measured_at[gap]
        by = np.nan_to_num(rows.value[gap] - np.where(known, expected[gap], before[gap]))
        moved = np.abs(by) > _NEAR * state["limit"][at]
        moved &= measured_at - state["moved_at"][at] > HOUR
        tide.shift(at[moved], by[moved], state)
        state["moved_at"][at[moved]] = measured_at[moved]
        state["before"][at], state["jump"][at] = np.where(moved, 0.0, by), np.nan
        expected[gap] = np.nan
    (few,) = (tide.recent(rows, state) < _FEWEST).nonzero()
    if len(few):
        expected[few] = np.nan
    return expected


def _without_artefacts(
    rows: Rows, residual: Floats, limit: Floats, state: State
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """What is left of the residual when its last jump was a spike or a new datum, that datum, and
    whether the jump is still on trial.

    A jump by more than the limit, that leads to about the limit or more, is on trial: while it is,
    the smaller magnitude before and beside it counts. A spike returns to where it was, a new datum
    stays flat (the tide is moved to it after a quarter of an hour), and a wave does neither: then
    the trial is off, and nothing is put on trial for as long.
    """
    at, measured_at = rows.span, rows.measured_at
    before, jump, young = state["before"][at], state["jump"][at], state["jump_young"][at]
    known = np.isfinite(residual)
    move = residual - before
    size = np.abs(move)
    large = (size >= limit) & (np.abs(residual) >= _NEAR * limit)
    trial = ~np.isnan(jump)
    if not np.count_nonzero(large | young | trial):
        # Most readings: nothing is on trial.
        state["move"][at], state["before"][at] = move, np.where(known, residual, before)
        return residual, np.zeros(len(residual)), np.zeros(len(residual), np.bool_)
    begun_at = state["jump_at"][at]
    over = measured_at - begun_at > _ARTEFACT
    new = ~trial & over & large & ~(np.abs(state["move"][at]) > _LONE * size)
    # A jump may take two readings, where a mean over the interval splits it.
    longer = young & (rows.gap_s <= _SLOW_S) & (move * jump > 0) & (size >= limit / 2)
    base = np.where(new, before, state["jump_base"][at])
    jump = np.where(new | longer, residual - base, jump)
    begun_at = np.where(new, measured_at, begun_at)
    beside = residual - jump
    stayed = np.abs(beside - base) < np.abs(residual - base)
    off = np.minimum(np.abs(beside - base), np.abs(residual - base))
    flat = ~known | (off < np.where(measured_at - begun_at > _SHORT, 1.0, _FLAT) * limit)
    moved = over & ~new & flat & stayed
    datum: Floats = np.where(moved, jump, 0.0)
    if moved.any():
        tide.shift(rows.at[moved], datum[moved], state)
    on_trial = flat & (new | (~over & (stayed | young)))
    # What ended as spike or datum leaves room for the next; a wave does not.
    ended = known & ~on_trial & flat
    state["jump"][at] = np.where(on_trial | ~known, jump, np.nan)
    state["jump_base"][at] = base
    state["jump_at"][at] = np.where(ended, NEVER, begun_at)
    state["jump_young"][at] = new
    state["move"][at] = move
    state["before"][at] = np.where(known, residual - datum, before)
    counted: Floats = np.where(flat & (np.abs(beside) < np.abs(residual)), beside, residual)
    return counted, datum, on_trial


def _confirmed(rows: Rows, magnitude: Floats, state: State) -> Floats:
    """What two of the last three magnitudes reach; of slow readings what the newest reaches.

    NaN where they don't say so: too few, or too far apart.
    """
    span, gap_s = rows.span, rows.gap_s
    older, middle = state["last_but_one"][span], state["last"][span]
    (gap,) = (~(gap_s <= _FRESH_S)).nonzero()
    if len(gap):
        older, middle = older.copy(), middle.copy()
        older[gap] = middle[gap] = np.nan
    # fmax passes NaN over: two of three are needed, and the newest is one that must be there.
    second = np.fmax(np.minimum(older, middle), np.minimum(np.fmax(older, middle), magnitude))
    state["last_but_one"][span] = middle
    state["last"][span] = magnitude
    return np.where((gap_s > _SLOW_S) | np.isnan(magnitude), magnitude, second)
