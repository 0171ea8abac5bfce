"""The live tests for an attenuated signal and against neighbours: what the past alone decides is as
in the final verdict, however the rows are cut into batches and over a restart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import qartod
from ingest.attenuation import MOST_OBSERVATIONS
from ingest.checks import HISTORY, Checks
from ingest.limits import LimitTable
from ingest.neighbours import REMEMBERED
from ingest.qartod import Stretch
from records.levels import Check, Flag
from records.network import Series
from records.readings import ReadingBatch, concatenate
from records.rules import Attenuated, Neighbour, Rules, Tests
from records.times import SECOND

START = 1_700_000_000 * SECOND
# A test that judges nothing, so that the range of the quantity is out of the way.
NOTHING = Tests(off=("gross_range", "gap", "location"))
Columns = tuple[NDArray[np.int64], NDArray[np.float64]]


def one(number: int, unit: str = "deg", interval_s: float | None = 1.0) -> Series:
    return Series(id=f"s{number}", station="s", device="d", quantity="tilt", unit=unit,
                  point=f"p{number}", interval_s=interval_s)  # fmt: skip


def table(tests: dict[int, Tests], series: Sequence[Series]) -> LimitTable:
    content = Rules(
        version="x", every=NOTHING, series={f"s{number}": rule for number, rule in tests.items()}
    )
    return LimitTable.of([(int(each.id[1:]), each) for each in series], content)


def rows(series: int, columns: Columns) -> ReadingBatch:
    at, value = columns
    n = len(at)
    return ReadingBatch(
        np.full(n, series, np.int32), at, at, value.astype(np.float64), np.zeros(n, np.uint8),
        np.zeros(n, np.uint16), np.zeros(n, np.bool_),
    )  # fmt: skip


Found = list[tuple[int, int]]


def in_pieces(
    checks: Checks, every: ReadingBatch, arrival: NDArray[np.int64], cuts: Sequence[int]
) -> Found:
    """Flag and checks of each row; a message is never cut in two."""
    found: Found = []
    edges = [0, *sorted({int(np.searchsorted(arrival, cut)) for cut in cuts}), len(every)]
    for start, end in pairwise(edges):
        piece = slice(start, end)
        verdict = checks.flag(every.take(piece), arrival[piece])
        found += zip(verdict.flag.tolist(), verdict.checks.tolist(), strict=True)
    return found


@st.composite
def signals(draw: st.DrawFn) -> Columns:
    """Seconds apart or longer, lively or still, near zero or far from it."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 1500))
    steps = random.choice([1, 1, 1, 1, 2, 30], n)
    parts = random.choice([0.0, 1e-6, 0.01, 1.0, 5.0], -(-n // 40)).repeat(40)[:n]
    value = random.normal(0, 1, n) * parts
    if draw(st.booleans()):
        value = np.round(value, 2)  # many windows whose spread is the limit, or nearly
    if draw(st.booleans()):
        # As far from the mean as the limit, but for rounding.
        value[n // 3 :] = np.where(np.arange(n - n // 3) % 2, 0.5, -0.5)
    value = value + draw(st.sampled_from((0.0, 0.1, 1000.3, 1e6, -3e8)))
    return START + np.cumsum(steps).astype(np.int64) * SECOND, value


RULES = st.builds(
    Attenuated,
    suspect=st.sampled_from((0.5, 0.01)),
    fail=st.sampled_from((None, 0.001, 0.02)),
    period_s=st.sampled_from((1, 7, 64, 100)),
    min_obs=st.sampled_from((1, 2, 5)),
    kind=st.sampled_from(("std", "range")),
)
CUTS = st.lists(st.integers(0, 1500), max_size=8)


@settings(max_examples=150)
@given(signals(), signals(), RULES, RULES, CUTS)
def test_an_attenuated_signal_is_seen_live_as_it_is_in_the_end(
    first: Columns, second: Columns, rule: Attenuated, other: Attenuated, cuts: list[int]
) -> None:
    limits = table(
        {1: Tests(attenuated_signal=rule), 3: Tests(attenuated_signal=other)}, [one(1), one(3)]
    )
    every = concatenate([rows(1, first), rows(3, second)]).by_arrival()
    found = in_pieces(Checks(limits), every, np.arange(len(every)), cuts)
    for series, columns, limit in ((1, first, rule), (3, second, other)):
        final = qartod.judge([Stretch(columns[0], *columns, Tests(attenuated_signal=limit))])
        expected = np.minimum(final[Check.ATTENUATED_SIGNAL], Flag.SUSPECT).tolist()
        live = [verdict for verdict, s in zip(found, every.series, strict=True) if s == series]
        assert [flag for flag, _ in live] == expected
        weak = [checks == Check.ATTENUATED_SIGNAL for _, checks in live]
        assert weak == [flag == Flag.SUSPECT for flag in expected]


@pytest.mark.parametrize("level", [0.0, 1000.3, -3e8])
def test_a_deviation_at_the_limit_is_decided_to_the_last_digit(level: float) -> None:
    random = np.random.default_rng(3)
    at = START + np.arange(200) * SECOND
    for _ in range(40):
        value = level + random.normal(0, 1, 200)
        there = float(np.std(value[-100:]))
        for limit, weak in ((there, False), (float(np.nextafter(there, np.inf)), True)):
            rule = Attenuated(suspect=limit, period_s=100)
            limits = table({1: Tests(attenuated_signal=rule)}, [one(1)])
            verdict = Checks(limits).flag(rows(1, (at, value)), np.arange(200))
            assert (verdict.flag[-1] == Flag.SUSPECT) == weak


@settings(max_examples=60)
@given(signals(), RULES, CUTS, st.integers(0, 1500))
def test_a_restart_changes_nothing_of_it(
    signal: Columns, rule: Attenuated, cuts: list[int], killed: int
) -> None:
    limits = table({1: Tests(attenuated_signal=rule)}, [one(1)])
    every = rows(1, signal)
    unbroken = in_pieces(Checks(limits), every, np.arange(len(every)), cuts)
    again = Checks(limits)
    ((count, _),) = again.history([1]).items()
    before = every.take(slice(max(killed - count, 0), killed))
    again.remember(before.take(np.random.default_rng(1).permutation(len(before))))
    after = every.take(slice(killed, None))
    assert in_pieces(again, after, np.arange(len(after)), cuts) == unbroken[killed:]


def test_a_window_of_too_many_rows_is_not_judged_live() -> None:
    n = 3 * MOST_OBSERVATIONS
    at = START + np.arange(n) * SECOND // 100
    rule = Attenuated(suspect=1, period_s=3600)
    limits = table({1: Tests(attenuated_signal=rule)}, [one(1)])
    found = in_pieces(Checks(limits), rows(1, (at, np.zeros(n))), np.arange(n), [100, 5000])
    flags = [flag for flag, _ in found]
    assert flags == [Flag.NOT_EVALUATED] + [Flag.SUSPECT] * MOST_OBSERVATIONS + [
        Flag.NOT_EVALUATED
    ] * (n - MOST_OBSERVATIONS - 1)


def test_under_new_rules_a_window_must_be_full_first() -> None:
    at, value = START + np.arange(20) * SECOND, np.zeros(20)
    every = rows(1, (at, value))
    checks = Checks(table({}, [one(1)]))
    checks.flag(every.take(slice(0, 5)), np.arange(5))
    checks.use(table({1: Tests(attenuated_signal=Attenuated(suspect=1, period_s=4))}, [one(1)]))
    found = checks.flag(every.take(slice(5, None)), np.arange(15))
    assert found.flag.tolist() == [Flag.NOT_EVALUATED] * 4 + [Flag.SUSPECT] * 11


# Series, seconds after the start, value; of one message each.
Message = list[tuple[int, int, float]]
MESSAGES = st.lists(
    st.lists(
        st.tuples(st.sampled_from((1, 2, 3)), st.integers(0, 40), st.integers(-9, 9).map(float)),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[:2],
    ),
    max_size=25,
)
NEAR = Neighbour(series=("s2", "s3", "nowhere"), suspect=4, within_s=6)
CELSIUS = {1: Tests(neighbour=NEAR), 2: Tests(neighbour=Neighbour(("s1",), 3, 2, least=1))}


def one_by_one(messages: Sequence[Message], remembered: int = REMEMBERED) -> Found:
    """The same rules said in words: of what had arrived, the nearest in time of each neighbour."""
    seen: dict[int, list[tuple[int, float]]] = {1: [], 2: [], 3: []}
    found: Found = []
    for message in messages:
        followers = set()
        for row in sorted(message, key=lambda row: row[:2]):
            series, at, value = row
            if not seen[series] or at > seen[series][-1][0]:
                seen[series].append((at, value))
                followers.add(row)
        for row in message:
            found.append(_judged(row, seen, remembered) if row in followers else (2, 0))
    return found


def _judged(
    row: tuple[int, int, float], seen: dict[int, list[tuple[int, float]]], remembered: int
) -> tuple[int, int]:
    series, at, value = row
    if series == 3:
        return Flag.GOOD, 0
    others, suspect, within = ((2, 3), 4, 6) if series == 1 else ((1,), 3, 2)
    near = []
    for other in others:
        place = sorted((abs(then - at), then, v) for then, v in seen[other][-remembered:])
        if place and place[0][0] <= within:
            near.append(place[0][2])
    if not near:
        return Flag.NOT_EVALUATED, 0
    far = abs(value - float(np.median(near))) > suspect
    return (Flag.SUSPECT, int(Check.NEIGHBOUR)) if far else (Flag.GOOD, 0)


def as_batch(messages: Sequence[Message]) -> tuple[ReadingBatch, NDArray[np.int64]]:
    flat = [row for message in messages for row in message]
    # Received later than all are measured: no clock is ahead.
    parts = [
        rows(series, (np.array([START + at * SECOND]), np.array([value])))
        for series, at, value in flat
    ]
    every = concatenate(parts)
    return every, np.repeat(np.arange(len(messages)), [len(message) for message in messages])


SERIES = (one(1), one(2), one(3))


@settings(max_examples=200)
@given(MESSAGES, CUTS.map(lambda cuts: [cut % 25 for cut in cuts]), st.integers(0, 25))
def test_neighbours_are_compared_by_what_had_arrived(
    messages: list[Message], cuts: list[int], killed: int
) -> None:
    every, arrival = as_batch(messages)
    expected = one_by_one(messages)
    limits = table(CELSIUS, SERIES)
    assert in_pieces(Checks(limits), every, arrival, cuts) == expected
    again = Checks(limits)
    place = int(np.searchsorted(arrival, killed))
    before = every.take(slice(0, place))
    # Of one message: in the store there is no other order than that of time.
    again.flag(before, arrival[:place])
    resumed = Checks(limits)
    resumed.remember(_followers(before, arrival[:place]))
    after = every.take(slice(place, None))
    assert in_pieces(resumed, after, arrival[place:], cuts) == expected[place:]


def _followers(before: ReadingBatch, arrival: NDArray[np.int64]) -> ReadingBatch:
    """The rows as stored, received in the order of their messages."""
    received_at = START + 1000 * SECOND + arrival
    return ReadingBatch(
        before.series, before.measured_at, received_at, before.value, before.flag, before.checks,
        before.late,
    )  # fmt: skip


def test_of_a_neighbour_so_many_rows_are_remembered() -> None:
    """Also of one message with more of them."""
    many: list[Message] = [[(2, at, float(at)) for at in range(300)], [(1, 250, 0.0)]]
    for kept in ([(1, 250, 0.0)], [(1, 100, 0.0)]):
        messages = [many[0], kept]
        every, arrival = as_batch(messages)
        expected = one_by_one(messages)[-1]
        for cuts in ([], [1]):
            assert in_pieces(Checks(table(CELSIUS, SERIES)), every, arrival, cuts)[-1] == expected


def test_where_neighbours_come_first_the_live_verdict_is_the_final_one() -> None:
    random = np.random.default_rng(7)
    n = 400
    at = START + np.arange(n) * SECOND
    value = {number: random.normal(0, 3, n) for number in (1, 2, 3)}
    messages = [[(number, k, float(value[number][k])) for number in (3, 2, 1)] for k in range(n)]
    every, arrival = as_batch(messages)
    found = in_pieces(Checks(table(CELSIUS, SERIES)), every, arrival, [30, 31, 200])
    live = [flag for (flag, _), series in zip(found, every.series, strict=True) if series == 1]
    beside = ((at, value[2]), (at, value[3]))
    stretch = Stretch(at, at, value[1], Tests(neighbour=NEAR), neighbours=beside)
    assert live == qartod.judge([stretch])[Check.NEIGHBOUR].tolist()
    assert set(live) == {Flag.GOOD, Flag.SUSPECT}


def test_a_neighbour_in_another_unit_is_converted() -> None:
    series = (one(1), one(2, unit="rad"))
    limits = table({1: Tests(neighbour=Neighbour(series=("s2",), suspect=1, within_s=5))}, series)
    every, arrival = as_batch([[(2, 0, np.pi)], [(1, 1, 180.5)], [(1, 2, 185.0)]])
    assert in_pieces(Checks(limits), every, arrival, []) == [
        (1, 0), (1, 0), (3, Check.NEIGHBOUR),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [HISTORY])
def test_without_a_rule_no_more_rows_are_asked_for(count: int) -> None:
    assert Checks(table({}, SERIES)).history([1, 2, 3]) == {count: [1, 2, 3]}
