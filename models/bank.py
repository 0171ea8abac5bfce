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
    Limits,
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
from models.rounds import parts, places_of
from records.errors import SettingsError
from records.levels import Level
from records.quantities import QUANTITIES
from records.times import SECOND

_NEVER = -(2**63)
_GREEN = int(Level.GREEN)
_LEVELS = np.array([Level.GREEN, Level.YELLOW, Level.ORANGE, Level.RED], np.uint8)
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
        self._lowest = self._limits.up.min(axis=1)
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
        for rows in parts(place):
            if afresh is not None:
                self.forget(place[rows][afresh[rows]])
            self._round(rows, place[rows], measured_at[rows], value[rows], out)
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
        out: Outcome,
    ) -> None:
        span = spanned(at)
        before_at = self.state["bank_newest_at"][span]
        fresh = measured_at > before_at
        if self._bounded:
            fresh &= (value >= self._low[span]) & (value <= self._high[span])
        if np.count_nonzero(fresh) < len(fresh):
            out.level[rows] = self.state["bank_level"][span]
            rows, at, before_at = places_of(rows)[fresh], at[fresh], before_at[fresh]
            measured_at, value = measured_at[fresh], value[fresh]
            if not len(at):
                return
            span = spanned(at)
        gap_s = (measured_at - before_at) / SECOND
        first = before_at == _NEVER
        if np.count_nonzero(first):
            gap_s[first] = np.nan
            self.state["bank_first_at"][at[first]] = measured_at[first]
        self.state["bank_newest_at"][span] = measured_at
        given = Rows(_sealed(at), _sealed(measured_at), _sealed(gap_s), _sealed(value), span)
        scores = self.scores(rows, given)
        out.scored[rows] = True
        # Of -0.0 and 0.0 numpy's fmin may take either, by machine: here they are one.
        out.score[rows] = scores.score + 0.0
        if scores.p_value is not None:
            out.p_value[rows] = scores.p_value
        before = self.state["bank_level"][span]
        out.level[rows] = before
        # Most readings are green and below every limit: only the others need a closer look.
        (close,) = ((scores.score >= self._lowest[span]) | (before > _GREEN)).nonzero()
        if not len(close):
            return
        before, closely = before[close], places_of(rows)[close]
        limits = self.limits_of(closely, at[close])
        level = self._levels(at[close], measured_at[close], scores.score[close], before, limits)
        out.level[closely] = level
        for i in np.flatnonzero(level != before).tolist():
            row, place, was = int(closely[i]), int(at[close[i]]), int(before[i])
            limit = _limit(limits, i, was, int(level[i]))
            value_then = float(value[close[i]])
            out.crossings.append(self._crossing(row, place, was, value_then, limit, out))

    def _levels(
        self,
        at: NDArray[np.intp],
        measured_at: NDArray[np.int64],
        score: Floats,
        before: NDArray[np.uint8],
        limits: Limits,
    ) -> NDArray[np.uint8]:
        """Levels after one round: up at once, down when below the kept limit for `hold_s`."""
        state = self.state
        up = _highest(score, limits.up)
        kept = _highest(score, limits.keep)
        # An unknown score says nothing: the level stays as it was.
        kept = np.where(np.isnan(score), before, kept)
        held = kept >= before
        held_at = np.where(held, measured_at, state["bank_held_at"][at])
        holding = held | (measured_at - held_at < self.detector.hold_s * SECOND)
        level = np.maximum(up, np.where(holding, before, kept))
        if self.detector.cold_start_s:
            age = measured_at - state["bank_first_at"][at]
            level = np.where(age < self.detector.cold_start_s * SECOND, _LEVELS[0], level)
        state["bank_held_at"][at] = np.where(level == before, held_at, measured_at)
        state["bank_level"][at] = level
        settled: NDArray[np.uint8] = level.astype(np.uint8)
        return settled

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

    def limits_of(self, rows: NDArray[np.intp], at: NDArray[np.intp]) -> Limits:  # noqa: ARG002
        """Limits for rows of the batch, of the series at these places: none below the series' own
        limit for yellow."""
        return Limits(self._limits.up[at], self._limits.keep[at])

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


def _highest(score: Floats, limits: Floats) -> NDArray[np.uint8]:
    """The highest level whose limit is reached; a limit that is not set (inf) is passed over."""
    reached = (score[:, None] >= limits) * _LEVELS[1:]
    highest: NDArray[np.uint8] = np.maximum(reached.max(axis=1), _LEVELS[0])
    return highest


def _limit(limits: Limits, row: int, before: int, level: int) -> float:
    """The limit that a change of level is about: of the level reached, or of the one left."""
    about, which = (limits.up, level) if level > before else (limits.keep, before)
    return float(about[row, which - Level.YELLOW])


def _plausible(watched: Watched) -> tuple[float, float]:
    """Lowest and highest value that any sensor of the quantity reads, in its canonical unit."""
    known = QUANTITIES.get(watched.quantity)
    return (known.low, known.high) if known else (-np.inf, np.inf)


def _key(watched: Watched) -> tuple[str, str, str]:
    return watched.id, watched.quantity, watched.unit
