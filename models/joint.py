"""Detectors that read all series of a recording together: forecasts of a target, a plant's state.

The score is a series of its own: the bank decides its levels as it does for any other detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.detector import (
    Crossing,
    Detector,
    Fixed,
    Floats,
    Rows,
    Said,
    Scores,
    Slot,
    State,
    Watched,
)
from records.errors import InputError
from records.quantities import QUANTITIES
from records.times import parse

TOGETHER = "*"


@dataclass(frozen=True, slots=True)
class Recording:
    """Readings of several series in order of (measured_at, place), as a joint detector sees them.

    place        index in `watched`
    measured_at  microseconds since 1970 UTC
    value        in the canonical unit of the series' quantity
    """

    watched: tuple[Watched, ...]
    place: NDArray[np.intp]
    measured_at: NDArray[np.int64]
    value: Floats

    def plausible(self) -> NDArray[np.bool_]:
        """False where no sensor of the quantity reads such a value."""
        known = [QUANTITIES.get(w.quantity) for w in self.watched]
        low = np.array([k.low if k else -np.inf for k in known], np.float64)
        high = np.array([k.high if k else np.inf for k in known], np.float64)
        fits: NDArray[np.bool_] = (self.value >= low[self.place]) & (self.value <= high[self.place])
        return fits

    def series(self, place: int) -> tuple[NDArray[np.int64], Floats]:
        """Times and values of one series, without those that no sensor reads."""
        rows = np.flatnonzero((self.place == place) & self.plausible())
        return self.measured_at[rows], self.value[rows]

    def target(self, name: str) -> int:
        """The place of the series with this id. Raises InputError."""
        found = [i for i, w in enumerate(self.watched) if w.id == name]
        if len(found) != 1:
            there = ", ".join(sorted(w.id for w in self.watched)) or "none"
            problem = "is not" if not found else "is more than once"
            raise InputError(f"the target {name!r} {problem} among the series (there are: {there})")
        return found[0]


class Joint(Detector):
    """Base of joint detectors. A subclass writes `judge`, `limits` and `explain`.

    `target` is the id of the series whose rows are written; "" writes one row a time as `*`. A row
    that `judge` leaves NaN keeps the level before it.
    """

    target: str = ""

    def takes(self, watched: Watched) -> bool:
        """Only the series of its own score: no single reading can be judged by it."""
        return watched.id == TOGETHER

    def judge(self, recording: Recording) -> Floats:
        """Scores of the rows that `shown` names: the target's, or each time's first.

        The score of a time must rest on rows up to it alone.
        """
        raise NotImplementedError

    def slots(self) -> dict[str, Slot]:
        return {}

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:  # noqa: ARG002
        return Scores(rows.value)

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        raise NotImplementedError


def advance(detector: Joint, recording: Recording) -> Outcome:
    """The outcome of a whole recording from a fresh start, a row for each that `shown` names."""
    score = detector.judge(recording)
    watched = recording.watched[recording.target(detector.target)] if detector.target else None
    bank = Bank(detector, [Watched(id=TOGETHER, unit=watched.unit if watched else "")])
    measured_at = recording.measured_at[shown(detector, recording)]
    return bank.advance(np.zeros(len(score), np.intp), measured_at, score)


def until(fit_until: str) -> int | None:
    """`fit_until` in microseconds, None where it was not given. Raises ValueError."""
    return parse(fit_until) if fit_until else None


def shown(detector: Joint, recording: Recording) -> NDArray[np.intp]:
    """The rows of the recording that are written: the first of each time, or the target's."""
    if detector.target:
        place = recording.target(detector.target)
        return np.flatnonzero(recording.place == place)
    return np.unique(recording.measured_at, return_index=True)[1]
