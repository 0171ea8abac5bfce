"""Rises that are rare for their own river, at any sampling interval."""

from __future__ import annotations

import numpy as np
import pytest

from models.bank import Bank, Outcome, score_samples
from models.detector import Watched
from models.detectors.rate_of_rise import RateOfRise
from records.levels import Level
from records.times import SECOND

HOUR_S = 3600.0


def watched(quantity: str = "stage") -> Watched:
    return Watched(id="a", quantity=quantity, unit="m")


def river(interval_s: float, days: int, flood_at_day: float | None, seed: int = 1) -> np.ndarray:
    """(seconds, stage): a small daily wave, rises of 5 to 20 cm now and then, a flood of 2 m."""
    random = np.random.default_rng(seed)
    t = np.arange(0, days * 86400, interval_s)
    stage = 1.0 + 0.02 * np.sin(2 * np.pi * t / 86400) + random.normal(0, 0.003, len(t))
    for start in np.cumsum(random.exponential(8 * 86400, 100)):
        stage += random.uniform(0.05, 0.2) * _wave(t - start, 8 * HOUR_S)
    if flood_at_day is not None:
        stage += 2.0 * _wave(t - flood_at_day * 86400, 5 * HOUR_S)
    return np.stack([t + 1.6e9, stage], axis=1)


def _wave(since_s: np.ndarray, rise_s: float) -> np.ndarray:
    grown = np.clip(since_s / rise_s, 0, 1)
    return np.where(since_s < 0, 0, grown * np.exp(-np.clip(since_s - rise_s, 0, None) / 2e5))


def run(samples: np.ndarray, detector: RateOfRise | None = None) -> Outcome:
    bank = Bank(detector or RateOfRise(), [watched()])
    place = np.zeros(len(samples), np.intp)
    return bank.advance(place, np.rint(samples[:, 0] * SECOND).astype(np.int64), samples[:, 1])


@pytest.mark.parametrize("interval_s", [300.0, 900.0, 3600.0])
def test_a_flood_warns_while_it_rises_and_ordinary_rises_do_not(interval_s: float) -> None:
    samples = river(interval_s, days=60, flood_at_day=50)
    outcome = run(samples)
    warned = samples[outcome.level >= Level.ORANGE, 0] - 1.6e9 - 50 * 86400
    assert warned.min() < 4 * HOUR_S
    assert warned.min() > 0
    assert warned.max() < 24 * HOUR_S


@pytest.mark.parametrize("seed", range(4))
def test_a_quiet_river_never_warns(seed: int) -> None:
    assert run(river(1800.0, days=120, flood_at_day=None, seed=seed)).level.max() < Level.ORANGE


def test_a_spike_and_a_cold_start_never_warn() -> None:
    samples = river(900.0, days=40, flood_at_day=3)
    samples[2000, 1] += 5.0
    samples[3000, 1] -= 5.0
    assert run(samples).level.max() == Level.GREEN


def test_a_larger_budget_warns_more_often() -> None:
    samples = river(1800.0, days=120, flood_at_day=100)
    rare, often = (run(samples, RateOfRise(budget_per_year=b)).level for b in (1.0, 50.0))
    assert (often >= Level.ORANGE).sum() > (rare >= Level.ORANGE).sum() > 0


def test_score_samples_has_the_sign_of_scikit_learn() -> None:
    samples = river(1800.0, days=20, flood_at_day=15)
    normality = score_samples(RateOfRise(), samples, watched())
    np.testing.assert_array_equal(normality, -run(samples).score)
    assert np.nanargmin(normality) > 15 * 48


def test_the_reason_names_the_rise() -> None:
    outcome = run(river(900.0, days=60, flood_at_day=50))
    words = next(said for _, crossing, said in outcome.crossings if crossing.level >= Level.ORANGE)
    assert words.reason.values["quantity"] == "stage"
    assert 0.05 < float(words.reason.values["rise"]) < 0.5
    assert int(words.reason.values["days"]) > 300
