"""Limits of the live checks as arrays, from the rules (`records.rules`).

A flag that doubts a real disaster costs more than one that misses a small fault, so the rules that
are shipped are the limits of physics and instruments, not of a site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ingest import attenuation, neighbours
from records.errors import BadMessage
from records.network import Series
from records.quantities import conversion
from records.rules import MOST_REPEATS, Neighbour, Rules, Season, Span, Tests, shipped
from store.registry import Registry

__all__ = ["MOST_REPEATS", "LimitTable", "gap_s", "table"]


@dataclass(frozen=True, slots=True, eq=False)
class LimitTable:
    """Arrays by series number, in each series' unit; infinite or 0 where a check does not apply.

    `suspect` (the inner span of the gross range), `climatology`, `attenuated` and `neighbour` hold
    the rules of the series that have any.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    spike: NDArray[np.float64]
    rate: NDArray[np.float64]
    repeats: NDArray[np.int64]
    gap_s: NDArray[np.float64]
    suspect: dict[int, Span] = field(default_factory=dict)
    climatology: dict[int, tuple[Season, ...]] = field(default_factory=dict)
    attenuated: dict[int, attenuation.Rule] = field(default_factory=dict)
    neighbour: dict[int, neighbours.Rule] = field(default_factory=dict)

    @classmethod
    def of(cls, numbered: Sequence[tuple[int, Series]], rules: Rules | None = None) -> LimitTable:
        """The table of these (number, series); without rules, of those that are shipped."""
        size = 1 + max((number for number, _ in numbered), default=0)
        low, *others = (np.full(size, np.inf) for _ in range(5))
        table = cls(-low, others[0], others[1], others[2], np.zeros(size, np.int64), others[3])
        by_id = {series.id: (number, series) for number, series in numbered}
        for number, series in numbered:
            tests = (rules or shipped()).of(series)
            table.fill(number, tests, series)
            if tests.neighbour:
                others_there = others_of(tests.neighbour, series, by_id)
                table.neighbour[number] = neighbours.Rule(tests.neighbour, others_there)
        return table

    def fill(self, number: int, tests: Tests, series: Series) -> None:
        if tests.gross_range:
            self.low[number], self.high[number] = sorted(tests.gross_range.fail)
            if tests.gross_range.suspect:
                self.suspect[number] = tests.gross_range.suspect
        if tests.spike:
            self.spike[number] = tests.spike.suspect
        if tests.rate_of_change:
            self.rate[number] = tests.rate_of_change.suspect
        if tests.flat_line:
            self.repeats[number] = tests.flat_line.repeats or 0
        self.gap_s[number] = gap_s(tests, series.interval_s)
        if tests.climatology:
            self.climatology[number] = tests.climatology
        if tests.attenuated_signal:
            rule = attenuation.Rule.of(tests.attenuated_signal, series.interval_s)
            self.attenuated[number] = rule


def table(registry: Registry) -> LimitTable:
    """The limits of every series of a registry, as its rules say."""
    numbered = [(registry.series_number[s.id], s) for s in registry.network.series]
    return LimitTable.of(numbered, registry.rules)


def others_of(
    rule: Neighbour, one: Series, by_id: Mapping[str, tuple[int, Series]]
) -> tuple[tuple[int, float, float], ...]:
    """Number, factor and offset of each neighbour that measures the same dimension."""
    found = []
    for id_ in rule.series:
        if id_ in by_id:
            number, other = by_id[id_]
            try:
                found.append((number, *conversion(other.unit, one.unit)))
            except BadMessage:
                continue
    return tuple(found)


def gap_s(tests: Tests, interval_s: float | None) -> float:
    """Whole seconds without a reading that are no gap yet; infinite where nobody can say."""
    if tests.gap is None:
        return float("inf")
    if tests.gap.fail_s is not None:
        return float(int(tests.gap.fail_s))
    return float(int(tests.gap.intervals * interval_s)) if interval_s else float("inf")
