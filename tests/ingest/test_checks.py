"""The vectorised checks against the same rules said one row at a time, however rows arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import qartod
from ingest.checks import HISTORY, Checks
from ingest.limits import LimitTable
from records.levels import Check, Flag
from records.network import Series
from records.readings import ReadingBatch, concatenate
from records.rules import GrossRange, Rules, Season, Tests
from records.times import SECOND

RANGE, SPIKE, RATE, FLAT, CLOCK = (
    Check.GROSS_RANGE,
    Check.SPIKE,
    Check.RATE_OF_CHANGE,
    Check.FLAT_LINE,
    Check.CLOCK,
)
Row = tuple[int, float, float, float, bool]
START = 1_700_000_000 * SECOND


def table(series: int = 4, spike: float = 5, rate: float = 2, repeats: int = 4) -> LimitTable:
    full = np.full(series, 1.0)
    return LimitTable(
        full * -10,
        full * 100,
        full * spike,
        full * rate,
        np.full(series, repeats, np.int64),
        full * np.inf,
    )


def batch(rows: Sequence[Row]) -> ReadingBatch:
    """Rows of (series, measured s, received s, value, late), seconds after the start."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    n = len(rows)
    return ReadingBatch(
        np.array(columns[0], np.int32),
        START + (np.array(columns[1], float) * SECOND).astype(np.int64),
        START + (np.array(columns[2], float) * SECOND).astype(np.int64),
        np.array(columns[3], np.float64),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.array(columns[4], np.bool_),
    )


def values(*numbers: float) -> ReadingBatch:
    """One series' values, one a second, each received when it was measured."""
    return batch([(1, at, at, value, False) for at, value in enumerate(numbers)])


def judge(rows: ReadingBatch, limits: LimitTable | None = None) -> list[tuple[int, int]]:
    verdict = Checks(limits or table()).flag(rows, np.arange(len(rows)))
    return list(zip(verdict.flag.tolist(), verdict.checks.tolist(), strict=True))


def test_a_value_is_not_evaluated_before_enough_values_are_known() -> None:
    assert judge(values(1, 2, 3, 4, 5)) == [(2, 0), (2, 0), (2, 0), (1, 0), (1, 0)]


def test_a_value_out_of_range_fails_and_comparison_begins_anew() -> None:
    found = judge(values(1, 2, 3, 4, 101, 4, 3, 2, 1, -11))
    assert found == [
        *[(2, 0)] * 3, (1, 0), (4, RANGE), *[(2, 0)] * 3, (1, 0), (4, RANGE),
    ]  # fmt: skip


def test_the_ends_of_the_range_are_inside() -> None:
    limits = table(spike=np.inf, rate=np.inf, repeats=0)
    assert judge(values(-10, 100), limits) == [(1, 0), (1, 0)]


def test_a_spike_is_far_from_the_median_of_three_and_its_neighbours_are_good() -> None:
    limits = table(rate=np.inf)
    found = judge(values(1, 2, 1, 2, 9, 2, 1), limits)
    assert found == [(2, 0)] * 3 + [(1, 0), (3, SPIKE), (1, 0), (1, 0)]


def test_a_step_is_doubted_only_until_two_values_confirm_it() -> None:
    limits = table(rate=np.inf)
    found = judge(values(1, 2, 1, 20, 21, 20, 21), limits)
    assert found[3:] == [(3, SPIKE), (3, SPIKE), (1, 0), (1, 0)]


def test_a_fast_change_is_suspect_and_a_gap_makes_it_slow() -> None:
    limits = table(spike=np.inf)
    rows = batch([(1, 0, 0, 1, False), (1, 1, 1, 4, False), (1, 9, 9, 8, False)])
    assert judge(rows, limits) == [(2, 0), (3, RATE), (1, 0)]


def test_equal_values_are_suspect_from_the_count_on() -> None:
    found = judge(values(1, 3, 3, 3, 3, 3, 4), table(spike=np.inf, rate=np.inf))
    assert found == [(2, 0), *[(1, 0)] * 3, (3, FLAT), (3, FLAT), (1, 0)]


