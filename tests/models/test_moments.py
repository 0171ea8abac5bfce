"""Moments of several series: judged once, when all that are expected have come or after a while."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import joint_checks
from models.detectors.flood_forecast import FloodForecast
from models.joint import Judged, Recording
from models.moments import Following
from models.runner import Runner
from records.times import SECOND

WATCHED = joint_checks.recording(seed=6).watched


class All(FloodForecast):
    """Counts the series that have a value at each time: a joint detector without a target."""

    name = "all"
    memory_s = 0.0
    training_s = 0.0

    def __init__(self) -> None:
        super().__init__()

    def check(self, watched: Any) -> None:
        pass

    def fits(self, first_at: int) -> Any:
        yield first_at - 1

    def fit(self, recording: Recording, at: int) -> Any:
        return True

    def judge(self, recording: Recording, since: int, model: Any, state: Any) -> Judged:
        times = recording.measured_at[recording.shown("", since)]
        counts = np.searchsorted(recording.measured_at, times, side="right")
        counts -= np.searchsorted(recording.measured_at, times, side="left")
        return Judged(counts / 10)


def follow(*arrivals: tuple[int, float, float], now_s: float) -> list[tuple[float, float]]:
    """(decided, score) of what closes where (place, measured, received), in seconds, arrive."""
    following = Following(Runner(All(), WATCHED[:2]))
    place, measured_s, received_s = map(np.array, zip(*arrivals, strict=True))
    times: list[float] = []
    judged = Runner.judge

    def watched(self: Runner, through_at: int) -> Any:
        found = judged(self, through_at)
        times.extend(found[1].score.tolist())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "judge", watched)
        closed = following.advance(
            place.astype(np.intp),
            (measured_s * SECOND).astype(np.int64),
            np.zeros(len(place)),
            (received_s * SECOND).astype(np.int64),
            np.zeros(len(place), np.bool_),
            round(now_s * SECOND),
        )
    return [(one.decided_at / SECOND, s) for one, s in zip(closed, times, strict=True)]


def test_a_moment_waits_for_the_series_that_are_expected() -> None:
    both = [(0, 60.0, 61.0), (1, 60.0, 61.0), (0, 120.0, 121.0), (1, 120.0, 121.0)]
    apart = [(0, 180.0, 181.0), (1, 180.0, 184.0)]
    assert follow(*both, *apart, now_s=190) == [(61, 0.2), (121, 0.2), (184, 0.2)]


def test_a_moment_does_not_wait_for_long_and_is_never_judged_again() -> None:
    both = [(0, 60.0, 61.0), (1, 60.0, 61.0), (0, 120.0, 121.0), (1, 120.0, 121.0)]
    apart = [(0, 180.0, 181.0), (1, 180.0, 230.0)]
    assert follow(*both, apart[0], now_s=209)[2:] == []
    assert follow(*both, *apart, now_s=240)[2:] == [(210, 0.1)]


def test_a_series_that_is_slower_is_not_waited_for() -> None:
    slow = [(1, 0.0, 1.0), (1, 3600.0, 3601.0)]
    fast = [(0, 3660.0, 3661.0), (0, 3720.0, 3721.0)]
    assert [at for at, _ in follow(*slow, *fast, now_s=3730)] == [1, 3601, 3661, 3721]


def test_a_clock_that_runs_ahead_closes_no_moment_before_its_time() -> None:
    ahead = [(1, 7200.0, 60.0)]
    right = [(0, 61.0, 61.0), (0, 121.0, 121.0)]
    assert [at for at, _ in follow(*ahead, *right, now_s=130)] == [61, 121]


class Lately(All):
    """Counts the values of the last two minutes before each value of a target."""

    memory_s = 120.0

    def __init__(self) -> None:
        super().__init__()
        self.target = "down"

    def judge(self, recording: Recording, since: int, model: Any, state: Any) -> Judged:
        times = recording.measured_at[recording.shown("down", since)]
        counts = np.searchsorted(recording.measured_at, times, side="right")
        counts -= np.searchsorted(recording.measured_at, times - 120 * SECOND, side="right")
        return Judged(counts / 10)


def test_a_clock_that_is_a_day_ahead_makes_nothing_be_forgotten() -> None:
    def add(runner: Runner, place: int, at: int) -> list[float]:
        runner.add(np.array([place]), np.array([at * SECOND]), np.array([1.0]))
        score: list[float] = runner.judge(at * SECOND)[1].score.tolist() if place == 0 else []
        return score

    first, second = (Runner(Lately(), WATCHED) for _ in range(2))
    add(first, 1, 10)
    add(first, 2, 86_410)
    second.load(first.save())
    assert add(first, 0, 60) == add(second, 0, 60) == [0.2]
