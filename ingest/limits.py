"""Limits of the live checks as arrays, from the rules (`records.rules`).

A flag that doubts a real disaster costs more than one that misses a small fault, so the rules that
are shipped are the limits of physics and instruments, not of a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from records.network import Series
from records.rules import MOST_REPEATS, Rules, Season, Tests, shipped
from store.registry import Registry

__all__ = ["MOST_REPEATS", "LimitTable", "gap_s", "table"]


@dataclass(frozen=True, slots=True, eq=False)
class LimitTable:
    """Arrays by series number, in each series' unit; infinite or 0 where a check does not apply.

    `climatology` holds the seasons of the series that have any.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    spike: NDArray[np.float64]
    rate: NDArray[np.float64]
    repeats: NDArray[np.int64]
    gap_s: NDArray[np.float64]
    climatology: dict[int, tuple[Season, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, numbered: Sequence[tuple[int, Series]], rules: Rules | None = None) -> LimitTable:
        """The table of these (number, series); without rules, of those that are shipped."""
        size = 1 + max((number for number, _ in numbered), default=0)
        low, *others = (np.full(size, np.inf) for _ in range(5))
        table = cls(-low, others[0], others[1], others[2], np.zeros(size, np.int64), others[3])
        for number, series in numbered:
            table.fill(number, (rules or shipped()).of(series), series)
        return table

    def fill(self, number: int, tests: Tests, series: Series) -> None:
        if tests.gross_range:
            self.low[number], self.high[number] = tests.gross_range.fail
        if tests.spike:
            self.spike[number] = tests.spike.suspect
        if tests.rate_of_change:
            self.rate[number] = tests.rate_of_change.suspect
        if tests.flat_line:
            self.repeats[number] = tests.flat_line.repeats or 0
        self.gap_s[number] = gap_s(tests, series.interval_s)
        if tests.climatology:
            self.climatology[number] = tests.climatology


def table(registry: Registry) -> LimitTable:
    """The limits of every series of a registry, as its rules say."""
    numbered = [(registry.series_number[s.id], s) for s in registry.network.series]
    return LimitTable.of(numbered, registry.rules)


def gap_s(tests: Tests, interval_s: float | None) -> float:
    """Whole seconds without a reading that are no gap yet; infinite where nobody can say."""
    if tests.gap is None:
        return float("inf")
    if tests.gap.fail_s is not None:
        return float(int(tests.gap.fail_s))
    return float(int(tests.gap.intervals * interval_s)) if interval_s else float("inf")
