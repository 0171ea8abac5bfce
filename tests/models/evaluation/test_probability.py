"""Scores of probabilities against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation import nulls
from models.evaluation.probability import (
    Bin,
    brier,
    brier_skill,
    precision_recall_area,
    reliability,
)
from records.times import DAY, HOUR


def test_brier_is_the_mean_squared_distance() -> None:
    found = brier(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]))
    assert found == pytest.approx(0.25 / 3)


def test_skill_is_one_for_the_truth_and_nothing_for_the_null() -> None:
    rng = np.random.default_rng(1)
    at = np.arange(2000) * HOUR
    happened = rng.random(2000) < 0.2
    null = nulls.climatology(happened, 2000)
    perfect = brier_skill(happened.astype(np.float64), null, happened, at, 5 * DAY)
    assert (perfect.low, perfect.value, perfect.high) == (1.0, 1.0, 1.0)
    assert brier_skill(null, null, happened, at, 5 * DAY).value == 0.0
    worse = brier_skill(np.where(happened, 0.0, 1.0), null, happened, at, 5 * DAY)
    assert worse.high < 0.0


def test_an_interval_over_blocks_is_wider_than_one_over_rows_that_hang_together() -> None:
    rng = np.random.default_rng(2)
    at = np.arange(4800) * HOUR
    happened = np.repeat(rng.random(100) < 0.3, 48)
    chance = np.clip(happened * 0.6 + np.repeat(rng.random(100), 48) * 0.4, 0, 1)
    null = nulls.climatology(happened, 4800)
    rows = brier_skill(chance, null, happened, at, HOUR)
    blocks = brier_skill(chance, null, happened, at, 2 * DAY)
    assert blocks.value == pytest.approx(rows.value)
    assert blocks.high - blocks.low > 3 * (rows.high - rows.low)


def test_reliability_says_what_happened_in_each_bin() -> None:
    chance = np.array([0.05, 0.05, 0.95, 1.0])
    happened = np.array([False, True, True, True])
    assert reliability(chance, happened) == [
        Bin(2, 0.05, 0.5),
        Bin(2, pytest.approx(0.975), 1.0),  # type: ignore[arg-type]
    ]


def test_the_area_under_precision_and_recall() -> None:
    happened = np.array([True, False, True, False])
    assert precision_recall_area(np.array([0.9, 0.2, 0.8, 0.1]), happened) == 1.0
    assert precision_recall_area(np.array([0.9, 0.8, 0.7, 0.1]), happened) == pytest.approx(5 / 6)
    assert np.isnan(precision_recall_area(np.ones(3), np.zeros(3, np.bool_)))


def test_nulls_know_the_past_only_by_its_rates() -> None:
    at = np.arange(240) * HOUR
    happened = at % DAY == 5 * HOUR
    chance = nulls.by_time_of_day(at, happened, at[:24])
    assert chance.argmax() == 5
    assert chance[5] > 0.9
    assert np.delete(chance, 5).max() < 0.01
    lasting = np.arange(240) % 60 < 30
    chances = nulls.persists(np.array([True, False]), lasting[:-1], lasting[1:])
    # 4 spells of 30: each begins and ends once (the last row has no next one).
    assert chances.tolist() == pytest.approx([(116 + 1) / (120 + 2), (3 + 1) / (119 + 2)])
