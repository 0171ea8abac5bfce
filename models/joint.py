"""Detectors that need all series of a group at once: forecasts of a target, a plant's state.

The score of a joint detector is a series of its own; a `models.bank.Bank` decides its levels as it
does for any other detector. `models.runner.Runner` keeps the history, calls `fit` and `judge`,
saves and loads; `detect`, replays and the live stage all run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.detector import Crossing, Detector, Floats, Limits, Said, Slot, State, Watched
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

    A series has at most one value a time. The columns can't be written to.
    """

    watched: tuple[Watched, ...]
    place: NDArray[np.intp]
    measured_at: NDArray[np.int64]
    value: Floats

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Recording:
        """The rows at these places, in this order (anything numpy can index with)."""
        return replace(
            self, place=self.place[rows], measured_at=self.measured_at[rows], value=self.value[rows]
        )

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
        return place_of(self.watched, name)

    def shown(self, target: str, since: int) -> NDArray[np.intp]:
        """The rows newer than `since` that get a score: the target's, or each time's first."""
        first = int(np.searchsorted(self.measured_at, since, side="right"))
        if target:
            return first + np.flatnonzero(self.place[first:] == self.target(target))
        return first + np.unique(self.measured_at[first:], return_index=True)[1]


def place_of(watched: Sequence[Watched], name: str) -> int:
    """The place of the series with this id. Raises InputError."""
    found = [i for i, w in enumerate(watched) if w.id == name]
    if len(found) != 1:
        there = ", ".join(sorted(w.id for w in watched)) or "none"
        problem = "is not" if not found else "is more than once"
        raise InputError(f"the target {name!r} {problem} among the series (there are: {there})")
    return found[0]


@dataclass(frozen=True, slots=True)
class Judged:
    """What `judge` says of the shown rows, columns of one length.

    score    higher is more unusual; NaN while unknown (the level stays as it was)
    p_value  chance of such a score in quiet data; None where the detector has none
    detail   more columns, which `reason` is given for the row that changed the level
    limits   on the score, for each row, none below that of `limits`; None: those of `limits`
    """

    score: Floats
    p_value: Floats | None = None
    detail: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    limits: Limits | None = None


class Joint(Detector):
    """Base of joint detectors. A subclass writes `judge`, `limits` and `reason`, and `fit` if it
    learns from a recording.

    target      constructor parameter: id of the series whose rows get a score; "" where there is
                none: then each time of the group gets one, as series `*`
    fit_until   constructor parameter: rows up to this time are normal or training, without score
    learns      the frozen dataclass that `fit` returns (of what `models.parts` names), so that a
                model trained on stored readings can take the place of `fit`; None: it has none
    memory_s    how far back (s) the score of a row looks at most, `state` apart
    sample      three quantities to check the detector with, where it needs certain ones together;
                more of the first alone is a fault
    training_s  how far back (s) a fit looks at most; 0 where nothing is learnt. What neither
                looks at is forgotten, so that a live stage's history is bounded

    Everything must be a function of the rows that are given, whatever way they are cut: `judge` is
    called with one new row at a time (live) or with years at once (`detect`), for the same bits.
    Sums that run on from the beginning of a window (`np.cumsum` of floats) break that.
    """

    target: str = ""
    fit_until: str = ""
    learns: ClassVar[type | None] = None
    memory_s: float
    training_s: float = 0.0
    sample: ClassVar[tuple[str, ...]] = ()

    def check(self, watched: Sequence[Watched]) -> None:
        """Raise InputError where these series or the parameters are not enough to go on."""
        if self.target:
            place_of(watched, self.target)

    def fits(self, first_at: int) -> Iterator[int]:
        """The moments (microseconds) of fits, ascending, for a group whose first row was measured
        at `first_at`. Rows after a moment, up to the next, are judged with what was fitted then;
        rows up to the first moment have no score.
        """
        given = until(self.fit_until)
        yield first_at - 1 if given is None else given

    def fit(self, recording: Recording, at: int) -> Any:  # noqa: ARG002
        """What can be learnt from the rows up to the moment `at`: all that `recording` holds.

        The same rows must give the same model, bit for bit: after a restart it is fitted again
        from what was kept. None = too little to learn from: the rows after it have no score, and
        `judge` is not called. A detector that learns nothing leaves this as it is.
        """
        return True

    def judge(self, recording: Recording, since: int, model: Any, state: State) -> Judged:
        """Scores of the rows `recording.shown(self.target, since)`, in their order.

        `recording` goes back `memory_s` or more before each of them, and holds nothing later than
        the last. Each score rests on rows up to its own time alone. `state` holds arrays of any
        shape by name, at first none: what is left there is there at the next call, also after a
        kill; it must depend on the rows judged so far and not on how many calls it took.
        """
        raise NotImplementedError

    def reason(self, crossing: Crossing, detail: Mapping[str, Any]) -> Said:
        """Words and evidence of a change of level up or down to yellow, orange and red.

        `crossing.value` is the target's reading, or the score of `*`; `detail` holds the row's
        values of `Judged.detail`. Only these may be used, and parameters.
        """
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Which of the detector's forecasts of one target this is: "" where there is but one."""
        params = self.get_params()
        given = [params.get(name) for name in ("threshold", "horizon_s")]
        return "/".join(f"{value:g}" for value in given if value is not None)

    def canonical(self, factor: float, offset: float) -> Self:
        """The same detector, its `threshold` (if any) taken from the target's own unit."""
        params = self.get_params()
        if not self.target or params.get("threshold") is None:
            return self
        return type(self)(**{**params, "threshold": params["threshold"] * factor + offset})

    def aimed(self, watched: Sequence[Watched]) -> Self:  # noqa: ARG002
        """The same detector with a target, where it has none and the series leave no doubt."""
        return self

    def slots(self) -> dict[str, Slot]:
        """None: what is kept between rows is the history and `judge`'s state."""
        return {}


def until(fit_until: str) -> int | None:
    """`fit_until` in microseconds, None where it was not given. Raises ValueError."""
    return parse(fit_until) if fit_until else None