def test_late_and_older_rows_and_those_of_the_future_disturb_no_other() -> None:
    rows = batch(
        [
            (1, 0, 0, 1, False),
            (1, 1, 1, 2, False),
            (1, 2, 2, 3, False),
            (1, -900, 3, 50, True),
            (1, 0.5, 3, 50, False),
            (1, 500, 3, 50, False),
            (1, -901, 3, 500, True),
            (1, 4, 4, 4, False),
        ]
    )
    assert judge(rows)[3:] == [(2, 0), (2, 0), (3, CLOCK), (4, RANGE), (1, 0)]


def test_series_do_not_touch_each_other() -> None:
    one = [(1, at, at, float(at), False) for at in range(6)]
    other = [(3, at, at, 90.0 - at, False) for at in range(6)]
    mixed = [row for pair in zip(one, other, strict=True) for row in pair]
    assert judge(batch(mixed)) == [flag for flag in judge(batch(one)) for _ in range(2)]


@dataclass
class Plain:
    """The same rules for one series, a row at a time."""

    newest: float = -np.inf
    seen: list[tuple[float, float]] = field(default_factory=list)

    def judge(self, measured: float, received: float, value: float, late: bool) -> tuple[int, int]:
        limits = table()
        out = not limits.low[0] <= value <= limits.high[0]
        checks = (RANGE if out else 0) | (CLOCK if measured > received + 60 else 0)
        evaluated = False
        if not late and measured <= received + 60 and measured > self.newest:
            self.newest = measured
            if out:
                self.seen = []
            else:
                self.seen.append((measured, value))
                checks |= self.compare(limits)
                evaluated = len(self.seen) > 3
        if out:
            return Flag.FAIL, checks
        return (Flag.SUSPECT if checks else 1 if evaluated else 2), checks

    def compare(self, limits: LimitTable) -> int:
        (at, value), before, found = self.seen[-1], self.seen[:-1], 0
        if before:
            last_at, last = before[-1]
            # The same microseconds and the same division as in the program.
            seconds = (round(at * SECOND) - round(last_at * SECOND)) / SECOND
            found |= RATE if abs(value - last) / seconds > limits.rate[0] else 0
        if len(before) >= 3:
            middle = median(v for _, v in before[-3:])
            found |= SPIKE if abs(value - middle) > limits.spike[0] else 0
        repeats = int(limits.repeats[0])
        last_values = [v for _, v in self.seen[-repeats:]]
        if len(last_values) == repeats and len(set(last_values)) == 1:
            found |= FLAT
        return found


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([-0.5, 0, 0, 0, 0, 0.25, 3, 61]),  # measured, against received
        st.sampled_from([1.0, 1.0, 2.0, 3.0, 4.0, 9.0, 120.0]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=60,
).map(
    lambda rows: [
        (series, at + early, float(at), value, late)
        for at, (series, early, value, late) in enumerate(rows)
    ]
)
CUTS = st.lists(st.integers(0, 60), max_size=6)


