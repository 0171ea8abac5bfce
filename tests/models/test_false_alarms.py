"""The chance from which a forecast warns follows what came of earlier chances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.detector import Floats, State
from models.false_alarms import HIGHEST, Budget
from records.times import DAY, HOUR

HORIZON = 4 * HOUR
REACH = 24 * HORIZON
# As much at once as a quarter of a year, which is taken to lie before, allows of 8 a year.
TWO = 8.0


def limits(
    chance: Floats, came: list[int], per_year: float, cuts: tuple[int, ...] = ()
) -> tuple[Floats, Floats]:
    """Hourly rows, given in parts; `came` are the rows that were followed by an exceedance."""
    at = HOUR * np.arange(len(chance), dtype=np.int64)
    truth = np.isin(np.arange(len(at)), came)
    state: State = {}
    found = []
    edges = [0, *cuts, len(at)]
    for first, end in pairwise(edges):
        asked = slice(first - len(state.get("unknown", ())), end)
        budget = Budget(per_year, 0.5, HORIZON, REACH)
        known_at = at[asked] + HORIZON
        found.append(budget.limits(at[first:end], chance[first:end], known_at, truth[asked], state))
    limit, rate = (np.concatenate(column) for column in zip(*found, strict=True))
    return limit, rate


def days(count: int, peaks: dict[int, float]) -> Floats:
    """A low chance, and two hours of a higher one on some days."""
    chance = np.full(24 * count, 0.01)
    for day, peak in peaks.items():
        chance[24 * day : 24 * day + 2] = peak
    return chance


def test_false_alarms_within_the_budget_change_nothing() -> None:
    limit, rate = limits(days(10, {1: 0.9, 3: 0.6}), [], TWO)
    assert (limit == 0.5).all()
    assert rate[-1] == pytest.approx(2 / (0.25 + 10 / 365.25), rel=2e-2)


def test_the_limit_rises_above_what_would_have_been_one_too_many() -> None:
    limit, rate = limits(days(10, {1: 0.9, 3: 0.6, 5: 0.7}), [], TWO)
    assert 0.6 < limit[-1] < 0.65
    assert rate[-1] < TWO
    # Once the horizon of the alarm's last row is over and none has followed, not earlier.
    raised = int(np.flatnonzero(limit > 0.5)[0])
    assert raised * HOUR == 5 * DAY + HOUR + HORIZON + HORIZON + HOUR


def test_a_warning_that_came_true_is_no_false_alarm() -> None:
    limit, _ = limits(days(10, {1: 0.9, 3: 0.6, 5: 0.7}), [24 * 3 + 1], TWO)
    assert (limit == 0.5).all()


def test_with_the_years_the_limit_comes_down_again() -> None:
    limit, _ = limits(days(400, {1: 0.9, 3: 0.6, 5: 0.7}), [], TWO)
    assert limit[24 * 20] > 0.6
    assert limit[-1] == 0.5


def test_a_bad_season_is_forgiven_within_two_years_and_a_good_decade_does_not_excuse_one() -> None:
    bad = dict.fromkeys(range(1, 181, 2), 0.93)
    limit, _ = limits(days(911, bad), [], 24.0)
    assert limit[24 * 180] == pytest.approx(HIGHEST, abs=0.03)
    assert limit[-1] == 0.5
    late = {3650 + day: peak for day, peak in bad.items()}
    limit, _ = limits(days(3832, late), [], 24.0)
    assert (limit[24 * 3650 : 24 * 3832 : 24] < 0.9).sum() < 100


def test_no_limit_lies_beyond_the_highest() -> None:
    limit, _ = limits(days(40, dict.fromkeys(range(1, 39), 0.99)), [], 1.0)
    assert limit.max() == pytest.approx(HIGHEST)


def test_nobody_knows_what_came_of_a_row_that_lies_too_far_back() -> None:
    at = np.array([0, 1, 2, 200, 201, 300], np.int64) * HOUR
    for came in (False, True):
        state: State = {}
        budget = Budget(1e-3, 0.5, HORIZON, REACH)
        given = np.array([0.9, 0.9, 0.1, 0.1, 0.1, 0.1])
        truth = np.full(len(at), came)
        limit, _ = budget.limits(at, given, at + HORIZON, truth, state)
        assert (limit == 0.5).all()


def test_the_budget_is_kept_by_what_is_warned_of() -> None:
    """Over thirty years of days with chances of all sizes that never come true."""
    rng = np.random.default_rng(11)
    peaks = {int(day): float(rng.uniform(0.05, 0.9)) for day in range(1, 10_950, 5)}
    chance = days(10_951, peaks)
    limit, _ = limits(chance, [], 12.0)
    in_vain = (chance[::24] >= limit[::24]).sum()
    assert 0.8 * 12 < in_vain / 30 < 1.2 * 12


def test_the_same_rows_give_the_same_limits_however_they_are_cut() -> None:
    rng = np.random.default_rng(7)
    chance = rng.beta(0.2, 1.0, 2000)
    came = np.flatnonzero(rng.random(2000) < 0.05).tolist()
    whole = limits(chance, came, 100.0)
    for cuts in ((1, 2, 7, 500, 501, 1999), tuple(range(1, 2000))):
        for one, other in zip(whole, limits(chance, came, 100.0, cuts), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(set(whole[0].tolist())) > 3
