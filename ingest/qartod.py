"""QARTOD tests on stored series, as ioos_qc defines them: arrays in, a flag a row out.

Rows of several stretches of series stand one after the other, each stretch by `measured_at` with
the rows around it that its tests look at; all are judged at once. A verdict depends on the stored
series alone, so every way to cut it into stretches gives the same one. Values are finite: a missing
value is a row that is not there.

Sources: the QARTOD manuals (https://ioos.noaa.gov/project/qartod/) and ioos_qc 3.0
(https://github.com/ioos/ioos_qc), the oracle of `tests/ingest/test_qartod.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.climatology import Seasons
from ingest.limits import gap_s
from ingest.windows import deviates_less, median, ranges
from records.levels import Check, Flag
from records.rules import Attenuated, FlatLine, Tests
from records.times import SECOND

Flags = NDArray[np.uint8]
# A clock that is ahead of receipt by more than this is wrong; transport can't explain it.
AHEAD = 60 * SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Consecutive stored rows of one series, in microseconds since 1970 and the series' unit.

    first, last  nothing of the series stands before, after them
    interval_s   the sampling interval that flat line counts its observations by; None: it can't
    neighbours   (measured_at, value) of each neighbour, in this series' unit
    doubted      where the device's clock was wrong (`ingest.spells`); None: nowhere
    off_m        how far from the station the device said it was (m), NaN where it said nothing
    """

    at: NDArray[np.int64]
    received_at: NDArray[np.int64]
    value: NDArray[np.float64]
    tests: Tests
    interval_s: float | None = None
    first: bool = True
    last: bool = True
    neighbours: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...] = ()
    off_m: NDArray[np.float64] | None = None
    doubted: NDArray[np.bool_] | None = None


class _Rows:
    """The rows of all stretches, and what of their stretch each row must know."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self.stretches = stretches
        self.sizes = np.array([len(one.at) for one in stretches], np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.at = np.concatenate([one.at for one in stretches])
        self.received_at = np.concatenate([one.received_at for one in stretches])
        self.value = np.concatenate([one.value for one in stretches])
        self.begins = np.zeros(len(self.at), np.bool_)
        self.ends = np.zeros(len(self.at), np.bool_)
        filled = self.sizes > 0
        self.begins[self.starts[filled]] = True
        self.ends[(self.starts + self.sizes - 1)[filled]] = True
        self.start = np.repeat(self.starts, self.sizes)

    def each(self, limit: Callable[[Stretch], float]) -> NDArray[np.float64]:
        """A number of the stretch for every row."""
        return np.repeat(np.array([limit(one) for one in self.stretches]), self.sizes)

    def of(self, places: Sequence[int]) -> NDArray[np.int64]:
        """The rows of these stretches."""
        spans = [np.arange(self.starts[n], self.starts[n] + self.sizes[n]) for n in places]
        return np.concatenate(spans) if spans else np.empty(0, np.int64)


def judge(stretches: Sequence[Stretch]) -> dict[Check, Flags]:
    """Each test's flag of each row, the stretches one after the other; 0: it does not apply."""
    rows = _Rows(stretches)
    with np.errstate(over="ignore"):
        return {
            Check.GROSS_RANGE: _gross_range(rows),
            Check.CLIMATOLOGY: _climatology(rows),
            Check.SPIKE: _spike(rows),
            Check.RATE_OF_CHANGE: _rate_of_change(rows),
            Check.FLAT_LINE: _flat_line(rows),
            Check.ATTENUATED_SIGNAL: _attenuated(rows),
            Check.NEIGHBOUR: _neighbour(rows),
            Check.GAP: _gap(rows),
            Check.LOCATION: _location(rows),
            Check.CLOCK: _clock(rows),
        }


def _graded(
    number: NDArray[np.float64], suspect: NDArray[np.float64], fail: NDArray[np.float64]
) -> Flags:
    flag = np.full(len(number), Flag.GOOD, np.uint8)
    flag[number > suspect] = Flag.SUSPECT
    flag[number > fail] = Flag.FAIL
    flag[np.isnan(suspect)] = 0
    return flag


