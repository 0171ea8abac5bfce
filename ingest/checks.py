"""Live QARTOD flags of streaming series: all series of a batch at once, in numpy.

Tests of the QARTOD manuals (gross range, climatology, spike, rate of change, flat line, attenuated
signal, neighbour, gap) in a causal form: a row is judged by the rows that came before it and never
again. A row *follows* when it is in time (not late), its clock is believable and it is newer than
all followers of its series before it; other rows are checked for range and season alone. After a
value out of range the comparison with single rows begins anew. Only that range makes a value fail
here, and a gap before a value doesn't doubt it. The verdicts on the finished series are
`ingest.qartod`'s.

How arrivals are cut into batches makes no difference, and the last `Checks.history` stored rows of
a series say all that is remembered of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.attenuation import Attenuation
from ingest.climatology import Seasons
from ingest.limits import MOST_REPEATS, LimitTable
from ingest.neighbours import Neighbours
from ingest.qartod import AHEAD
from records.levels import Check, Flag
from records.readings import ReadingBatch
from records.times import SECOND

# Twice what a check counts, since some stored rows may be late or have a wrong clock.
HISTORY = 2 * MOST_REPEATS
_BEFORE = 3  # values that a spike is measured against
_DOUBTING = np.uint16(sum(Check) - Check.GAP)
_NEVER = np.iinfo(np.int64).min

Number = TypeVar("Number", np.int64, np.float64)
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Verdict(NamedTuple):
    """flag: QARTOD number (uint8); checks: bits of `Check` that raised it (uint16)."""

    flag: NDArray[np.uint8]
    checks: NDArray[np.uint16]


@dataclass(slots=True, eq=False)
class _Runs:
    """Followers sorted by series and arrival, cut where a series ends or a value was out of range.

    Each series' remembered values stand before its new rows (`old`).
    """

    series: NDArray[np.int32]
    value: Floats
    measured_at: Ints
    row: Ints  # place in the batch, -1 for a remembered value
    place: Ints  # number of followers before it that it may be compared with
    cut: Bools  # out of range: nothing after it is compared with what was before


class Checks:
    """The tests and what they remember, in arrays by series number."""

    def __init__(self, limits: LimitTable) -> None:
        self._limits = limits
        size = len(limits.low)
        self._newest = np.full(size, _NEVER, np.int64)
        self._seen = np.zeros(size, np.int64)  # followers since the last cut, at most HISTORY
        self._run = np.zeros(size, np.int64)  # equal values at the end, at most HISTORY
        self._last = np.full((size, _BEFORE), np.nan)  # oldest first, the newest at the end
        self._attenuation, self._neighbours = Attenuation(), Neighbours()
        self.use(limits)

    def use(self, limits: LimitTable) -> None:
        """Go on with other limits, perhaps of more series."""
        self._limits = limits
        more = len(limits.low) - len(self._newest)
        if more > 0:
            self._newest = np.append(self._newest, np.full(more, _NEVER, np.int64))
            self._seen = np.append(self._seen, np.zeros(more, np.int64))
            self._run = np.append(self._run, np.zeros(more, np.int64))
            self._last = np.vstack([self._last, np.full((more, _BEFORE), np.nan)])
        size = len(self._newest)
        self._seasons = Seasons(limits.climatology, size)
        self._inner = np.full(size, -np.inf), np.full(size, np.inf)
        for series, span in limits.suspect.items():
            self._inner[0][series], self._inner[1][series] = sorted(span)
        self._attenuation.use(limits.attenuated, self._newest != _NEVER)
        self._neighbours.use(limits.neighbour, size)

    def history(self, series: Iterable[int]) -> dict[int, list[int]]:
        """Of which series how many stored rows say all that is remembered, by that number."""
        more = self._attenuation.history()
        found: dict[int, list[int]] = {}
        for number in series:
            found.setdefault(max(HISTORY, more.get(number, 0)), []).append(number)
        return found

    def remember(self, stored: ReadingBatch) -> None:
        """Take up where a former process was, from the newest rows of every series."""
        counts = np.bincount(stored.series, minlength=len(self._newest))
        whole = self._attenuation.history()
        # So many as were asked for: there may be more.
        cut = {n for n, most in whole.items() if counts[n] in (HISTORY, most) or counts[n] > most}
        self._attenuation.begin(cut)
        self.flag(stored.by_arrival(), np.arange(len(stored), dtype=np.int64))

    def flag(self, rows: ReadingBatch, arrival: Ints) -> Verdict:
        """Judge rows and remember them.

        `arrival` (n) is the place of each row's message in the order of arrival; rows of one
        message are taken by `measured_at`. The rows' own `flag` and `checks` are not read.
        """
        number, value = rows.series, rows.value
        checks = np.zeros(len(rows), np.uint16)
        out = (value < self._limits.low[number]) | (value > self._limits.high[number])
        ahead = rows.measured_at > rows.received_at + AHEAD
        checks[out] |= np.uint16(Check.GROSS_RANGE)
        checks[ahead] |= np.uint16(Check.CLOCK)
        unknown = self._spans(rows, checks)
        evaluated = np.zeros(len(rows), np.bool_)
        able = np.flatnonzero(~(rows.late | ahead))
        if len(able):
            order = able[np.lexsort((rows.measured_at[able], arrival[able], number[able]))]
            order = order[self._follows(number[order], rows.measured_at[order])]
            if len(order):
                runs = self._runs(rows, order, out)
                evaluated[order] = True
                self._compare(runs, checks, evaluated)
                self._look_around(rows, order, arrival, checks, evaluated)
        flag = np.where(evaluated & ~unknown, Flag.GOOD, Flag.NOT_EVALUATED).astype(np.uint8)
        flag[checks & _DOUBTING != 0] = Flag.SUSPECT
        flag[out] = Flag.FAIL
        return Verdict(flag, checks)

    def _look_around(
        self,
        rows: ReadingBatch,
        order: NDArray[np.intp],
        arrival: Ints,
        checks: NDArray[np.uint16],
        evaluated: Bools,
    ) -> None:
        """The tests that go by more rows than a few: also of values out of range, as the final."""
        series, at, value = rows.series[order], rows.measured_at[order], rows.value[order]
        found = []
        if self._attenuation:
            judged = self._attenuation.judge(series, at, value)
            found.append((Check.ATTENUATED_SIGNAL, *judged))
        if self._neighbours:
            judged = self._neighbours.judge(series, at, value, arrival[order])
            found.append((Check.NEIGHBOUR, *judged))
        for check, hit, unsure in found:
            checks[order[hit]] |= np.uint16(check)
            evaluated[order[unsure]] = False

    def _spans(self, rows: ReadingBatch, checks: NDArray[np.uint16]) -> Bools:
        """What looks at no other row, beside the range: which rows no season is for."""
        number, value = rows.series, rows.value
        if self._limits.suspect:
            doubted = (value < self._inner[0][number]) | (value > self._inner[1][number])
            checks[doubted] |= np.uint16(Check.GROSS_RANGE)
        if not self._limits.climatology:
            return np.zeros(len(rows), np.bool_)
        found = self._seasons.judge(number, rows.measured_at, value)
        checks[found >= Flag.SUSPECT] |= np.uint16(Check.CLIMATOLOGY)
        unknown: Bools = found == Flag.NOT_EVALUATED
        return unknown

    def _follows(self, series: NDArray[np.int32], measured_at: Ints) -> Bools:
        """Which of these sorted rows are newer than all before them of their series."""
        first = np.append(True, series[1:] != series[:-1])
        # A running maximum within each series: ranks of times, lifted by the series' place.
        heads = series[first]
        times = np.concatenate([self._newest[heads], measured_at])
        rank = np.unique(times, return_inverse=True)[1].astype(np.int64)
        group = np.cumsum(first) - 1
        lift = group * (len(times) + 1)
        own = rank[len(heads) :]
        before = np.empty(len(own), np.int64)
        before[1:] = np.maximum.accumulate(own + lift)[:-1]
        before[first] = _NEVER
        result: Bools = (own + lift > before) & (own > rank[: len(heads)][group])
        return result

    def _runs(self, rows: ReadingBatch, order: NDArray[np.intp], out: Bools) -> _Runs:
        """New followers with the remembered values before them."""
        series = rows.series[order]
        heads = series[np.append(True, series[1:] != series[:-1])]
        known = np.minimum(self._seen[heads], _BEFORE)
        old = np.repeat(heads, known)
        back = np.arange(len(old)) - np.repeat(np.cumsum(known) - known, known)
        back += _BEFORE - np.repeat(known, known)
        both = np.concatenate([old, series])
        # Stable: the remembered values come first, then the new ones in their order.
        sort = np.argsort(both, kind="stable")
        value = np.concatenate([self._last[old, back], rows.value[order]])[sort]
        measured_at = np.concatenate([self._newest[old], rows.measured_at[order]])[sort]
        row = np.concatenate([np.full(len(old), -1), order])[sort]
        cut = (row >= 0) & out[row]
        return _Runs(both[sort], value, measured_at, row, self._places(both[sort], cut), cut)

    def _places(self, series: NDArray[np.int32], cut: Bools) -> Ints:
        here = np.arange(len(series))
        begins = np.append(True, (series[1:] != series[:-1]) | cut[:-1])
        begins |= cut
        place: Ints = here - np.maximum.accumulate(np.where(begins, here, 0))
        return place

    def _compare(self, runs: _Runs, checks: NDArray[np.uint16], evaluated: Bools) -> None:
        series, value, place = runs.series, runs.value, runs.place
        limits = self._limits
        one, two, three = (_shifted(value, steps) for steps in (1, 2, 3))
        seconds = (runs.measured_at - _shifted(runs.measured_at, 1)) / SECOND
        middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
        # A step too large for a double is infinite, and so above every limit.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            fast = np.abs(value - one) / seconds > limits.rate[series]
            far = np.abs(value - middle) > limits.spike[series]
        run, seen = self._lengths(runs, one)
        flat = (limits.repeats[series] > 0) & (run >= limits.repeats[series])

        new = runs.row >= 0
        rows = runs.row
        for check, hit in (
            (Check.RATE_OF_CHANGE, fast & (place >= 1)),
            (Check.SPIKE, far & (place >= _BEFORE)),
            (Check.FLAT_LINE, flat),
            (Check.GAP, (seconds > limits.gap_s[series]) & (place >= 1)),
        ):
            checks[rows[new & hit & ~runs.cut]] |= np.uint16(check)
        # Not evaluated: too few values before it for some test that applies to its series.
        unsure = (np.isfinite(limits.rate[series]) & (place < 1)) | (
            np.isfinite(limits.spike[series]) & (place < _BEFORE)
        )
        unsure |= (run == seen) & (run < limits.repeats[series])
        evaluated[rows[new & unsure]] = False
        self._keep(runs, run, seen)

    def _lengths(self, runs: _Runs, one: Floats) -> tuple[Ints, Ints]:
        """Equal values up to each row, and followers up to each row since the last cut."""
        here = np.arange(len(runs.series))
        begins = (runs.place == 0) | (runs.value != one)
        start = np.maximum.accumulate(np.where(begins, here, 0))
        run: Ints = here - start + 1
        seen: Ints = runs.place + 1
        # What is remembered of a series is longer than the few values that stand for it.
        heads = np.append(True, runs.series[1:] != runs.series[:-1])
        head = np.maximum.accumulate(np.where(heads, here, 0))
        known = np.minimum(self._seen[runs.series], _BEFORE)
        last_old = head + known - 1
        unbroken = (known > 0) & (here - runs.place <= head)
        seen = np.where(unbroken, here - last_old + self._seen[runs.series], seen)
        from_old = unbroken & (start <= last_old)
        run = np.where(from_old, here - last_old + self._run[runs.series], run)
        return np.minimum(run, HISTORY), np.minimum(seen, HISTORY)

    def _keep(self, runs: _Runs, run: Ints, seen: Ints) -> None:
        series = runs.series
        last = np.flatnonzero(np.append(series[1:] != series[:-1], True))
        heads = series[last]
        self._newest[heads] = runs.measured_at[last]
        cut = runs.cut[last]
        self._run[heads] = np.where(cut, 0, run[last])
        self._seen[heads] = np.where(cut, 0, seen[last])
        for steps in range(_BEFORE):
            there = runs.place[last] >= steps
            values = runs.value[np.maximum(last - steps, 0)]
            self._last[heads, _BEFORE - 1 - steps] = np.where(there, values, np.nan)


def _shifted(column: NDArray[Number], steps: int) -> NDArray[Number]:
    """The value `steps` rows before; some value of the column where there is none."""
    return np.roll(column, steps)
