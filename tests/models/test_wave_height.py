"""Waves: the lower of two readings in a row against limits."""

from __future__ import annotations

import numpy as np
import pytest

from models.bank import Bank
from models.detector import Watched
from models.detectors.wave_height import WaveHeight
from records.network import Thresholds
from records.times import HOUR

NONE = Thresholds()


def words(heights: list[float], thresholds: Thresholds = NONE) -> list[str]:
    watched = Watched(id="b", quantity="significant_wave_height", unit="m", thresholds=thresholds)
    at = np.arange(len(heights)) * HOUR
    found = Bank(WaveHeight(), [watched]).advance(
        np.zeros(len(heights), np.intp), at.astype(np.int64), np.array(heights)
    )
    names = {1: "green", 2: "yellow", 3: "orange", 4: "red"}
    return [names[level] for level in found.level.tolist()]


@pytest.mark.parametrize(
    ("heights", "levels"),
    [
        ([2, 12, 2, 2], ["green"] * 4),
        ([3, 7, 7, 10, 10], ["green", "green", "orange", "orange", "red"]),
        ([5, 5, 3, 3, 3, 3], ["green", "yellow", "yellow", "green", "green", "green"]),
    ],
)
def test_two_readings_in_a_row_decide(heights: list[float], levels: list[str]) -> None:
    assert words(heights) == levels


def test_limits_of_the_series_go_before_sea_states() -> None:
    assert words([2, 2], Thresholds(orange=1.5)) == ["green", "orange"]