def _gross_range(rows: _Rows) -> Flags:
    def end(kind: str, side: int) -> Callable[[Stretch], float]:
        def limit(one: Stretch) -> float:
            span = getattr(one.tests.gross_range, kind, None)
            return float(sorted(span)[side]) if span else (-np.inf, np.inf)[side]

        return limit

    flag = np.full(len(rows.at), Flag.GOOD, np.uint8)
    for kind, worse in (("suspect", Flag.SUSPECT), ("fail", Flag.FAIL)):
        low, high = rows.each(end(kind, 0)), rows.each(end(kind, 1))
        flag[(rows.value < low) | (rows.value > high)] = worse
    flag[rows.each(lambda one: one.tests.gross_range is None) > 0] = 0
    return flag


def _climatology(rows: _Rows) -> Flags:
    rules = {n: one.tests.climatology for n, one in enumerate(rows.stretches)
             if one.tests.climatology}  # fmt: skip
    number = np.repeat(np.arange(len(rows.sizes), dtype=np.int32), rows.sizes)
    return Seasons(rules, len(rows.sizes)).judge(number, rows.at, rows.value)


def _or(number: float | None, other: float) -> float:
    return other if number is None else number


def _spike(rows: _Rows) -> Flags:
    def limit(name: str) -> Callable[[Stretch], float]:
        missing = np.nan if name == "suspect" else np.inf
        return lambda one: _or(getattr(one.tests.spike, name, None), missing)

    before, after = np.roll(rows.value, 1), np.roll(rows.value, -1)
    far = np.abs(rows.value - (before + after) / 2)
    opposite = rows.each(lambda one: getattr(one.tests.spike, "method", "") == "differential") > 0
    if opposite.any():
        back, on = rows.value - before, after - rows.value
        steps = np.where(back * on >= 0, 0.0, np.minimum(np.abs(back), np.abs(on)))
        far = np.where(opposite, steps, far)
    flag = _graded(far, rows.each(limit("suspect")), rows.each(limit("fail")))
    flag[(rows.begins | rows.ends) & (flag > 0)] = Flag.NOT_EVALUATED
    return flag


