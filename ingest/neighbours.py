"""The live neighbour test: how far a value is from what its neighbours last measured.

As `ingest.qartod` has it (median of the neighbours' values nearest in time, the earlier of two), of
what had arrived before: rows of one message arrive at once. It is the final verdict wherever no
later reading of a neighbour is nearer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.windows import median
from records.rules import Neighbour
from records.times import SECOND

# So many of a neighbour's newest rows are looked at.
REMEMBERED = 128

Number = TypeVar("Number", np.int64, np.float64)
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Rule(NamedTuple):
    """The limits, and (number, factor, offset) of each neighbour: to the unit of the series."""

    limits: Neighbour
    others: tuple[tuple[int, float, float], ...]


class Neighbours:
    """What is remembered of all series that are somebody's neighbour."""

    def __init__(self) -> None:
        self._slot = np.empty(0, np.int64)  # by series number, -1 for no neighbour
        # There is always one, so that the slot -1 can be looked at.
        self._at = np.zeros((1, REMEMBERED), np.int64)
        self._value = np.zeros((1, REMEMBERED))
        self._count = np.zeros(1, np.int64)  # rows ever
        self._ruled = False

    def __bool__(self) -> bool:
        return self._ruled

    def use(self, rules: Mapping[int, Rule], size: int) -> None:
        """Go on with these rules by series number; there are `size` numbers."""
        self._ruled = bool(rules)
        slot = np.full(size, -1, np.int64)
        slot[: len(self._slot)] = self._slot
        wanted = {number for rule in rules.values() for number, _, _ in rule.others}
        new = [number for number in sorted(wanted) if slot[number] < 0]
        slot[new] = len(self._count) + np.arange(len(new))
        self._slot = slot
        self._at = np.vstack([self._at, np.zeros((len(new), REMEMBERED), np.int64)])
        self._value = np.vstack([self._value, np.zeros((len(new), REMEMBERED))])
        self._count = np.append(self._count, np.zeros(len(new), np.int64))
        most = max((len(rule.others) for rule in rules.values()), default=0) or 1
        # By series number: its neighbours (slot, factor, offset), and its limits.
        self._others = np.full((most, size), -1, np.int64)
        self._factor, self._offset = np.ones((most, size)), np.zeros((most, size))
        self._suspect, self._least = np.full(size, np.inf), np.zeros(size, np.int64)
        self._within = np.full(size, -1, np.int64)
        for series, rule in rules.items():
            for place, (number, factor, offset) in enumerate(rule.others):
                self._others[place, series] = slot[number]
                self._factor[place, series], self._offset[place, series] = factor, offset
            limits = rule.limits
            self._suspect[series] = min(limits.suspect, limits.fail or np.inf)
            self._within[series] = round(limits.within_s * SECOND)
            self._least[series] = limits.least

    def judge(
        self, series: NDArray[np.int32], at: Ints, value: Floats, arrival: Ints
    ) -> tuple[Bools, Bools]:
        """Which of n rows (by series, then time, newer than all before) are too far off, and of
        which nobody can say; they are remembered. `arrival`: the order of their messages."""
        far, unsure = np.zeros(len(series), np.bool_), np.zeros(len(series), np.bool_)
        slot = self._slot[series]
        new = np.flatnonzero(slot >= 0)
        new = new[np.argsort(slot[new], kind="stable")]
        rows = _New(slot[new], at[new], value[new], arrival[new], len(self._count))
        ruled = np.flatnonzero(self._within[series] >= 0)
        if len(ruled):
            number = series[ruled]
            near = np.array(
                [
                    self._nearest(other, at[ruled], arrival[ruled], self._within[number], rows)
                    for other in self._others[:, number]
                ]
            )
            near = near * self._factor[:, number] + self._offset[:, number]
            known = (~np.isnan(near)).sum(axis=0)
            with np.errstate(over="ignore", invalid="ignore"):
                off = np.abs(value[ruled] - median(near, known))
            unsure[ruled] = known < self._least[number]
            far[ruled] = (off > self._suspect[number]) & ~unsure[ruled]
        self._keep(rows)
        return far, unsure

    def _nearest(self, slot: Ints, at: Ints, arrival: Ints, within: Ints, rows: _New) -> Floats:
        """Of n slots (-1: none) the value nearest in time of what had arrived, or NaN."""
        # Places count from the first row ever: those that are remembered, then the new ones.
        end = self._count[slot] + rows.before(slot, arrival)
        begin = np.maximum(end - REMEMBERED, 0)
        there = (slot >= 0) & (end > begin)
        low, high = begin.copy(), end.copy()
        for _ in range(REMEMBERED.bit_length()):
            middle = np.minimum((low + high) // 2, np.maximum(end - 1, begin))
            earlier = self._times(slot, middle, rows) < at
            open_ = low < high
            low = np.where(earlier & open_, middle + 1, low)
            high = np.where(~earlier & open_, middle, high)
        after = np.clip(low, begin, np.maximum(end - 1, begin))
        before = np.maximum(after - 1, begin)
        to_before = np.abs(self._times(slot, before, rows) - at)
        to_after = np.abs(self._times(slot, after, rows) - at)
        place = np.where(to_before <= to_after, before, after)
        there &= np.minimum(to_before, to_after) <= within
        found: Floats = np.where(there, self._values(slot, place, rows), np.nan)
        return found

    def _times(self, slot: Ints, place: Ints, rows: _New) -> Ints:
        old = self._at[slot, place % REMEMBERED]
        return rows.pick(rows.at, old, slot, place - self._count[slot])

    def _values(self, slot: Ints, place: Ints, rows: _New) -> Floats:
        old = self._value[slot, place % REMEMBERED]
        return rows.pick(rows.value, old, slot, place - self._count[slot])

    def _keep(self, rows: _New) -> None:
        place = self._count[rows.slot] + rows.rank
        newest = rows.rank >= rows.size[rows.slot] - REMEMBERED
        slot, place = rows.slot[newest], place[newest] % REMEMBERED
        self._at[slot, place] = rows.at[newest]
        self._value[slot, place] = rows.value[newest]
        self._count += rows.size


class _New:
    """The rows of one call, by slot, then time."""

    def __init__(self, slot: Ints, at: Ints, value: Floats, arrival: Ints, slots: int) -> None:
        self.slot, self.at, self.value = slot, at, value
        self.size = np.bincount(slot, minlength=slots)
        self.start = np.cumsum(self.size) - self.size
        self.rank = np.arange(len(slot)) - self.start[slot]
        self._most = int(arrival.max(initial=0)) + 1
        self._key = slot * self._most + arrival

    def before(self, slot: Ints, arrival: Ints) -> Ints:
        """How many rows of each slot had arrived with the message of this place, or before it."""
        key = slot * self._most + np.minimum(arrival, self._most - 1)
        found: Ints = np.searchsorted(self._key, key, "right") - self.start[slot]
        return found

    def pick(
        self, new: NDArray[Number], old: NDArray[Number], slot: Ints, place: Ints
    ) -> NDArray[Number]:
        """The new value of each place from 0 on, `old` for the others."""
        if not len(new):
            return old
        row = np.clip(self.start[slot] + place, 0, len(new) - 1)
        return np.where(place >= 0, new[row], old)
