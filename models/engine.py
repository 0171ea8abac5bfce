"""Readings and time to warnings: a pure core that the live stage and the replay both run.

Decisions are made in order of (arrival, series id, measurement), with timers of silence between
them on a fixed grid, so that the same arrivals in any chunks give the same warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models import atwork
from models.association import Associated
from models.atwork import AtWork
from models.bank import Bank, Standing
from models.binding import Binding, to_canonical
from models.detector import Detector
from models.hearing import Hearing
from models.joint import Joint
from models.joint_sources import JointSources
from models.learned import Remembering, Seen, seen
from models.moments import Following
from models.runner import Runner
from models.silence import Silence, Watch
from models.sources import (
    ALL,
    AssociatedSources,
    Decision,
    SingleSources,
    Sources,
    Unheard,
    unfollowed,
)
from records.errors import SettingsError
from records.levels import Flag, Level
from records.readings import ReadingBatch
from records.statements import HazardWarning
from store.directory import Registry

_KEPT_OUT = (int(Flag.FAIL), int(Flag.MISSING))


class Engine:
    """All detectors over all series of a network.

    registry    what is watched, by which detectors (`models.binding.bind`), and its numbers
    started_at  moment from which silence counts (microseconds)
    models      trained models, which speak if they are live
    """

    def __init__(
        self, registry: Registry, *, started_at: int, models: Sequence[AtWork] = ()
    ) -> None:
        network, numbers = registry.network, registry.series_number
        placed = atwork.bindings(network, models)
        bindings = [binding for binding, _ in placed]
        self._banks = [_scoring(b, model) for b, model in placed]
        self._sources = [_sources(registry, b, model) for b, model in placed]
        self._ids = sorted({w.id for b in bindings for w in b.watched})
        series = {s.id: s for s in network.series}
        place = {series_id: p for p, series_id in enumerate(self._ids)}
        self._place = _lookup({numbers[i]: p for i, p in place.items()})
        self._seats = [
            _lookup({place[w.id]: seat for seat, w in enumerate(b.watched)}) for b in bindings
        ]
        self._hearing = Hearing(len(self._ids))
        for source, seats in zip(self._sources, self._seats, strict=True):
            if isinstance(source, AssociatedSources) and source.hears:
                own = {int(seat): p for p, seat in enumerate(seats) if seat >= 0}
                source.listen(self._hearing, own)
                self._hearing.asked[list(own.values())] = True
        self._silence = Silence(
            np.array([series[i].blind_after_s() for i in self._ids], np.float64),
            started_at,
            np.array([series[i].interval_s is None for i in self._ids], np.bool_),
        )
        conversions = np.array([to_canonical(series[i]) for i in self._ids]).reshape(-1, 2)
        self._factor, self._offset = conversions[:, 0], conversions[:, 1]
        self.through_at = started_at

    def advance(self, rows: ReadingBatch, now_at: int) -> list[HazardWarning]:
        """Take arrivals up to `now_at` (microseconds) and run the timers up to then.

        Late rows and rows flagged `fail` are kept out. A row that arrived before the moment that
        was already reached decides at that moment: what was said is never taken back. Returns the
        warnings in the order in which they were decided, one for each change of a source's level.
        """
        arrived = self._ordered(rows)
        watch = self._silence.arrive(arrived.place, arrived.received_at, arrived.measured_at)
        decisions = self._silences(watch.silences + self._silence.fall_silent(now_at))
        for index, (bank, seats) in enumerate(zip(self._banks, self._seats, strict=True)):
            seat = _find(seats, arrived.place)
            mine = arrived.take(np.flatnonzero(watch.news & (seat >= 0)), seat, watch)
            if isinstance(bank, Following):
                decisions += _returns(index, mine)
                decisions += _joint_decisions(index, bank, mine, now_at, len(self._ids))
            else:
                decisions += _decisions(index, bank, mine)
        self.through_at = max(now_at, self.through_at)
        decisions.sort(key=lambda d: d.order)
        said = []
        columns = (arrived.place, arrived.received_at, arrived.measured_at, arrived.value)
        with self._hearing.listening(*columns) as hear:
            for decision in decisions:
                if self._sources[decision.bank].hears:
                    hear(decision.at, None if decision.timer else decision.row)
                said += self._sources[decision.bank].decide(decision)
        return said

    def seen(self) -> list[Seen]:
        """What the trained models did with the rows since this was asked last."""
        runners = (b.runner for b in self._banks if isinstance(b, Following))
        return [s for r in runners if isinstance(r, Remembering) for s in seen(r)]

    def trace(self) -> None:
        """Keep what `watching` is asked for."""
        for bank in self._banks:
            if isinstance(bank, Bank):
                bank.trace()

    def watching(self, station: str) -> Iterator[tuple[Detector, list[Standing], Sources]]:
        """The detectors that look at a station, how its series stand, and what is said of them.

        A detector of several series together has no standing of a single one.
        """
        for bank, source in zip(self._banks, self._sources, strict=True):
            own = [seat for seat, w in enumerate(bank.watched) if w.station == station]
            if own:
                known = [bank.standing(seat) for seat in own] if isinstance(bank, Bank) else []
                yield bank.detector, known, source

    def silent(self, series: str) -> bool:
        """True where the series has been silent for too long."""
        return series in self._ids and bool(self._silence.silent[self._ids.index(series)])

    def levels(self) -> dict[str, Level]:
        """What each source that has spoken says now, by source."""
        return {name: w.level for s in self._sources for name, w in s.current.items()}

    def save(self) -> bytes:
        """Everything that later warnings depend on: the same bytes for the same past."""
        return msgspec.msgpack.encode(
            {
                "through_at": self.through_at,
                "silence": self._silence.save(self._ids),
                "hearing": self._hearing.save(self._ids),
                "banks": [bank.save() for bank in self._banks],
                "sources": [source.save() for source in self._sources],
            }
        )

    def load(self, saved: bytes) -> list[HazardWarning]:
        """Go on where the engine that saved this stood, also when the registry changed since.

        Series that are the same keep their state. A source that stood above green and can't be
        followed any more (its series or its detector went or changed) becomes grey, never green:
        those warnings are returned. Raises SettingsError for bytes that are no snapshot.
        """
        try:
            return self._load(msgspec.msgpack.decode(saved))
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"the detectors' saved state can't be read: {error}") from None

    def _load(self, found: dict[str, Any]) -> list[HazardWarning]:
        self.through_at = int(found["through_at"])
        self._silence.load(self._ids, found["silence"], self.through_at)
        self._hearing.load(self._ids, found["hearing"])
        for bank, source in zip(self._banks, self._sources, strict=True):
            saved = list(zip(found["banks"], found["sources"], strict=True))
            if isinstance(bank, Following):
                # Last, so that it counts: what was saved of the very same model.
                saved.sort(key=lambda pair: bank.is_own(pair[0]))
            for saved_bank, saved_source in saved:
                kept = bank.load(saved_bank)
                if kept.any() and not saved_source.get("unheard"):
                    source.load(saved_source, kept)
        followed = self.levels()
        said = [
            msgspec.convert(w, HazardWarning)
            for part in found["sources"]
            for w in part["current"].values()
        ]
        return [lost for w in said if w.source not in followed for lost in self._give_up(w)]

    def _give_up(self, warning: HazardWarning) -> list[HazardWarning]:
        """Make a source that can't be followed grey; it speaks again with the next reading."""
        if warning.level == Level.GREEN:
            return []
        blind = unfollowed(warning, self.through_at)
        for seats, source in zip(self._seats, self._sources, strict=True):
            seat = source.adopt(blind)
            if seat is not None:
                self._silence.silent[np.flatnonzero(seats == seat)] = True
        return [blind] if warning.level > Level.GREY else []

    def _ordered(self, rows: ReadingBatch) -> _Arrived:
        """The rows that count, in the order in which they are decided."""
        place = _find(self._place, rows.series)
        wanted = ~rows.late & ~np.isin(rows.flag, _KEPT_OUT) & (place >= 0)
        rows, place = rows.take(wanted), place[wanted]
        received_at = np.maximum(rows.received_at, self.through_at)
        order = np.lexsort((rows.measured_at, place, received_at))
        place = place[order]
        value = rows.value[order] * self._factor[place] + self._offset[place]
        return _Arrived(place, received_at[order], rows.measured_at[order], value)

    def _silences(self, silences: list[tuple[int, int]]) -> list[Decision]:
        return [
            Decision(at=due, timer=True, place=place, row=0, bank=bank, seat=int(seats[place]))
            for due, place in silences
            for bank, seats in enumerate(self._seats)
            if place < len(seats) and seats[place] >= 0
        ]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Columns of rows in the order of (arrival, place, measurement), values canonical."""

    place: NDArray[np.intp]
    received_at: NDArray[np.int64]
    measured_at: NDArray[np.int64]
    value: NDArray[np.float64]

    def take(self, row: NDArray[np.intp], seat: NDArray[np.intp], watch: Watch) -> _Mine:
        return _Mine(
            row=row,
            seat=seat[row],
            place=self.place[row],
            received_at=self.received_at[row],
            measured_at=self.measured_at[row],
            value=self.value[row],
            restarted=watch.restarted[row],
            returned=watch.returned[row],
        )


@dataclass(frozen=True, slots=True)
class _Mine(_Arrived):
    """The rows of one detector's series; `row` is their place among all that arrived."""

    row: NDArray[np.intp]
    seat: NDArray[np.intp]
    restarted: NDArray[np.bool_]
    returned: NDArray[np.bool_]


