"""When a moment of a group of series is complete enough to be judged (docs/decisions/0018).

The values of one moment come in several messages. A moment is closed by the arrival of the last
value that can be expected for it, or by a timer: what came later than that is history for the
moments after it and changes nothing that was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.bank import as_saved
from models.detector import Crossing, Floats, Said
from models.joint import place_of
from models.runner import Runner
from records.errors import SettingsError
from records.levels import Level
from records.times import SECOND, grid_after

GRID = 10 * SECOND
# How long a moment waits for a series that is expected, from the arrival of its first row.
WAIT = 20 * SECOND
# A series that is so many of its intervals behind is not waited for.
_MISSED = 3
# A clock that is farther ahead than this makes no moment of its own.
_AHEAD = 60 * SECOND
_NEVER = -(2**63)


class Moments:
    """Which moments are open: those of the target's rows, or of any row where there is none."""

    def __init__(self, inputs: int, target: int | None) -> None:
        self._target = target
        self._newest = [_NEVER] * inputs
        self._interval = [0] * inputs
        self._closed = _NEVER
        self._open: dict[int, int] = {}  # moment: when its timer fires

    @property
    def timer_at(self) -> int | None:
        """When the first timer fires; None while nothing is open."""
        return min(self._open.values(), default=None)

    def arrive(
        self, place: Sequence[int], measured_at: Sequence[int], received_at: int
    ) -> int | None:
        """Take the rows of one arrival; the newest moment that they close, None for none.

        Every older moment is closed with it.
        """
        due = grid_after(received_at + WAIT, GRID)
        for one, at in zip(place, measured_at, strict=True):
            opens = at <= received_at + _AHEAD if self._target is None else one == self._target
            if opens and at > self._closed:
                self._open.setdefault(at, due)
            self._interval[one] = at - self._newest[one] if self._newest[one] != _NEVER else 0
            self._newest[one] = at
        complete = (m for m in sorted(self._open, reverse=True) if self._complete(m))
        return self._close(next(complete, None))

    def fire(self, now_at: int) -> int | None:
        """The newest moment whose timer is over by now, None for none."""
        return self._close(max((m for m, due in self._open.items() if due <= now_at), default=None))

    def restart(self, place: int, from_at: int) -> None:
        """A series' clock was set back: what it opened ahead of that is no moment any more."""
        self._newest[place], self._interval[place] = _NEVER, 0
        if place == self._target:
            self._open = {m: due for m, due in self._open.items() if m < from_at}
            self._closed = min(self._closed, from_at - 1)

    def _close(self, moment: int | None) -> int | None:
        if moment is not None:
            self._closed = moment
            self._open = {m: due for m, due in self._open.items() if m > moment}
        return moment

    def _complete(self, moment: int) -> bool:
        """True where no series is expected to have a value for the moment that is not there."""
        return not any(
            newest < moment and newest + interval <= moment <= newest + _MISSED * interval
            for newest, interval in zip(self._newest, self._interval, strict=True)
        )

    def save(self) -> list[Any]:
        return [self._newest, self._interval, self._closed, sorted(self._open.items())]

    def load(self, saved: Sequence[Any]) -> None:
        newest, interval, self._closed, opened = saved
        self._newest, self._interval = list(newest), list(interval)
        self._open = dict(opened)


@dataclass(frozen=True, slots=True)
class Closed:
    """A moment that was judged: when that was decided, and what it led to.

    known  False where the score is not known, so that nothing is said of the moment
    """

    decided_at: int
    timer: bool
    level: Level
    known: bool
    crossing: Crossing | None = None
    said: Said | None = None


