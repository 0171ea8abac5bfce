"""When a series is blind, where its interval is known and where it only shows."""

from __future__ import annotations

import numpy as np
import pytest

from models.silence import GRID, Silence
from records.times import MINUTE, SECOND

START = 1_700_000_000 * SECOND


def silences(steps_min: list[int], *, unknown: bool, resumed: bool = False) -> list[int]:
    """Minutes after the start, rounded down, at which the series fell silent."""

    def made() -> Silence:
        return Silence(np.array([600.0]), START, np.array([unknown]))

    silence, found = made(), []
    arrivals = START + np.cumsum(steps_min) * MINUTE
    for at in arrivals.tolist():
        watch = silence.arrive(np.zeros(1, np.intp), np.array([at]), np.array([at]))
        found += [due for due, _ in watch.silences]
        if resumed:
            saved, silence = silence.save(["a"]), made()
            silence.load(["a"], saved, START)
    found += [due for due, _ in silence.fall_silent(START + 10_000 * MINUTE)]
    return [(due - START - GRID) // MINUTE for due in found]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_slow_series_whose_interval_nobody_said_is_blind_after_three_of_its_steps(
    resumed: bool,
) -> None:
    quarters = [1, 15, 15, 15, 15]
    assert silences(quarters, unknown=True, resumed=resumed) == [11, 61 + 45]


def test_a_pause_is_no_step() -> None:
    assert silences([1, 5, 5, 300, 5], unknown=True) == [26, 331]


def test_where_the_interval_was_said_it_counts_alone() -> None:
    assert silences([1, 15, 15], unknown=False) == [11, 26, 41]


def test_what_a_version_without_steps_saved_is_taken_over() -> None:
    silence = Silence(np.array([600.0]), START, np.array([True]))
    silence.load(["a"], {"a": [START + MINUTE, START, False]}, START)
    assert silence.save(["a"]) == {"a": (START + MINUTE, START, False, [0, 0])}
