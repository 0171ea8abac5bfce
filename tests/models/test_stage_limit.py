"""Fixed limits: persistence, hysteresis, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.stage_limit import StageLimit
from records.network import Thresholds
from records.times import MINUTE

LIMITS = Thresholds(yellow=1.0, orange=2.0, red=3.0)


def run(values: list[float], minutes: list[float] | None = None, **params: Any) -> Outcome:
    watched = Watched(id="a", quantity="stage", unit="m", thresholds=LIMITS)
    bank = Bank(StageLimit(**params), [watched])
    at = np.array(minutes or [15.0 * i for i in range(len(values))]) * MINUTE
    return bank.advance(np.zeros(len(values), np.intp), at.astype(np.int64), np.array(values))


def levels(values: list[float], minutes: list[float] | None = None, **params: Any) -> str:
    """First letters of the levels, in order."""
    return "".join(" gyor"[level] for level in run(values, minutes, **params).level)


def test_one_spike_never_warns() -> None:
    assert levels([0.5, 0.5, 9.0, 0.5, 0.5]) == "ggggg"


def test_two_of_three_readings_over_a_limit_warn() -> None:
    assert levels([0.5, 2.5, 0.5, 2.5]) == "gggo"


def test_one_reading_can_be_made_enough() -> None:
    assert levels([0.5, 3.5], needed=1, of=1) == "gr"


def test_the_first_reading_alone_never_warns() -> None:
    assert levels([9.0]) == "g"


def test_a_level_falls_only_after_the_hold() -> None:
    assert levels([2.5, 2.5, 0.1, 0.1, 0.1, 0.1], hold_s=1800.0) == "gooogg"


def test_a_level_is_kept_until_a_fifth_of_the_distance_below() -> None:
    kept = [2.5, 2.5, 1.85, 1.85, 1.85, 1.85, 1.85]
    assert levels(kept, hold_s=0.0) == "goooooo"
    assert levels([*kept[:2], *[1.7] * 4], hold_s=0.0) == "gooyyy"


def test_readings_before_a_long_gap_do_not_count() -> None:
    assert levels([2.5, 2.5], [0, 400]) == "gg"
    assert levels([2.5, 2.5], [0, 300]) == "go"


def test_given_limits_replace_those_of_the_series_and_may_leave_some_out() -> None:
    assert levels([0.6, 0.6, 9, 9], orange=0.5) == "gooo"


def test_a_series_without_limits_is_not_taken() -> None:
    assert not StageLimit().takes(Watched(id="a", quantity="stage", unit="m"))
    assert StageLimit(red=1.0).takes(Watched(id="a"))
    assert not StageLimit(red=1.0).takes(Watched(id="a", quantity="rain", unit="mm"))


def test_the_score_is_what_a_limit_on_it_alone_would_need() -> None:
    outcome = run([0.5, 2.5, 3.5, 0.5, 2.2])
    np.testing.assert_array_equal(outcome.score, [np.nan, 0.5, 2.5, 2.5, 2.2])


def test_a_senseless_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="needed"):
        StageLimit(needed=4, of=3)


def test_limits_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="must not fall"):
        StageLimit(yellow=3.0, orange=2.0)
