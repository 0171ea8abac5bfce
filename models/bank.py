"""A detector bound to its series, with their state: what live scoring, `detect` and replay run.

Everything that is the same for all detectors happens here once: readings in rounds, disorder and
repeats, levels with hysteresis, cold start, saving and loading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.detector import (
    Crossing,
    Detector,
    Floats,
    Places,
    Rows,
    Said,
    Scores,
    Slot,
    State,
    Watched,
    spanned,
    unusual,
)
from models.hysteresis import KEEP, UP, ladder, levels
from models.rounds import parts, places_of
from records.errors import SettingsError
from records.levels import Level
from records.quantities import QUANTITIES
from records.times import SECOND

_NEVER = -(2**63)
_GREEN = int(Level.GREEN)
_SECOND = np.array(float(SECOND))
_OWN = {
    "bank_first_at": Slot("int64", (), _NEVER),
    "bank_newest_at": Slot("int64", (), _NEVER),
    "bank_held_at": Slot("int64", (), _NEVER),
    "bank_level": Slot("uint8", (), int(Level.GREEN)),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch of readings led to, columns in the order of the readings given.

    scored      False for rows that were skipped: not newer than what their series had, or outside
                what a sensor of the quantity can read
    score       higher is more unusual; NaN while unknown
    p_value     NaN where there is none
    level       the level of the series after this row
    crossings   (row, change, words) for each change of level, in order of rows
    """

    scored: NDArray[np.bool_]
    score: Floats
    p_value: Floats
    level: NDArray[np.uint8]
    crossings: list[tuple[int, Crossing, Said]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one series of a bank stands after its last scored reading.

    up, keep  limits on the score for yellow, orange, red: to reach the level, and to keep it
    ripe      False while there is not enough history: the level stays green
    """

    watched: Watched
    measured_at: int | None
    score: float | None
    p_value: float | None
    level: Level
    up: tuple[float, ...]
    keep: tuple[float, ...]
    ripe: bool


class Bank:
    """One detector over many series; `place` is the index in `watched`."""

    def __init__(self, detector: Detector, watched: Sequence[Watched]) -> None:
        self.detector = detector
        self.watched = tuple(watched)
        self.spec = {**_OWN, **detector.slots()}
        self.state: State = {name: slot.array(len(watched)) for name, slot in self.spec.items()}
        self._fixed = {n: _sealed(a) for n, a in detector.fixed(self.watched).items()}
        self._limits = detector.limits(self.watched)
        self._ladder = ladder(self._limits)
        self._lowest = self._ladder[:, UP, 0].copy()
        self._traced: Floats | None = None
        every = (-np.inf, np.inf)
        ranges = [every if detector.any_value else _plausible(w) for w in self.watched]
        self._bounded = any(np.isfinite(ranges).ravel())
        self._low, self._high = np.array(ranges, np.float64).reshape(-1, 2).T.copy()

    def advance(
        self,
        place: NDArray[np.intp],
        measured_at: NDArray[np.int64],
        value: Floats,
        afresh: NDArray[np.bool_] | None = None,
    ) -> Outcome:
        """Score readings; per series they count in the order given. Inputs are not changed.

        Rows marked in `afresh` begin their series anew, whatever was before.
        """
        count = len(place)
        out = Outcome(
            np.zeros(count, np.bool_),
            np.full(count, np.nan),
            np.full(count, np.nan),
            np.zeros(count, np.uint8),
            [],
        )
        place, measured_at, value = _sealed(place), _sealed(measured_at), _sealed(value)
        plausible = np.ones(count, np.bool_)
        if self._bounded:
            plausible = (value >= self._low[place]) & (value <= self._high[place])
        for rows in parts(place):
            if afresh is not None:
                self.forget(place[rows][afresh[rows]])
            self._round(rows, place[rows], measured_at[rows], value[rows], plausible[rows], out)
        out.crossings.sort(key=lambda crossing: crossing[0])
        if self._traced is not None:
            scored = np.flatnonzero(out.scored)
            self._traced[:, place[scored]] = out.score[scored], out.p_value[scored]
        return out

    def trace(self) -> None:
        """Keep the last score of each series from now on, for `standing`."""
        self._traced = np.full((2, len(self.watched)), np.nan)

    def standing(self, seat: int) -> Standing:
        """How a series stands; without `trace` its score is not known."""
        level = int(self.state["bank_level"][seat])
        newest_at, first_at = (int(self.state[f"bank_{n}_at"][seat]) for n in ("newest", "first"))
        score, p_value = (None, None) if self._traced is None else self._traced[:, seat].tolist()
        return Standing(
            watched=self.watched[seat],
            measured_at=None if newest_at == _NEVER else newest_at,
            score=None if score is None or np.isnan(score) else score,
            p_value=None if p_value is None or np.isnan(p_value) else p_value,
            level=Level(level),
            up=tuple(self._limits.up[seat].tolist()),
            keep=tuple(self._limits.keep[seat].tolist()),
            ripe=newest_at - first_at >= self.detector.cold_start_s * SECOND,
        )

    def forget(self, place: NDArray[np.intp]) -> None:
        """Start series afresh."""
        for name, slot in self.spec.items():
            self.state[name][place] = slot.fill

    def _round(
        self,
        rows: Places,
        at: NDArray[np.intp],
        measured_at: NDArray[np.int64],
        value: Floats,
        plausible: NDArray[np.bool_],
        out: Outcome,
    ) -> None:
        state, span = self.state, spanned(at)
        before_at = state["bank_newest_at"][span]
        fresh = (measured_at > before_at) & plausible
        if np.count_nonzero(fresh) < len(fresh):
            out.level[rows] = state["bank_level"][span]
            rows, at, before_at = places_of(rows)[fresh], at[fresh], before_at[fresh]
            measured_at, value = measured_at[fresh], value[fresh]
            if not len(at):
                return
            span = spanned(at)
        gap_s = (measured_at - before_at) / _SECOND
        (first,) = (before_at == _NEVER).nonzero()
        if len(first):
            gap_s[first] = np.nan
            state["bank_first_at"][at[first]] = measured_at[first]
        state["bank_newest_at"][span] = measured_at
        if not isinstance(rows, slice):  # what a slice takes is sealed like the whole
            at, measured_at, value = _sealed(at), _sealed(measured_at), _sealed(value)
        given = Rows(at, measured_at, _sealed(gap_s), value, span)
        scores = self.scores(rows, given)
        out.scored[rows] = True
        # Of -0.0 and 0.0 numpy's fmin may take either, by machine: here they are one.
        out.score[rows] = scores.score + 0.0
        if scores.p_value is not None:
            out.p_value[rows] = scores.p_value
        before = state["bank_level"][span]
        out.level[rows] = before
        # Most readings are green and below every limit: only the others need a closer look.
        (close,) = ((scores.score >= self._lowest[span]) | (before > _GREEN)).nonzero()
        if len(close):
            score = scores.score
            if len(close) < len(at):
                rows, given, score = places_of(rows)[close], given.take(close), score[close]
            self._settle(rows, given, score, out)

    def _settle(self, rows: Places, given: Rows, score: Floats, out: Outcome) -> None:
        """The levels after these rows, and what is said where they change."""
        ladders = self.ladders_of(rows, given.span)
        before = self.state["bank_level"][given.span].copy()
        level = levels(given, score, ladders, self.state, self.detector)
        out.level[rows] = level
        (changed,) = (level != before).nonzero()
        for i, row in zip(changed.tolist(), places_of(rows)[changed].tolist(), strict=True):
            was, now = int(before[i]), int(level[i])
            about, which = (UP, now) if now > was else (KEEP, was)
            limit = float(ladders[i, about, which - Level.YELLOW])
            value = float(given.value[i])
            out.crossings.append(self._crossing(row, int(given.at[i]), was, value, limit, out))

    def _crossing(
        self, row: int, at: int, before: int, value: float, limit: float, out: Outcome
    ) -> tuple[int, Crossing, Said]:
        level = int(out.level[row])
        p_value = float(out.p_value[row])
        crossing = Crossing(
            at=at,
            watched=self.watched[at],
            measured_at=int(self.state["bank_newest_at"][at]),
            value=value,
            score=float(out.score[row]),
            p_value=None if np.isnan(p_value) else p_value,
            before=Level(before),
            level=Level(level),
            limit=limit,
        )
        if level == _GREEN:
            return row, crossing, self.detector.ended(crossing)
        return row, crossing, self.said(row, crossing)

    def ladders_of(self, rows: Places, at: Places) -> Floats:  # noqa: ARG002
        """The `ladder` for rows of the batch, of the series at these places: no step is below the
        series' own lowest."""
        return self._ladder[at]

    def scores(self, rows: Places, given: Rows) -> Scores:  # noqa: ARG002
        """Scores of one round; `rows` are its places among the readings of the batch."""
        return self.detector.step(given, self.state, self._fixed)

    def said(self, row: int, crossing: Crossing) -> Said:  # noqa: ARG002
        """Words of a change of level above green, decided by this row of the batch."""
        return self.detector.explain(crossing, self.state, self._fixed)

    @property
    def identity(self) -> list[Any]:
        """What must be the same for saved state to be of use."""
        slots = {name: [slot.dtype, list(slot.shape)] for name, slot in self.spec.items()}
        return [self.detector.name, self.detector.version, self.detector.get_params(), slots]

    def save(self) -> bytes:
        """The state of all series as bytes: the same bytes for the same state."""
        return msgspec.msgpack.encode(
            {
                "identity": self.identity,
                "series": [_key(w) for w in self.watched],
                "arrays": {name: self.state[name].tobytes() for name in self.spec},
            }
        )

    def load(self, saved: bytes) -> NDArray[np.bool_]:
        """Take over the state of the series that are the same as when it was saved.

        A series that is new or measures something else starts afresh, and all do when the
        detector's version, parameters or slots changed. Returns which were taken over. Raises
        SettingsError for bytes that are no saved state.
        """
        kept = np.zeros(len(self.watched), np.bool_)
        try:
            found = msgspec.msgpack.decode(saved)
            if found["identity"] != as_saved(self.identity):
                return kept
            old = {tuple(key): there for there, key in enumerate(found["series"])}
            pairs = [(i, old[k]) for i, k in enumerate(map(_key, self.watched)) if k in old]
            here, there = [p[0] for p in pairs], [p[1] for p in pairs]
            for name, slot in self.spec.items():
                array = np.frombuffer(found["arrays"][name], slot.dtype)
                self.state[name][here] = array.reshape(len(found["series"]), *slot.shape)[there]
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"saved state of {self.detector.name}: {error}") from None
        kept[here] = True
        return kept


def score_samples(detector: Detector, samples: Floats, watched: Watched) -> Floats:
    """Scores of one series from a fresh start, with scikit-learn's sign: higher is more normal.

    `samples` has shape (n, 2): seconds since 1970 UTC, value in the quantity's canonical unit; in
    order of time. NaN while unknown.
    """
    measured_at = np.rint(samples[:, 0] * SECOND).astype(np.int64)
    place = np.zeros(len(samples), np.intp)
    return unusual(Bank(detector, [watched]).advance(place, measured_at, samples[:, 1]).score)


def _sealed(array: NDArray[Any]) -> NDArray[Any]:
    """A view that a detector can't write to."""
    view = array.view()
    view.setflags(write=False)
    return view


def as_saved(value: Any) -> Any:
    """As a value comes back from a snapshot."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def _plausible(watched: Watched) -> tuple[float, float]:
    """Lowest and highest value that any sensor of the quantity reads, in its canonical unit."""
    known = QUANTITIES.get(watched.quantity)
    return (known.low, known.high) if known else (-np.inf, np.inf)


def _key(watched: Watched) -> tuple[str, str, str]:
    return watched.id, watched.quantity, watched.unit
