"""Levels from scores: up at once, down when below the kept limit for `hold_s`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.detector import Detector, Floats, Limits, Rows, State
from records.levels import Level
from records.times import SECOND

UP, KEEP = 0, 1
_GREEN = int(Level.GREEN)


def ladder(limits: Limits) -> Floats:
    """What a score must reach for yellow, orange and red, or for more: to get there, to stay.

    Shape (series, 2, 3). A limit that is not set (inf) is passed over.
    """
    both = np.stack([limits.up, limits.keep], axis=1)
    return np.minimum.accumulate(both[..., ::-1], axis=2)[..., ::-1].copy()


def levels(
    given: Rows, score: Floats, ladders: Floats, state: State, detector: Detector
) -> NDArray[np.intp]:
    """Levels after these rows, of whose series `state` knows the level and its times (`bank_...`).

    An unknown score says nothing: the level stays as it was.
    """
    span, held_at, before = given.span, given.measured_at, state["bank_level"][given.span]
    up, kept = (_GREEN + np.add.reduce(score[:, None, None] >= ladders, axis=2)).T
    level: NDArray[np.intp] = np.maximum(up, before)
    (falling,) = (kept < before).nonzero()
    if len(falling):
        falling = falling[~np.isnan(score[falling])]
        held_at = held_at.copy()
        held_at[falling] = state["bank_held_at"][given.at[falling]]
        since = given.measured_at[falling] - held_at[falling]
        gone = falling[since >= detector.hold_s * SECOND]
        level[gone] = np.maximum(up, kept)[gone]
        held_at[gone] = given.measured_at[gone]
    if detector.cold_start_s:
        age = given.measured_at - state["bank_first_at"][span]
        (young,) = (age < detector.cold_start_s * SECOND).nonzero()
        if len(young):
            level[young] = _GREEN
    state["bank_held_at"][span] = held_at
    state["bank_level"][span] = level
    return level