class Following:
    """A runner that follows arrivals: rows of one arrival time are one group.

    Judging waits until it could make a difference, that is until a row comes for a moment that
    was closed before, or the arrivals end: so a year of a replay costs few calls of `judge`.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.detector, self.watched = runner.detector, runner.watched
        target = self.detector.target
        self._moments = Moments(
            len(self.watched), place_of(self.watched, target) if target else None
        )

    def advance(
        self,
        place: NDArray[np.intp],
        measured_at: NDArray[np.int64],
        value: Floats,
        received_at: NDArray[np.int64],
        afresh: NDArray[np.bool_],
        now_at: int,
    ) -> list[Closed]:
        """Take arrivals in their order and run the timers up to now; what was decided, in order.

        Rows marked in `afresh` begin their series anew, at an earlier time than it had reached.
        """
        closed: list[Closed] = []
        waiting: list[_Due] = []
        begun = 0
        for first, end in _groups(received_at):
            at, rows = int(received_at[first]), slice(first, end)
            waiting += self._fired(at - 1)
            anew = np.flatnonzero(afresh[rows])
            if len(anew) or (waiting and measured_at[rows].min() <= waiting[-1].moment):
                before = slice(begun, first)
                self.runner.add(place[before], measured_at[before], value[before])
                closed += self._judged(waiting)
                begun, waiting = first, []
            for row in (first + anew).tolist():
                self.runner.restart(int(place[row]), int(measured_at[row]))
                self._moments.restart(int(place[row]), int(measured_at[row]))
            moment = self._moments.arrive(place[rows].tolist(), measured_at[rows].tolist(), at)
            waiting += [] if moment is None else [_Due(moment, at, False)]
        waiting += self._fired(now_at)
        self.runner.add(place[begun:], measured_at[begun:], value[begun:])
        return closed + self._judged(waiting)

    def save(self) -> bytes:
        return msgspec.msgpack.encode(
            {
                "identity": self.runner.identity,
                "model": self.runner.model_number,
                "runner": self.runner.save(),
                "moments": self._moments.save(),
            }
        )

    def is_own(self, saved: bytes) -> bool:
        """True where the very same model saved this, and not one that it may go on from."""
        try:
            found = msgspec.msgpack.decode(saved)
            same: bool = found.get("model") == self.runner.model_number
        except (msgspec.MsgspecError, AttributeError):
            return False
        return same and found["identity"] == as_saved(self.runner.identity)

    def load(self, saved: bytes) -> NDArray[np.bool_]:
        """As `Runner.load`."""
        kept = np.zeros(len(self.watched), np.bool_)
        try:
            found = msgspec.msgpack.decode(saved)
            if found["identity"] == as_saved(self.runner.identity):
                kept = self.runner.load(found["runner"])
                self._moments.load(found["moments"])
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"saved state of {self.detector.name}: {error}") from None
        return kept

    def _fired(self, now_at: int) -> list[_Due]:
        fired = []
        while (due := self._moments.timer_at) is not None and due <= now_at:
            moment = self._moments.fire(due)
            if moment is not None:
                fired.append(_Due(moment, due, True))
        return fired

    def _judged(self, waiting: Sequence[_Due]) -> list[Closed]:
        """What the moments led to; a time that lies between two is decided with the later one."""
        if not waiting:
            return []
        times, outcome = self.runner.judge(waiting[-1].moment)
        said = {row: (crossing, words) for row, crossing, words in outcome.crossings}
        which = np.searchsorted([due.moment for due in waiting], times, side="left")
        return [
            Closed(
                waiting[due].decided_at,
                waiting[due].timer,
                Level(level),
                not unknown,
                *said.get(row, ()),
            )
            for row, (due, level, unknown) in enumerate(
                zip(
                    which.tolist(),
                    outcome.level.tolist(),
                    np.isnan(outcome.score).tolist(),
                    strict=True,
                )
            )
        ]


class _Due(NamedTuple):
    """A moment that was closed, when, and whether by a timer."""

    moment: int
    decided_at: int
    timer: bool


def _groups(received_at: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(first, end) of each stretch of equal arrival times."""
    inner = (np.flatnonzero(np.diff(received_at)) + 1).tolist()
    if len(received_at):
        yield from pairwise([0, *inner, len(received_at)])
