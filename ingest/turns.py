"""What one turn of the final verdicts knows before it looks at readings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ingest.limits import others_of
from ingest.qartod import flat_rows
from ingest.spells import Spell, spells
from records.network import Series
from records.rules import Rules, Tests
from records.times import SECOND
from store import clocks, quality, registry, rules
from store.connection import Database
from store.quality import Watermark

Neighbours = Mapping[int, tuple[tuple[int, float, float], ...]]


@dataclass(slots=True)
class Turn:
    """What one turn knows, by series number."""

    number: int
    now_at: int
    rules: Rules
    series: dict[int, Series]
    tests: dict[int, Tests]
    before: dict[int, Watermark]
    neighbours: Neighbours
    stations: dict[int, tuple[float, float]]
    spells: dict[int, tuple[Spell, ...]]  # by device
    feeders: dict[int, list[tuple[int, int]]]
    # Final before this turn (without those that begin anew), and after it.
    old: dict[int, int] = field(default_factory=dict)
    marks: dict[int, Watermark] = field(default_factory=dict)

    def flat(self, number: int) -> int:
        return flat_rows(self.tests[number].flat_line, self.series[number].interval_s)

    def period(self, number: int) -> int:
        rule = self.tests[number].attenuated_signal
        return rule.period_s * SECOND if rule else 0

    def behind(self, number: int) -> int:
        """How far its watermark is behind the clock where it has gone all the way."""
        return round(self.series[number].blind_after_s() * SECOND)

    def mark(self, number: int, through_at: int | None, limits: str) -> None:
        behind = self.behind(number)
        moves = through_at == self.now_at - behind
        self.marks[number] = Watermark(
            through_at, self.rules.version, limits, behind if moves else None
        )

    def within(self, number: int) -> int:
        rule = self.tests[number].neighbour
        return round(rule.within_s * SECOND) if rule else 0

    def digest(self, number: int) -> str:
        """Of all that the verdicts of a series depend on beside its readings."""
        where = self.stations[number] if self.tests[number].location else None
        said = (
            self.tests[number],
            self.series[number].interval_s,
            self.neighbours.get(number),
            where,
        )
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def begin(db: Database, now_at: int) -> Turn:
    """Inside a transaction. Raises StoreUnavailable."""
    number = quality.begin(db)
    known, current = registry.load(db), rules.current(db)
    series = {known.series_number[one.id]: one for one in known.network.series}
    tests = {number: current.of(one) for number, one in series.items()}
    by_id = {one.id: (number, one) for number, one in series.items()}
    neighbours = {
        number: others_of(rule, one, by_id)
        for number, one in series.items()
        if (rule := tests[number].neighbour)
    }
    places = {station.id: (station.lat, station.lon) for station in known.network.station}
    stations = {number: places[one.station] for number, one in series.items()}
    before = quality.watermarks(db, quality.turn_at(db))
    told = {device: spells(seen) for device, seen in clocks.observations(db).items()}
    feeders = clocks.feeders(db, told)
    return Turn(number, now_at, current, series, tests, before, neighbours, stations, told, feeders)
