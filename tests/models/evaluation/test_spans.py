"""Events are kept whole, and a warning belongs to an event or is false."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.spans import Rules, Span, judge, runs, watched_s
from records.times import DAY, HOUR, MINUTE

RULES = Rules(ahead=6 * HOUR, grace=HOUR, period=DAY)


def span(begins: float, ends: float, station: str = "a") -> Span:
    return Span(station, round(begins * HOUR), round(ends * HOUR))


def test_runs_close_to_each_other_are_one_event() -> None:
    at = np.arange(8) * MINUTE
    holds = np.array([0, 1, 1, 0, 1, 0, 0, 1], np.bool_)
    assert runs(at, holds) == [
        Span("", 1 * MINUTE, 2 * MINUTE),
        Span("", 4 * MINUTE, 4 * MINUTE),
        Span("", 7 * MINUTE, 7 * MINUTE),
    ]
    assert runs(at, holds, "s", apart=2 * MINUTE) == [
        Span("s", 1 * MINUTE, 4 * MINUTE),
        Span("s", 7 * MINUTE, 7 * MINUTE),
    ]
    assert runs(at, np.zeros(8, np.bool_)) == []


def test_an_event_counts_once_however_often_it_is_warned_of() -> None:
    event = span(100, 130)
    warnings = [span(96, 97), span(99, 101), span(110, 112), span(120, 125)]
    judged = judge(warnings, [event], RULES)
    assert judged.lead_s.tolist() == [4 * 3600.0]
    assert judged.false == ()


@pytest.mark.parametrize(
    ("warning", "lead_h", "false"),
    [
        (span(93, 93.5), None, 1),  # over before it could mean this event
        (span(90, 101), 6.0, 0),  # it stands longer than `ahead`: no more lead than that
        (span(100.5, 102), -0.5, 0),  # a little late
        (span(102, 103), None, 0),  # too late to warn, and yet not false
        (span(99, 101, "b"), None, 1),  # elsewhere
    ],
)
def test_when_a_warning_belongs_to_an_event(
    warning: Span, lead_h: float | None, false: int
) -> None:
    judged = judge([warning], [span(100, 110)], RULES)
    assert np.array_equal(
        judged.lead_s, [np.nan if lead_h is None else lead_h * 3600], equal_nan=True
    )
    assert len(judged.false) == false


def test_a_warning_must_begin_before_where_so_much_lead_is_asked() -> None:
    rules = Rules(ahead=6 * HOUR, grace=-2 * HOUR)
    late, soon = (judge([span(at, 105)], [span(100, 110)], rules) for at in (98.5, 97.5))
    assert np.isnan(late.lead_s).all()
    assert late.false == ()
    assert soon.lead_s.tolist() == [2.5 * 3600]


def test_a_warning_that_always_stands_is_false_every_day_without_an_event() -> None:
    judged = judge([span(0, 24 * 10 - 1)], [span(50, 52)], RULES)
    assert judged.lead_s.tolist() == [6 * 3600.0]
    # The event and the hours before it lie in two of the ten days.
    assert len(judged.false) == 8


def test_a_gap_is_not_watched() -> None:
    at = np.r_[np.arange(100), np.arange(5000, 5100)] * MINUTE
    assert watched_s(at) == 198 * 60 + 600
    assert watched_s(at, 120.0) == 198 * 60 + 120
    assert watched_s(at[:1]) == 0.0


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="ahead"):
        Rules(ahead=-1)
    with pytest.raises(ValueError, match="grace"):
        Rules(ahead=HOUR, grace=-2 * HOUR)
    with pytest.raises(ValueError, match="block"):
        Rules(block=0)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30)), max_size=8), st.integers())
def test_order_of_warnings_changes_nothing(pairs: list[tuple[int, int]], seed: int) -> None:
    warnings = [span(b, b + d) for b, d in pairs]
    events = [span(60, 70), span(300, 310)]
    there, back = judge(warnings, events, RULES), judge(warnings[::-1], events, RULES)
    assert np.array_equal(there.lead_s, back.lead_s, equal_nan=True)
    assert sorted(there.false) == sorted(back.false)
