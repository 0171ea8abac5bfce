"""Rates of warnings against counts made by hand, and intervals against known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.contingency import blocks, csi_difference, skill
from models.evaluation.nulls import always_on, persistence, time_of_day
from models.evaluation.resampling import interval
from models.evaluation.spans import Rules, Span, judge
from records.times import DAY, HOUR

RULES = Rules(ahead=6 * HOUR, grace=HOUR, period=DAY, block=5 * DAY)
YEAR_S = 365.25 * 86400


def events(count: int, station: str = "a") -> list[Span]:
    """One every ten days, six hours long, from 03:00."""
    return [
        Span(station, n * 10 * DAY + 3 * HOUR, n * 10 * DAY + 9 * HOUR) for n in range(1, count + 1)
    ]


def early(event: Span, hours: float = 2) -> Span:
    return Span(event.station, event.begins_at - round(hours * HOUR), event.begins_at)


def test_rates_are_those_counted_by_hand() -> None:
    truth = events(10)
    warnings = [early(e) for e in truth[:8]] + [
        Span("a", 15 * DAY, 15 * DAY + HOUR),
        Span("a", 25 * DAY, 25 * DAY + HOUR),
    ]
    found = skill(judge(warnings, truth, RULES), RULES, {"a": YEAR_S / 2})
    assert (found.events, found.hits, found.false) == (10, 8, 2)
    assert found.pod.value == pytest.approx(0.8)
    assert found.far.value == pytest.approx(0.2)
    assert found.csi.value == pytest.approx(8 / 12)
    assert found.false_a_year.value == pytest.approx(4.0)
    assert found.lead_s == (7200.0,) * 5
    assert found.is_judged
    assert 0.5 < found.pod.low < 0.8 < found.pod.high <= 1.0
    assert 0.0 <= found.false_a_year.low < 4.0 < found.false_a_year.high < 12.0


def test_nothing_said_and_nothing_happened_give_no_rates() -> None:
    silent = skill(judge([], events(3), RULES), RULES, {"a": YEAR_S})
    assert (silent.pod.value, silent.csi.value) == (0.0, 0.0)
    assert np.isnan(silent.far.value)
    assert np.isnan(silent.lead_s).all()
    assert not silent.is_judged
    quiet = skill(judge([], [], RULES), RULES, {"a": YEAR_S})
    assert np.isnan([quiet.pod.value, quiet.csi.value]).all()
    assert quiet.false_a_year.value == 0.0


def test_blocks_hold_everything_once() -> None:
    truth = events(10)
    judged = judge([Span("a", 0, 5 * DAY)], truth, RULES)
    sums = blocks([judged], RULES, {"a": 100 * 86400.0, "b": 50 * 86400.0})
    assert len(sums) == 30
    assert sums.sum(axis=0) == pytest.approx([0, 10, 6, 150 * 86400.0])


def test_the_interval_of_a_share_is_about_that_of_the_binomial() -> None:
    # 200 events, each a block of its own, 60 % found: standard error 0.0346.
    sums = np.zeros((200, 4))
    sums[:120, 0] = 1
    sums[120:, 1] = 1
    found = interval(sums, lambda s: s[..., 0] / (s[..., 0] + s[..., 1]))
    assert found.value == 0.6
    assert (found.low, found.high) == pytest.approx((0.543, 0.657), abs=0.012)


def test_one_block_has_no_interval() -> None:
    found = interval(np.array([[3.0, 1.0]]), lambda s: s[..., 0])
    assert found.value == 3.0
    assert np.isnan([found.low, found.high]).all()


def test_two_systems_are_compared_on_the_same_draws() -> None:
    truth = events(20)
    watched = {"a": 210 * 86400.0}
    same = judge([early(e) for e in truth[:10]], truth, RULES)
    better = judge([early(e) for e in truth[:18]], truth, RULES)
    nothing = csi_difference(same, same, RULES, watched)
    assert (nothing.low, nothing.value, nothing.high) == (0.0, 0.0, 0.0)
    found = csi_difference(better, same, RULES, watched)
    assert found.value == pytest.approx(0.4)
    assert 0.2 < found.low < 0.4 < found.high < 0.6


def test_nulls_find_what_they_must_and_no_more() -> None:
    truth = events(10)
    watched = {"a": (0, 110 * DAY - 1)}
    seconds = {"a": 110 * 86400.0}
    always = skill(judge(always_on(watched), truth, RULES), RULES, seconds)
    assert (always.hits, always.false) == (10, 90)
    daily = time_of_day(truth[:5], watched, hours=1)
    assert len(daily) == 110
    assert {w.begins_at % DAY for w in daily} == {3 * HOUR}
    hourly = skill(judge(daily, truth[5:], RULES), RULES, seconds)
    assert (hourly.hits, hourly.false) == (5, 105)
    lasting = skill(judge(persistence(truth, DAY), truth, RULES), RULES, seconds)
    assert lasting.hits == 10
    assert max(lasting.lead_s) == 0.0
