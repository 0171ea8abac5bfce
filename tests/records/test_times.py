from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import times

moments = st.integers(
    times.from_datetime(datetime(1, 1, 1, tzinfo=UTC)),
    times.from_datetime(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
)


@given(moments)
def test_text_and_parse_are_each_others_inverse(moment_at: int) -> None:
    assert times.parse(times.text(moment_at)) == moment_at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01t00:00:00.1234565z", 123_456),
        ("1970-01-01T00:00:00.1234575Z", 123_458),
        ("1970-01-01T05:00:00+05:00", 0),
        ("1969-12-31T23:59:59.5Z", -500_000),
    ],
)
def test_rfc_3339_is_read_with_its_zone_and_fraction(text: str, expected: int) -> None:
    assert times.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "yesterday", "12"]
)
def test_a_time_without_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an RFC 3339|month must"):
        times.parse(text)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_seconds_outside_the_calendar_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="not a moment"):
        times.from_seconds(seconds)


def test_seconds_are_rounded_half_to_even() -> None:
    assert times.from_seconds(0.0000005) == 0
    assert times.from_seconds(0.0000015) == 2
    assert times.from_seconds(-0.25) == -250_000


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        times.from_datetime(datetime(2020, 1, 1))


@given(moments, st.integers(1, times.DAY))
def test_the_grid_is_strictly_after_and_at_most_a_step_away(moment_at: int, step: int) -> None:
    following = times.grid_after(moment_at, step)
    assert following % step == 0
    assert moment_at < following <= moment_at + step
