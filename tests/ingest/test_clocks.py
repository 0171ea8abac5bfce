"""Slow, fast, jumping and drifting clocks, and old readings that are none of these."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clocks import Clocks
from records.times import SECOND
from store.clocks import BOOTS_A_DEVICE, NO_BOOT, ClockState

NOW = 1_763_900_000 * SECOND
LATE_AFTER_S = 60.0
SLOW_S = 1800.0

# (true measured, received, the clock's own measured), all in s after NOW
Sent = tuple[float, float, float]


def ages(messages: Iterable[Sent], clocks: Clocks | None = None, boot: int = 1) -> list[float]:
    """The corrected age (s) of each message of one device, taken one by one."""
    clocks = Clocks() if clocks is None else clocks
    return [take(clocks, boot, received, shown) for _, received, shown in messages]


def take(clocks: Clocks, boot: int, received: float, shown: float, feeds: bool = True) -> float:
    received_at, newest = NOW + round(received * SECOND), NOW + round(shown * SECOND)
    offset = clocks.take(
        [(1, boot)], np.array([feeds]), np.array([newest]), np.array([received_at])
    )
    return float(received_at - newest - offset[0]) / SECOND


def steady(
    slow_s: float, count: int, every_s: float = 1.0, begin_s: float = 0.0, delay_s: float = 0.1
) -> list[Sent]:
    moments = [begin_s + n * every_s for n in range(count)]
    return [(true, true + delay_s, true - slow_s) for true in moments]


def live(found: list[float], late_after_s: float = LATE_AFTER_S) -> list[bool]:
    return [age <= late_after_s for age in found]


def test_a_right_clock_is_live_from_its_first_message_on() -> None:
    assert all(live(ages(steady(0.0, 100))))


def test_a_clock_that_is_slow_by_half_an_hour_is_live_within_seconds() -> None:
    found = live(ages(steady(SLOW_S, 100)))
    assert found == [False] * 19 + [True] * 81


@pytest.mark.parametrize("every_s", [900.0, 3600.0])
def test_of_a_device_that_reports_seldom_the_third_message_is_live(every_s: float) -> None:
    assert live(ages(steady(SLOW_S, 5, every_s))) == [False, False, True, True, True]


@pytest.mark.parametrize("fast_s", [1800.0, 86_400.0])
def test_a_clock_that_is_fast_is_live_from_its_first_message_on(fast_s: float) -> None:
    assert all(live(ages(steady(-fast_s, 1000))))


def test_what_a_fast_device_sends_late_is_late_although_its_time_looks_new() -> None:
    clocks = Clocks()
    ages(steady(-SLOW_S, 100), clocks)
    # Measured 25 minutes before 200 s, on a clock that showed half an hour more.
    assert take(clocks, 1, 200.0, -1300.0 + SLOW_S) == pytest.approx(1500, abs=1)


@pytest.mark.parametrize("pace", [1.5, 10.0, 1000.0])
@pytest.mark.parametrize("age_s", [3600.0, 7 * 86_400.0])
def test_a_week_of_old_readings_on_the_live_channel_is_never_live(
    pace: float, age_s: float
) -> None:
    """Drained at `pace` times the speed it was measured with, by a device never heard before."""
    span_s = age_s * pace / (pace - 1)
    true = np.arange(0.0, span_s, max(1.0, span_s / 4_000)) - age_s
    old = [(t, (t + age_s) / pace, t) for t in true.tolist()]
    found = ages(old)
    really = [received - t for t, received, _ in old]
    wrong = [r for r, age in zip(really, found, strict=True) if age <= LATE_AFTER_S < r]
    assert wrong == []


def test_a_clock_that_was_right_stays_right_while_its_device_catches_up() -> None:
    clocks = Clocks()
    ages(steady(0.0, 100), clocks)
    old = [(100.0 + n, 7300.0 + n / 20, 100.0 + n) for n in range(7200)]
    really = [received - true for true, received, _ in old]
    assert ages(old, clocks) == pytest.approx(really, abs=1.0)


@pytest.mark.parametrize("pace", [1.03, 1.05])
def test_a_drain_that_is_hardly_faster_than_time_is_no_slow_clock(pace: float) -> None:
    old = [(t, 3600 + t / pace, t) for t in np.arange(0.0, 8_000.0).tolist()]
    really = [received - true for true, received, _ in old]
    assert ages(old) == pytest.approx(really, abs=1.0)


@pytest.mark.parametrize("before_s", [SLOW_S, -SLOW_S, 86_000.0])
def test_a_clock_that_is_set_right_is_live_again_within_a_quarter_of_an_hour(
    before_s: float,
) -> None:
    clocks = Clocks()
    ages(steady(before_s, 2000), clocks)
    found = live(ages(steady(0.0, 2000, begin_s=2000.0), clocks))
    late = found.index(True)
    assert all(found[late:])
    assert late <= (0 if before_s > 0 else 18)


def test_a_single_time_of_nowhere_makes_nothing_late() -> None:
    clocks = Clocks()
    ages(steady(0.0, 100), clocks)
    take(clocks, 1, 100.0, 100.0 + 3600.0)
    assert all(live(ages(steady(0.0, 2000, begin_s=101.0), clocks)))


def test_a_new_boot_goes_on_with_the_clock_where_it_fits_and_else_begins_anew() -> None:
    clocks = Clocks()
    ages(steady(SLOW_S, 100), clocks)
    assert all(live(ages(steady(SLOW_S, 10, begin_s=130.0), clocks, boot=2)))
    assert all(live(ages(steady(0.0, 10, begin_s=200.0), clocks, boot=3)))
    # The boot before is sending as well, on its own clock.
    assert all(live(ages(steady(SLOW_S, 10, begin_s=210.0), clocks, boot=2)))


def test_a_clock_that_begins_in_2000_is_kept_as_old() -> None:
    assert not any(live(ages(steady(26 * 365 * 86_400.0, 2000))))


@pytest.mark.parametrize("ppm", [80, -80])
def test_a_clock_that_drifts_for_months_is_followed(ppm: int) -> None:
    moments = np.arange(0.0, 180 * 86_400.0, 3600.0)
    found = ages([(t, t + 0.2, t * (1 + ppm * 1e-6)) for t in moments.tolist()])
    assert max(abs(age) for age in found) < 3


def test_a_jittery_link_does_not_hide_a_slow_clock() -> None:
    delay = np.random.default_rng(7).exponential(5.0, 3600)
    found = live(ages([(n, n + d, n - SLOW_S) for n, d in enumerate(delay.tolist())]))
    first = found.index(True)
    assert first < 300
    assert sum(found[first:]) > 0.98 * len(found[first:])


def test_a_device_that_slept_for_a_month_is_live_at_once() -> None:
    clocks = Clocks()
    ages(steady(SLOW_S, 100), clocks)
    assert all(live(ages(steady(SLOW_S + 20, 100, begin_s=30 * 86_400.0), clocks)))


def test_what_does_not_feed_changes_nothing_and_is_judged_all_the_same() -> None:
    clocks = Clocks()
    assert take(clocks, 1, 10.0, -1790.0, feeds=False) == 1800
    assert clocks.news() == ()
    ages(steady(SLOW_S, 100), clocks)
    clocks.news()
    assert take(clocks, 1, 200.0, 200.0 - SLOW_S - 300.0, feeds=False) == pytest.approx(300, abs=1)
    # A boot that was never heard live is judged by the newest one.
    assert take(clocks, 9, 200.0, 200.0 - SLOW_S - 300.0, feeds=False) == pytest.approx(300, abs=1)
    assert clocks.news() == ()


def test_a_device_that_makes_up_boots_fills_no_memory() -> None:
    clocks = Clocks()
    for boot in range(1000):
        take(clocks, boot, float(boot), float(boot))
    assert len(clocks._states) == BOOTS_A_DEVICE
    assert len(clocks._slots) == BOOTS_A_DEVICE


MESSAGES = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from([NO_BOOT, 1, 2]),
        st.booleans(),
        st.sampled_from([0, 0, 1, 2, 5, 30, 900]),  # s since the message before
        st.sampled_from([0, 0, 0, 1, 3, 8, 1800, 1801, -1800, 86_400 * 7]),  # lag, s
    ),
    max_size=60,
)


@pytest.mark.promise("R4")
@given(MESSAGES, st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_cut_into_batches_and_any_restart_gives_the_same_offsets(
    messages: list[tuple[int, int, bool, int, int]], cuts: list[int]
) -> None:
    at = np.cumsum([gap for *_, gap, _ in messages], dtype=np.int64) * SECOND + NOW
    lag = np.array([lag for *_, lag in messages], np.int64) * SECOND
    feeds = np.array([fed for _, _, fed, _, _ in messages], np.bool_)
    keys = [(device, boot) for device, boot, *_ in messages]
    whole = Clocks().take(keys, feeds, at - lag, at)
    edges = [0, *sorted(min(cut, len(keys)) for cut in cuts), len(keys)]
    kept: dict[tuple[int, int], ClockState] = {}
    pieces: list[int] = []
    for a, b in pairwise(edges):
        clocks = Clocks(sorted(kept.values(), key=lambda c: (c.begun_at, c.device, c.boot)))
        pieces += clocks.take(keys[a:b], feeds[a:b], (at - lag)[a:b], at[a:b]).tolist()
        kept |= {(c.device, c.boot): c for c in clocks.news()}
    assert pieces == whole.tolist()


def test_what_feeds_nothing_costs_the_messages_beside_it_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clocks([ClockState(1, 1, NOW, NOW, known=True, offset_at=NOW)])
    looked_at: list[int] = []
    one = clocks._one

    def noting(key: tuple[int, int], feeds: bool, lag: int, at: int) -> int:
        looked_at.append(key[1])
        return one(key, feeds, lag, at)

    monkeypatch.setattr(clocks, "_one", noting)
    keys = [(1, 1)] * 50 + [(1, NO_BOOT)] + [(1, 1)] * 50
    feeds = np.array([boot == 1 for _, boot in keys])
    received_at = NOW + SECOND * np.arange(1, len(keys) + 1)
    offsets = clocks.take(keys, feeds, received_at - SECOND // 10, received_at)
    assert looked_at == [NO_BOOT]
    assert offsets.tolist() == [(at - NOW) // 10_000 for at in received_at.tolist()]
