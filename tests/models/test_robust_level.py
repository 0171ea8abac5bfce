"""Far from its usual level: yellow at most, and rarely in noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.detector import Watched
from models.detectors.robust_level import RobustLevel
from records.levels import Level
from records.times import DAY, MINUTE

EVERY = 5 * MINUTE


def run(values: NDArray[np.float64], detector: RobustLevel | None = None) -> Outcome:
    times = 15_000 * DAY + EVERY * np.arange(len(values), dtype=np.int64)
    bank = Bank(detector or RobustLevel(), [Watched(id="any")])
    return bank.advance(np.zeros(len(values), np.intp), times, values)


def noise(days: int, seed: int = 1) -> NDArray[np.float64]:
    return np.asarray(10 + np.random.default_rng(seed).standard_normal(days * DAY // EVERY))


def test_a_lasting_step_is_yellow_and_never_more() -> None:
    values = noise(4)
    values[900:950] += 30
    outcome = run(values)
    assert outcome.level.max() == Level.YELLOW
    assert set(outcome.level[:901].tolist()) == {Level.GREEN}
    assert outcome.level[901] == Level.YELLOW


def test_one_wild_reading_is_nothing() -> None:
    values = noise(4)
    values[900] += 1000
    assert run(values).level.max() == Level.GREEN


def test_it_wakes_only_who_asks_for_it() -> None:
    values = noise(4)
    values[900:950] += 30
    assert run(values, RobustLevel(wakes=True)).level.max() == Level.ORANGE


def test_noise_keeps_to_the_budget() -> None:
    """40 series of 90 days; one false alarm a year allows 10 in all."""
    values = np.column_stack([noise(90, seed) for seed in range(40)])
    times = 15_000 * DAY + EVERY * np.arange(len(values), dtype=np.int64)
    bank = Bank(RobustLevel(), [Watched(id=f"any-{n}") for n in range(40)])
    place = np.tile(np.arange(40), len(values))
    outcome = bank.advance(place, np.repeat(times, 40), values.ravel())
    raised = [c for _, c, _ in outcome.crossings if c.level > c.before]
    assert len(raised) <= 10


def test_a_constant_series_has_no_score() -> None:
    outcome = run(np.full(1000, 3.7))
    assert np.isnan(outcome.score).all()


def test_senseless_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        RobustLevel(memory_s=0)