def _scoring(binding: Binding, model: AtWork | None) -> Bank | Following:
    if model is not None:
        return Following(Remembering(model.learned, model.number))
    if isinstance(binding.detector, Joint):
        return Following(Runner(binding.detector, binding.watched))
    return Bank(binding.detector, binding.watched)


def _sources(registry: Registry, binding: Binding, model: AtWork | None) -> Sources:
    """What turns the decisions of this binding into warnings."""
    detector = binding.detector
    if model is not None and not model.live:
        return Unheard(registry, binding)
    if isinstance(detector, Joint):
        return JointSources(registry, binding, detector)
    if isinstance(detector, Associated):
        return AssociatedSources(registry, binding, detector)
    return SingleSources(registry, binding)


def _decisions(index: int, bank: Bank, mine: _Mine) -> list[Decision]:
    """Run one bank over its rows: a decision where a level changed or a series came back."""
    outcome = bank.advance(mine.seat, mine.measured_at, mine.value, mine.restarted)
    crossings = {row: (crossing, said) for row, crossing, said in outcome.crossings}
    returned = np.flatnonzero(mine.returned).tolist()
    decisions = []
    for i in {**crossings, **dict.fromkeys(returned)}:
        crossing, said = crossings.get(i, (None, None))
        decision = _decision(index, mine, i, Level(int(outcome.level[i])))
        decisions.append(replace(decision, crossing=crossing, said=said))
    return decisions