def in_pieces(checks: Checks, rows: ReadingBatch, cuts: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        piece = rows.take(slice(start, end))
        verdict = checks.flag(piece, np.arange(len(piece)))
        found += zip(verdict.flag.tolist(), verdict.checks.tolist(), strict=True)
    return found


@given(ROWS, CUTS)
@settings(max_examples=300, deadline=None)
def test_any_cut_into_batches_gives_the_flags_of_one_row_at_a_time(
    rows: Sequence[Row], cuts: list[int]
) -> None:
    plain = [Plain() for _ in range(4)]
    expected = [plain[row[0]].judge(*row[1:]) for row in rows]
    assert in_pieces(Checks(table()), batch(rows), cuts) == expected


@given(ROWS, CUTS, st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_a_restart_from_the_stored_rows_changes_no_flag(
    rows: Sequence[Row], cuts: list[int], killed: int
) -> None:
    every = batch(rows)
    unbroken = in_pieces(Checks(table()), every, cuts)
    before, after = every.take(slice(0, killed)), every.take(slice(killed, None))
    again = Checks(table())
    again.remember(before.take(np.random.default_rng(1).permutation(len(before))))
    assert in_pieces(again, after, cuts) == unbroken[killed:]


def test_a_long_flat_line_is_remembered_over_a_restart() -> None:
    flat = values(*[5.0] * (3 * HISTORY))
    checks = Checks(table(repeats=HISTORY // 2))
    checks.remember(flat.take(slice(HISTORY, 2 * HISTORY)))
    verdict = checks.flag(flat.take(slice(2 * HISTORY, None)), np.arange(HISTORY))
    assert set(verdict.checks.tolist()) == {int(FLAT)}


def test_more_series_may_come_later() -> None:
    checks = Checks(table(series=2))
    checks.flag(values(1, 2, 3), np.arange(3))
    checks.use(table(series=9))
    late = concatenate([values(1, 2, 3, 4).take(slice(3, 4)), batch([(8, 3, 3, 1, False)])])
    assert checks.flag(late, np.arange(2)).flag.tolist() == [1, 2]


def test_steps_too_large_for_a_double_are_fast_and_far() -> None:
    endless = np.full(4, np.inf)
    limits = replace(table(), low=-endless, high=endless)
    rows = [(1, 0.0, 0.0, 1e308, False), (1, 1e-3, 1e-3, -1e308, False), (1, 1.0, 1.0, 0.0, False)]
    flags = judge(batch(rows), limits)
    assert [flag for flag, _ in flags] == [Flag.NOT_EVALUATED, Flag.SUSPECT, Flag.SUSPECT]


def test_limits_come_in_the_unit_of_the_series() -> None:
    metres = Series(id="a", station="s", device="d", quantity="stage", unit="m")
    feet = Series(id="b", station="s", device="d", quantity="stage", unit="[ft_i]")
    limits = LimitTable.of([(1, metres), (2, feet)])
    assert limits.high[2] == pytest.approx(limits.high[1] / 0.3048)
    assert limits.rate[2] == pytest.approx(limits.rate[1] / 0.3048)


def test_a_gap_is_said_of_the_reading_after_it_and_doubts_no_value() -> None:
    limits = table(spike=np.inf, rate=np.inf, repeats=0)
    limits.gap_s[1] = 3
    rows = batch([(1, at, at, 1, False) for at in (0, 1, 4, 8, 9)])
    assert judge(rows, limits) == [(1, 0), (1, 0), (1, 0), (1, Check.GAP), (1, 0)]


def test_a_value_against_its_season_is_suspect_and_never_fails() -> None:
    limits = table(spike=np.inf, rate=np.inf, repeats=0)
    # The start is a November night, 22:13.
    limits.climatology[1] = (Season(month=(11, 11), hour=(22, 22), suspect=(0, 5), fail=(0, 6)),)
    rows = batch([(1, 0, 0, 9, False), (1, 1, 1, 5, False), (1, 3600, 3600, 9, False)])
    # For the next hour there is no season: nobody can say.
    assert judge(rows, limits) == [(3, Check.CLIMATOLOGY), (1, 0), (2, 0)]


def test_a_value_in_the_outer_part_of_the_range_is_suspect_live_as_in_the_end() -> None:
    span = GrossRange(fail=(100, -10), suspect=(50, 0))
    series = Series(id="a", station="s", device="d", quantity="stage", unit="m")
    rules = Rules(version="x", series={"a": Tests(gross_range=span, off=("spike", "gap"))})
    limits = LimitTable.of([(1, series)], rules)
    rows = values(-10.5, -10, -0.5, 0, 50, 51, 100, 101)
    final = qartod.judge(
        [qartod.Stretch(rows.measured_at, rows.received_at, rows.value, rules.of(series))]
    )[Check.GROSS_RANGE].tolist()
    live = judge(rows, replace(limits, rate=limits.rate * 1e9))
    assert [flag for flag, _ in live if flag > 2] == [flag for flag in final if flag > 2]
    assert [bool(checks & RANGE) for _, checks in live] == [flag > 2 for flag in final]
