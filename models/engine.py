"""Readings and time to warnings: a pure core that the live stage and the replay both run.

Decisions are made in order of (arrival, series id, measurement), with timers of silence between
them on a fixed grid, so that the same arrivals in any chunks give the same warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.bank import Bank
from models.binding import bind, to_canonical
from models.silence import Silence, Watch
from models.sources import Decision, sources_of, unfollowed
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
    """

    def __init__(self, registry: Registry, *, started_at: int) -> None:
        network, numbers = registry.network, registry.series_number
        bindings = bind(network)
        self._banks = [Bank(b.detector, b.watched) for b in bindings]
        self._sources = [sources_of(registry, b) for b in bindings]
        self._ids = sorted({w.id for b in bindings for w in b.watched})
        series = {s.id: s for s in network.series}
        place = {series_id: p for p, series_id in enumerate(self._ids)}
        self._place = _lookup({numbers[i]: p for i, p in place.items()})
        self._seats = [
            _lookup({place[w.id]: seat for seat, w in enumerate(b.watched)}) for b in bindings
        ]
        self._silence = Silence(
            np.array([series[i].blind_after_s() for i in self._ids], np.float64), started_at
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
        place, received_at, measured_at, value = self._ordered(rows)
        watch = self._silence.arrive(place, received_at, measured_at)
        decisions = self._silences(watch.silences + self._silence.fall_silent(now_at))
        for index, (bank, seats) in enumerate(zip(self._banks, self._seats, strict=True)):
            seat = _find(seats, place)
            mine = np.flatnonzero(watch.news & (seat >= 0))
            decisions += _decisions(
                index, bank, mine, seat, place, received_at, measured_at, value, watch
            )
        self.through_at = max(now_at, self.through_at)
        decisions.sort(key=lambda d: d.order)
        return [w for d in decisions for w in self._sources[d.bank].decide(d)]

    def levels(self) -> dict[str, Level]:
        """What each source that has spoken says now, by source."""
        return {name: w.level for s in self._sources for name, w in s.current.items()}

    def save(self) -> bytes:
        """Everything that later warnings depend on: the same bytes for the same past."""
        return msgspec.msgpack.encode(
            {
                "through_at": self.through_at,
                "silence": self._silence.save(self._ids),
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
        for bank, source in zip(self._banks, self._sources, strict=True):
            for saved_bank, saved_source in zip(found["banks"], found["sources"], strict=True):
                kept = bank.load(saved_bank)
                if kept.any():
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

    def _ordered(
        self, rows: ReadingBatch
    ) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Place, arrival, measurement and canonical value of the rows that count, in order."""
        place = _find(self._place, rows.series)
        wanted = ~rows.late & ~np.isin(rows.flag, _KEPT_OUT) & (place >= 0)
        rows, place = rows.take(wanted), place[wanted]
        received_at = np.maximum(rows.received_at, self.through_at)
        order = np.lexsort((rows.measured_at, place, received_at))
        place = place[order]
        value = rows.value[order] * self._factor[place] + self._offset[place]
        return place, received_at[order], rows.measured_at[order], value

    def _silences(self, silences: list[tuple[int, int]]) -> list[Decision]:
        return [
            Decision(at=due, timer=True, place=place, row=0, bank=bank, seat=int(seats[place]))
            for due, place in silences
            for bank, seats in enumerate(self._seats)
            if place < len(seats) and seats[place] >= 0
        ]


def _decisions(
    index: int,
    bank: Bank,
    mine: NDArray[np.intp],
    seat: NDArray[np.intp],
    place: NDArray[np.intp],
    received_at: NDArray[np.int64],
    measured_at: NDArray[np.int64],
    value: NDArray[np.float64],
    watch: Watch,
) -> list[Decision]:
    """Run one bank over its rows: a decision where a level changed or a series came back."""
    outcome = bank.advance(seat[mine], measured_at[mine], value[mine], watch.restarted[mine])
    crossings = {row: (crossing, said) for row, crossing, said in outcome.crossings}
    returned = np.flatnonzero(watch.returned[mine]).tolist()
    decisions = []
    for i in {**crossings, **dict.fromkeys(returned)}:
        row = int(mine[i])
        crossing, said = crossings.get(i, (None, None))
        decisions.append(
            Decision(
                at=int(received_at[row]),
                timer=False,
                place=int(place[row]),
                row=row,
                bank=index,
                seat=int(seat[row]),
                level=Level(int(outcome.level[i])),
                crossing=crossing,
                said=said,
            )
        )
    return decisions


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