def _returns(index: int, mine: _Mine) -> list[Decision]:
    return [_decision(index, mine, i, Level.GREEN) for i in np.flatnonzero(mine.returned).tolist()]


def _decision(index: int, mine: _Mine, i: int, level: Level) -> Decision:
    return Decision(
        at=int(mine.received_at[i]),
        timer=False,
        place=int(mine.place[i]),
        row=int(mine.row[i]),
        bank=index,
        seat=int(mine.seat[i]),
        level=level,
    )


def _joint_decisions(
    index: int, following: Following, mine: _Mine, now_at: int, last_place: int
) -> list[Decision]:
    """A decision for each moment that was closed, after all others of its time."""
    closed = following.advance(
        mine.seat, mine.measured_at, mine.value, mine.received_at, mine.restarted, now_at
    )
    return [
        Decision(
            at=one.decided_at,
            timer=one.timer,
            place=last_place,
            row=row,
            bank=index,
            seat=ALL,
            level=one.level,
            crossing=one.crossing,
            said=one.said,
            known=one.known,
        )
        for row, one in enumerate(closed)
    ]


def _lookup(places: Mapping[int, int]) -> NDArray[np.intp]:
    """A table from small non-negative numbers to places; -1 where there is none."""
    table = np.full(max(places, default=-1) + 1, -1, np.intp)
    for number, place in places.items():
        table[number] = place
    return table


def _find(table: NDArray[np.intp], numbers: NDArray[Any]) -> NDArray[np.intp]:
    if not len(table):
        return np.full(len(numbers), -1, np.intp)
    known = (numbers >= 0) & (numbers < len(table))
    return np.where(known, table[np.where(known, numbers, 0)], -1)