def _rate_of_change(rows: _Rows) -> Flags:
    def limit(name: str) -> Callable[[Stretch], float]:
        missing = np.nan if name == "suspect" else np.inf
        return lambda one: _or(getattr(one.tests.rate_of_change, name, None), missing)

    # ioos_qc counts whole seconds, and less than one as one.
    seconds = np.maximum((rows.at - np.roll(rows.at, 1)) // SECOND, 1)
    rate = np.where(rows.begins, 0.0, np.abs(rows.value - np.roll(rows.value, 1)) / seconds)
    return _graded(rate, rows.each(limit("suspect")), rows.each(limit("fail")))


def observations(seconds: float, interval_s: float) -> int:
    """How many sampling intervals are in so many seconds; intervals count in whole seconds."""
    whole = int(interval_s) if interval_s >= 1 else interval_s
    return int(int(seconds) / whole)


def _flat_line(rows: _Rows) -> Flags:
    flag = np.zeros(len(rows.at), np.uint8)
    runs: dict[tuple[int, float, Flag], list[int]] = {}
    for place, one in enumerate(rows.stretches):
        rule = one.tests.flat_line
        if rule is None or one.interval_s is None:
            continue
        flag[rows.of([place])] = Flag.GOOD
        if len(one.at) < 3 and one.first and one.last:
            continue
        for seconds, worse in ((rule.suspect_s, Flag.SUSPECT), (rule.fail_s, Flag.FAIL)):
            if seconds is not None:
                count = observations(seconds, one.interval_s)
                runs.setdefault((count, rule.tolerance, worse), []).append(place)
    for (count, tolerance, worse), places in sorted(runs.items(), key=lambda run: run[0][2]):
        row = rows.of(places)
        row = row[row - rows.start[row] >= count]
        flat = ranges(rows.value, row - count, row + 1) < tolerance
        flag[row[flat]] = worse
    return flag


def _attenuated(rows: _Rows) -> Flags:
    flag = np.zeros(len(rows.at), np.uint8)
    for place, one in enumerate(rows.stretches):
        if one.tests.attenuated_signal:
            flag[rows.of([place])] = _weak(one, one.tests.attenuated_signal)
    return flag


def _weak(one: Stretch, rule: Attenuated) -> Flags:
    end = np.arange(1, len(one.at) + 1)
    start = np.searchsorted(one.at, one.at - rule.period_s * SECOND, "right")
    flag = np.full(len(one.at), Flag.GOOD, np.uint8)
    for limit, worse in ((rule.suspect, Flag.SUSPECT), (rule.fail, Flag.FAIL)):
        if limit is None:
            continue
        if rule.kind == "range":
            weak = ranges(one.value, start, end) < limit
        else:
            weak = deviates_less(one.value, start, end, np.full(len(end), limit))
        flag[weak] = worse
    flag[end - start < rule.min_obs] = Flag.NOT_EVALUATED
    return flag


def _gap(rows: _Rows) -> Flags:
    limit = rows.each(lambda one: gap_s(one.tests, one.interval_s))
    flag = np.where(rows.at - np.roll(rows.at, 1) > limit * SECOND, Flag.FAIL, Flag.GOOD)
    flag[rows.begins] = Flag.GOOD
    # As ioos_qc: nothing stands before the first row, so it is as the second.
    for place, one in enumerate(rows.stretches):
        if one.first and len(one.at):
            at = rows.starts[place]
            flag[at] = flag[at + 1] if len(one.at) > 1 else Flag.NOT_EVALUATED
    flag[np.isinf(limit)] = 0
    return flag.astype(np.uint8)


def _location(rows: _Rows) -> Flags:
    """Nobody doubts a device that says nothing of where it is: then the test does not apply."""
    flag = np.zeros(len(rows.at), np.uint8)
    for place, one in enumerate(rows.stretches):
        if one.tests.location is not None and one.off_m is not None:
            here = np.where(one.off_m > one.tests.location.suspect_m, Flag.SUSPECT, Flag.GOOD)
            here[np.isnan(one.off_m)] = 0
            flag[rows.of([place])] = here
    return flag


def _clock(rows: _Rows) -> Flags:
    wrong = rows.at > rows.received_at + AHEAD
    for place, one in enumerate(rows.stretches):
        if one.doubted is not None:
            wrong[rows.of([place])] |= one.doubted
    return np.where(wrong, Flag.SUSPECT, Flag.GOOD).astype(np.uint8)


def _neighbour(rows: _Rows) -> Flags:
    flag = np.zeros(len(rows.at), np.uint8)
    for place, one in enumerate(rows.stretches):
        rule = one.tests.neighbour
        if rule is None:
            continue
        within = round(rule.within_s * SECOND)
        near = np.full((len(rule.series), len(one.at)), np.nan)
        for line, (at, value) in enumerate(one.neighbours):
            near[line] = _nearest(one.at, at, value, within)
        known = (~np.isnan(near)).sum(axis=0)
        far = np.abs(one.value - median(near, known))
        full = np.full(len(far), 1.0)
        found = _graded(far, full * rule.suspect, full * _or(rule.fail, np.inf))
        found[known < rule.least] = Flag.NOT_EVALUATED
        flag[rows.of([place])] = found
    return flag


def _nearest(
    at: NDArray[np.int64], other: NDArray[np.int64], value: NDArray[np.float64], within: int
) -> NDArray[np.float64]:
    """The other series' value nearest in time to each moment (the earlier of two), or NaN."""
    if not len(other):
        return np.full(len(at), np.nan)
    after = np.minimum(np.searchsorted(other, at), len(other) - 1)
    before = np.maximum(after - 1, 0)
    place = np.where(np.abs(other[before] - at) <= np.abs(other[after] - at), before, after)
    found: NDArray[np.float64] = np.where(np.abs(other[place] - at) <= within, value[place], np.nan)
    return found


def flat_rows(rule: FlatLine | None, interval_s: float | None) -> int:
    """How many rows back flat line looks."""
    if rule is None or interval_s is None:
        return 0
    return observations(max(rule.suspect_s, rule.fail_s or 0), interval_s)


def roll_up(verdicts: dict[Check, Flags]) -> Flags:
    """The worst of all tests but gap, which says what is missing before a value, not of it.

    4 over 3 over 2 over 1: what no test could judge is not good (ioos_qc's roll-up lets 1 win).
    """
    worst: Flags = np.max(
        [flag for check, flag in verdicts.items() if check is not Check.GAP], axis=0
    )
    return worst
