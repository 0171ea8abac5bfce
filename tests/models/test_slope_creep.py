"""Slopes that fail as 1 / time left, and slopes that only creep, jump or breathe with the sun."""

from __future__ import annotations

import numpy as np
import pytest

from models.bank import Bank, Outcome
from models.detector import Floats, Watched
from models.detectors.slope_creep import SlopeCreep
from records.levels import Level
from records.times import SECOND

HOUR_S, DAY_S = 3600.0, 86400.0


def outcome(at_s: Floats, moved: Floats) -> Outcome:
    bank = Bank(SlopeCreep(), [Watched(id="crack", quantity="displacement", unit="mm")])
    measured_at = np.rint((1.6e9 + at_s) * SECOND).astype(np.int64)
    return bank.advance(np.zeros(len(at_s), np.intp), measured_at, moved)


@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_a_slope_that_will_fail_warns_hours_before_and_says_when(noise: float) -> None:
    random, fails_s = np.random.default_rng(5), 30 * DAY_S
    at_s = np.arange(0.0, fails_s - HOUR_S / 2, HOUR_S / 2)
    onset_s = fails_s / 2
    left = (fails_s - np.fmax(at_s, onset_s)) / (fails_s - onset_s)
    moved = at_s / DAY_S - 60.0 * np.log(left) + noise * random.standard_normal(len(at_s))
    found = outcome(at_s, moved + 0.3 * np.sin(at_s * 2 * np.pi / DAY_S))
    warns = np.flatnonzero(found.level >= Level.ORANGE)
    assert 2 <= (fails_s - at_s[warns[0]]) / HOUR_S <= 48
    onset_at = [said.onset_at for _, crossing, said in found.crossings if said.onset_at is not None]
    off_s = (onset_at[-1] / SECOND - 1.6e9) - fails_s
    assert abs(off_s) < 4 * HOUR_S


def test_steady_creep_jumps_and_seasons_warn_of_nothing() -> None:
    random = np.random.default_rng(6)
    at_s = np.arange(0.0, 200 * DAY_S, HOUR_S)
    moved = 0.5 * at_s / DAY_S + 20 * np.sin(at_s * 2 * np.pi / (365 * DAY_S))
    moved = moved + 2 * np.sin(at_s * 2 * np.pi / DAY_S) + 0.2 * random.standard_normal(len(at_s))
    for _ in range(6):
        begins, over = random.uniform(0, len(at_s)), random.uniform(1, 100)
        moved = moved + random.uniform(2, 15) * np.clip(
            (np.arange(len(at_s)) - begins) / over, 0, 1
        )
    assert (outcome(at_s, moved).level < Level.ORANGE).all()
