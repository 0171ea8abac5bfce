"""A joint detector over one group of series, with its history: what every way of scoring runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.bank import Bank, Outcome, as_saved
from models.detector import Crossing, Floats, Limits, Places, Rows, Said, Scores, State, Watched
from models.history import History
from models.hysteresis import ladder
from models.joint import TOGETHER, Joint, Judged, Recording
from records.errors import SettingsError
from records.times import SECOND

_NEVER = -(2**63)
_LEAST_PRUNED = 4096
_UNFITTED = object()


class Runner:
    """`watched` are the inputs, `place` is the index in them.

    model  a promoted model that takes the place of `fit`; None: fitted here, from the history
    model_number  which one; 0 for one that is fitted here
    """

    def __init__(
        self, detector: Joint, watched: Sequence[Watched], model: Any = None, model_number: int = 0
    ) -> None:
        detector.check(watched)
        self.detector = detector
        self.watched = tuple(watched)
        self._given = model
        self.model_number = model_number
        self._model: Any = _UNFITTED
        self._history = History(self.watched)
        self._prune_at = _LEAST_PRUNED
        self._first_at: int | None = None
        self._fitted_at = _NEVER
        self._since = _NEVER
        self._state: State = {}
        self._bank = _Levels(detector, self._shown_as())

    def add(self, place: NDArray[np.intp], measured_at: NDArray[np.int64], value: Floats) -> None:
        """Take rows into the history. They count for every row that is judged from now on."""
        if not len(place):
            return
        if self._first_at is None:
            self._first_at = int(measured_at.min())
        self._history.add(place, measured_at, value)

    def restart(self, place: int, from_at: int) -> None:
        """A series begins anew at a moment that lies before rows it had: its clock was set back.

        If it is the target, so do its scores.
        """
        # What is kept must not depend on when it was last pruned: later scores look farther back.
        self._history.prune(*self._kept())
        self._history.forget(place, from_at)
        if self.watched[place].id == self.detector.target:
            self._since = min(self._since, from_at - 1)
            self._state = {}
            self._bank.forget(np.array([0]))

    def judge(self, through_at: int) -> tuple[NDArray[np.int64], Outcome]:
        """Times and outcome of the shown rows up to a moment that were not judged before."""
        shown = self._shown(through_at)
        times = shown.measured_at
        judged = [self._part(rows, times) for rows in self._parts(times)]
        columns = _joined(judged)
        value = shown.value if self.detector.target else columns.score
        outcome = self._bank.judge(times, value, columns)
        if len(times):
            self._since = int(times[-1])
            self._prune()
        return times, outcome

    @property
    def identity(self) -> list[Any]:
        """What must be the same for saved state to be of use."""
        inputs = [[w.id, w.quantity, w.unit] for w in self.watched]
        return [*self._bank.identity, inputs]

    def save(self) -> bytes:
        """Everything that later scores depend on: the same bytes for the same past.

        The model is not in it: it is fitted again from the rows that it was fitted from.
        """
        kept = {n: [a.dtype.str, a.shape, a.tobytes()] for n, a in sorted(self._state.items())}
        return msgspec.msgpack.encode(
            {
                "identity": self.identity,
                "model": self.model_number,
                "first_at": self._first_at,
                "fitted_at": self._fitted_at,
                "since": self._since,
                "state": kept,
                "history": self._history.save(*self._kept()),
                "levels": self._bank.save(),
            }
        )

    def load(self, saved: bytes) -> NDArray[np.bool_]:
        """Go on where the runner that saved this stood, if it had the same detector and inputs.

        Of another model a given one takes over the history and the levels; what is fitted here
        takes over nothing from a given one, which had kept too little to fit on.
        Returns for each input whether it did: all or none. Raises SettingsError for bytes that are
        no saved state.
        """
        try:
            found = msgspec.msgpack.decode(saved)
            same = found["identity"] == as_saved(self.identity)
            same = same and (self.model_number > 0 or found["model"] == 0)
            if same:
                self._load(found)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"saved state of {self.detector.name}: {error}") from None
        return np.full(len(self.watched), same, np.bool_)

    def _load(self, found: dict[str, Any]) -> None:
        self._history.load(found["history"])
        own = found["model"] == self.model_number
        self._state = {
            name: np.frombuffer(data, dtype).reshape(shape).copy()
            for name, (dtype, shape, data) in found["state"].items()
            if own
        }
        self._first_at, self._since = found["first_at"], found["since"]
        self._fitted_at = found["fitted_at"]
        self._model = _UNFITTED
        self._bank.load(found["levels"])

    def _shown_as(self) -> Watched:
        if not self.detector.target:
            return Watched(id=TOGETHER)
        return next(w for w in self.watched if w.id == self.detector.target)

    def _shown(self, through_at: int) -> Recording:
        newer = self._history.between(self._since, through_at)
        return newer.take(newer.shown(self.detector.target, self._since))

    def _parts(self, times: NDArray[np.int64]) -> list[tuple[int, slice]]:
        """(moment of the fit, rows) of each stretch of rows that one model judges."""
        if not len(times):
            return []
        last = int(times[-1])
        moments = [_NEVER]
        if self._given is None and self._first_at is not None:
            moments += takewhile(lambda at: at < last, self.detector.fits(self._first_at))
        which = np.searchsorted(np.array(moments), times, side="left") - 1
        edges = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(times)]
        return [(moments[int(which[first])], slice(first, end)) for first, end in pairwise(edges)]

    def _part(self, part: tuple[int, slice], times: NDArray[np.int64]) -> Judged:
        moment, rows = part
        since = self._since if rows.start == 0 else int(times[rows.start - 1])
        first, last = int(times[rows.start]), int(times[rows.stop - 1])
        model = self._model_of(moment)
        unknown = Judged(np.full(rows.stop - rows.start, np.nan))
        if model is None:
            return unknown
        recording = self._history.between(_before(first, self.detector.memory_s), last)
        judged = self.detector.judge(recording, since, model, self._state)
        if len(judged.score) != len(unknown.score):
            raise ValueError(f"{self.detector.name} gave a wrong number of scores")
        return judged

    def _model_of(self, moment: int) -> Any:
        if self._given is not None:
            return self._given
        # A clock that was set back does not bring an older model back.
        moment = max(moment, self._fitted_at)
        if moment == _NEVER:
            return None
        if moment != self._fitted_at:
            self._history.learn(moment)
            self._fitted_at, self._model = moment, _UNFITTED
        if self._model is _UNFITTED:
            after_at = _before(moment, self.detector.training_s)
            self._model = self.detector.fit(self._history.learnt(after_at), moment)
        return self._model

    def _prune(self) -> None:
        if len(self._history) > self._prune_at:
            self._history.prune(*self._kept())
            self._prune_at = max(_LEAST_PRUNED, 2 * len(self._history))

    def _kept(self) -> tuple[int, int]:
        """Of the rows of the last fit those later than the first moment are of use, of all rows
        those later than the second.

        It goes by what was judged alone: while a target is silent, the history of its inputs
        grows, since no device's clock can be trusted to say how far back the next row will look.
        """
        memory_s, training_s = self.detector.memory_s, self.detector.training_s
        after = _before(self._since, memory_s)
        if self._given is not None or self._first_at is None or not training_s:
            return 2**63 - 1, after
        coming = (at for at in self.detector.fits(self._first_at) if at > self._fitted_at)
        upcoming = next(coming, None)
        if upcoming is not None:
            after = min(after, _before(upcoming, training_s))
        return _before(self._fitted_at, training_s), after


class _Levels(Bank):
    """The levels of the one series of scores, from what was judged."""

    def __init__(self, detector: Joint, shown: Watched) -> None:
        super().__init__(detector, [shown])
        self._joint = detector
        self._judged = Judged(np.zeros(0))

    def judge(self, times: NDArray[np.int64], value: Floats, judged: Judged) -> Outcome:
        self._judged = judged
        return self.advance(np.zeros(len(times), np.intp), times, value)

    def scores(self, rows: Places, given: Rows) -> Scores:  # noqa: ARG002
        judged = self._judged
        p_value = None if judged.p_value is None else judged.p_value[rows]
        return Scores(judged.score[rows], p_value)

    def ladders_of(self, rows: Places, at: Places) -> Floats:
        given = self._judged.limits
        if given is None:
            return super().ladders_of(rows, at)
        return ladder(Limits(given.up[rows], given.keep[rows]))

    def said(self, row: int, crossing: Crossing) -> Said:
        detail = {name: column[row] for name, column in self._judged.detail.items()}
        return self._joint.reason(crossing, detail)


def _joined(parts: Sequence[Judged]) -> Judged:
    """Columns that some part lacks are NaN there, or None where they are not numbers."""
    if len(parts) == 1:
        return parts[0]
    names = {name for part in parts for name in part.detail}
    p_values = any(part.p_value is not None for part in parts)
    return Judged(
        np.concatenate([np.zeros(0), *(part.score for part in parts)]),
        np.concatenate([_filled(p.p_value, len(p.score)) for p in parts]) if p_values else None,
        {n: np.concatenate([_filled(p.detail.get(n), len(p.score)) for p in parts]) for n in names},
        _limits([(p.limits, len(p.score)) for p in parts]),
    )


def _limits(parts: Sequence[tuple[Limits | None, int]]) -> Limits | None:
    """Rows of a part without limits can't reach a level: they have no score."""
    if all(limits is None for limits, _ in parts):
        return None
    never = [limits or Limits.same(n, (np.inf,) * 3, (np.inf,) * 3) for limits, n in parts]
    return Limits(*(np.concatenate([getattr(x, side) for x in never]) for side in ("up", "keep")))


def _filled(column: NDArray[Any] | None, count: int) -> NDArray[Any]:
    return np.full(count, np.nan) if column is None else column


def _before(moment_at: int, duration_s: float) -> int:
    """The last microsecond that is farther back than so many seconds."""
    if not np.isfinite(duration_s) or moment_at == _NEVER:
        return _NEVER
    return moment_at - round(duration_s * SECOND) - 1
