"""The live test for an attenuated signal: is the spread of the last `period_s` below a limit.

The past alone decides it, so of readings that come in order it says what `ingest.qartod` says of
the finished series. Of each series that has the rule the newest rows stand in a ring, and of each
block of them the mean and squares (or the lowest and highest value): a window costs a look at its
blocks and at the rows of its first and its last, not at all of its rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.rules import Attenuated
from records.times import SECOND

_BLOCK = 32
_PLACES = np.arange(_BLOCK)
# A window of more rows is not judged as they come, only when it is final.
MOST_OBSERVATIONS = 4096
_USUAL = 1024
_FEW = 8
# Rows whose windows are laid out beside each other, some megabytes.
_AT_ONCE = 4096
_EPS = 64 * float(np.finfo(np.float64).eps)

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Rule(NamedTuple):
    """The limits, and how many rows a window may have."""

    limits: Attenuated
    window: int

    @classmethod
    def of(cls, limits: Attenuated, interval_s: float | None) -> Rule:
        """With room for rows that come closer than the sampling interval says."""
        expected = 1.5 * limits.period_s / interval_s + _BLOCK if interval_s else _USUAL
        return cls(limits, 1 << (int(min(expected, MOST_OBSERVATIONS)) - 1).bit_length())


class Attenuation:
    """What is remembered of all series that have the rule."""

    def __init__(self) -> None:
        self._rules: dict[int, Rule] = {}
        self._rings: dict[tuple[int, bool], _Rings] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def use(self, rules: Mapping[int, Rule], begun: Bools) -> None:
        """Go on with these rules; `begun`, by series number: it had rows before.

        Such a series without a ring is not judged until its window is full.
        """
        for key in {_key(rule) for rule in rules.values()}:
            rings = self._rings.setdefault(key, _Rings(key[0], of_range=key[1]))
            rings.use({n: r.limits for n, r in rules.items() if _key(r) == key}, begun)
        for key, rings in self._rings.items():
            if not any(_key(rule) == key for rule in rules.values()):
                rings.use({}, begun)
        self._rules = dict(rules)

    def history(self) -> dict[int, int]:
        """How many of its newest stored rows say all that is remembered of a series."""
        return {number: 2 * rule.window for number, rule in self._rules.items()}

    def begin(self, series: Collection[int]) -> None:
        """What comes first of these series has rows before it that are not remembered."""
        for rings in self._rings.values():
            rings.begin(series)

    def judge(self, series: NDArray[np.int32], at: Ints, value: Floats) -> tuple[Bools, Bools]:
        """Which of n rows (by series, then time, newer than all before) are weak, and of which
        nobody can say; they are remembered."""
        weak, unsure = np.zeros(len(series), np.bool_), np.zeros(len(series), np.bool_)
        for rings in self._rings.values():
            slot = rings.slot[series]
            rows = np.flatnonzero(slot >= 0)
            if len(rows):
                weak[rows], unsure[rows] = rings.judge(slot[rows], at[rows], value[rows])
        return weak, unsure


def _key(rule: Rule) -> tuple[int, bool]:
    return rule.window, rule.limits.kind == "range"


class _Rings:
    """The newest `2 * window` rows of each of m series, for rules of one kind."""

    def __init__(self, window: int, *, of_range: bool) -> None:
        self._window, self._size, self._of_range = window, 2 * window, of_range
        self.slot = np.empty(0, np.int64)  # by series number, -1 for none
        self._at = np.zeros((0, self._size), np.int64)
        self._value = np.zeros((0, self._size))
        # Lowest and highest value of each block, or mean and sum of squared distances from it.
        self._blocks = np.zeros((2, 0, self._size // _BLOCK))
        self._count = np.zeros(0, np.int64)  # rows ever
        self._whole = np.zeros(0, np.bool_)  # nothing of the series was before them
        self._limit = np.zeros(0)
        self._period = np.zeros(0, np.int64)
        self._least = np.zeros(0, np.int64)

    def use(self, limits: Mapping[int, Attenuated], begun: Bools) -> None:
        slot = np.full(len(begun), -1, np.int64)
        slot[: len(self.slot)] = self.slot
        there = np.isin(np.arange(len(slot)), list(limits))
        slot[~there] = -1
        new = np.flatnonzero(there & (slot < 0))
        slot[new] = len(self._count) + np.arange(len(new))
        self.slot = slot
        more = len(new)
        self._at = np.vstack([self._at, np.zeros((more, self._size), np.int64)])
        self._value = np.vstack([self._value, np.zeros((more, self._size))])
        blocks = np.zeros((2, more, self._size // _BLOCK))
        self._blocks = np.concatenate([self._blocks, blocks], axis=1)
        self._count = np.append(self._count, np.zeros(more, np.int64))
        self._whole = np.append(self._whole, ~begun[new])
        self._limit = np.append(self._limit, np.zeros(more))
        self._period = np.append(self._period, np.zeros(more, np.int64))
        self._least = np.append(self._least, np.zeros(more, np.int64))
        for number, rule in limits.items():
            place = slot[number]
            # Weaker than either limit is suspect: only a range makes a value fail live.
            self._limit[place] = max(rule.suspect, rule.fail or 0.0)
            self._period[place] = rule.period_s * SECOND
            self._least[place] = rule.min_obs

    def begin(self, series: Collection[int]) -> None:
        slot = self.slot[list(series)]
        self._whole[slot[slot >= 0]] = False

    def judge(self, slot: Ints, at: Ints, value: Floats) -> tuple[Bools, Bools]:
        starts = np.flatnonzero(np.append(True, slot[1:] != slot[:-1]))
        rank = np.arange(len(slot)) - np.repeat(starts, np.diff(np.append(starts, len(slot))))
        weak, unsure = np.zeros(len(slot), np.bool_), np.zeros(len(slot), np.bool_)
        # So many at once never write over a row that one of them still looks at.
        for first in range(0, int(rank.max()) + 1, self._window):
            part = np.flatnonzero((rank >= first) & (rank < first + self._window))
            weak[part], unsure[part] = self._judge(slot[part], at[part], value[part], rank[part])
        return weak, unsure

    def _judge(self, slot: Ints, at: Ints, value: Floats, rank: Ints) -> tuple[Bools, Bools]:
        row = self._count[slot] + rank - rank.min()
        self._append(slot, row, at, value)
        oldest = np.maximum(row - self._window, 0)
        start = self._first_after(slot, at - self._period[slot], oldest, row)
        # Of what was before the oldest row nobody knows whether it belongs to the window.
        unsure = (start == oldest) & ~((oldest == 0) & self._whole[slot])
        unsure |= row + 1 - start < self._least[slot]
        weak = np.zeros(len(slot), np.bool_)
        below = self._ranges if self._of_range else self._deviates
        sure = np.flatnonzero(~unsure)
        sure = sure[~self._lively(slot[sure], start[sure], row[sure])]
        for first in range(0, len(sure), _AT_ONCE):
            part = sure[first : first + _AT_ONCE]
            weak[part] = below(slot[part], start[part], row[part])
        return weak, unsure

    def _lively(self, slot: Ints, start: Ints, row: Ints) -> Bools:
        """The last few rows alone are too far apart: nearly always, and soon seen."""
        rows = row[:, None] - np.arange(_FEW)
        inside = rows >= start[:, None]
        values = self._value[slot[:, None], rows % self._size]
        limit = self._limit[slot]
        with np.errstate(over="ignore", invalid="ignore"):
            far = np.where(inside, values - values[:, :1], 0.0)
            found: Bools
            if self._of_range:
                found = np.abs(far).max(axis=1) > limit
            else:
                mean = far.sum(axis=1) / inside.sum(axis=1)
                squares = (np.where(inside, far - mean[:, None], 0.0) ** 2).sum(axis=1)
                # Parts have no more squares than the whole; the margin is for rounding.
                margin = (_EPS * values[:, 0]) ** 2
                found = squares / (row + 1 - start) > 1.01 * limit * limit + margin
        return found

    def _append(self, slot: Ints, row: Ints, at: Ints, value: Floats) -> None:
        self._at[slot, row % self._size] = at
        self._value[slot, row % self._size] = value
        np.maximum.at(self._count, slot, row + 1)
        full = np.flatnonzero(row % _BLOCK == _BLOCK - 1)
        slot, block = slot[full], row[full] // _BLOCK % (self._size // _BLOCK)
        rows = self._rows(slot, block)
        with np.errstate(over="ignore", invalid="ignore"):
            if self._of_range:
                self._blocks[:, slot, block] = rows.min(axis=1), rows.max(axis=1)
            else:
                mean = rows.mean(axis=1)
                squares = ((rows - mean[:, None]) ** 2).sum(axis=1)
                self._blocks[:, slot, block] = mean, squares

    def _rows(self, slot: Ints, block: Ints) -> Floats:
        """The values of a block of each of n slots: n x 32."""
        blocks = self._size // _BLOCK
        found: Floats = self._value.reshape(-1, blocks, _BLOCK)[slot, block % blocks]
        return found

    def _first_after(self, slot: Ints, at: Ints, low: Ints, high: Ints) -> Ints:
        """The first row of low..high (its last is) that is later than `at`."""
        low, high = low.copy(), high.copy()
        for _ in range(self._window.bit_length()):
            middle = (low + high) // 2
            after = self._at[slot, middle % self._size] > at
            high = np.where(after, middle, high)
            low = np.where(after, low, np.minimum(middle + 1, high))
        return high

    def _parts(self, slot: Ints, start: Ints, row: Ints) -> tuple[Floats, Bools, Ints, Bools]:
        """The values in the first and the last block (n x 64) with those that count, and the
        blocks between them (n x k) with those that do."""
        first, last = start // _BLOCK, row // _BLOCK
        head, tail = start % _BLOCK, row % _BLOCK
        alone = first == last
        values = np.hstack([self._rows(slot, first), self._rows(slot, last)])
        counts = np.hstack(
            [
                (head[:, None] <= _PLACES) & (np.where(alone, tail, _BLOCK)[:, None] >= _PLACES),
                (tail[:, None] >= _PLACES) & ~alone[:, None],
            ]
        )
        between = first[:, None] + 1 + np.arange(int((last - first).max(initial=1)) - 1)
        return values, counts, between % (self._size // _BLOCK), between < last[:, None]

    def _ranges(self, slot: Ints, start: Ints, row: Ints) -> Bools:
        values, counts, between, inside = self._parts(slot, start, row)
        low, high = self._blocks[:, slot[:, None], between]
        lowest = np.minimum(
            np.where(counts, values, np.inf).min(axis=1),
            np.where(inside, low, np.inf).min(axis=1, initial=np.inf),
        )
        highest = np.maximum(
            np.where(counts, values, -np.inf).max(axis=1),
            np.where(inside, high, -np.inf).max(axis=1, initial=-np.inf),
        )
        with np.errstate(over="ignore"):
            found: Bools = highest - lowest < self._limit[slot]
        return found

    def _deviates(self, slot: Ints, start: Ints, row: Ints) -> Bools:
        values, counts, between, inside = self._parts(slot, start, row)
        mean, squares = self._blocks[:, slot[:, None], between]
        limit = self._limit[slot]
        count = row + 1 - start
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.where(counts, values, 0.0)
            whole = (values.sum(axis=1) + _BLOCK * np.where(inside, mean, 0.0).sum(axis=1)) / count
            far = np.where(counts, values - whole[:, None], 0.0)
            apart = np.where(inside, mean - whole[:, None], 0.0)
            total = (far * far).sum(axis=1) + np.where(inside, squares, 0.0).sum(axis=1)
            variance = (total + _BLOCK * (apart * apart).sum(axis=1)) / count
            # What rounding can do to it, here and in the deviation of the whole window.
            error = _EPS * (variance + np.abs(whole) * (np.sqrt(variance) + limit))
            error += (_EPS * whole) ** 2
            below: Bools = variance < limit * limit
            near = np.flatnonzero(~(np.abs(variance - limit * limit) > error))
        for place in near:
            rows = np.arange(start[place], row[place] + 1) % self._size
            with np.errstate(over="ignore", invalid="ignore"):
                below[place] = np.std(self._value[slot[place], rows]) < limit[place]
        return below
