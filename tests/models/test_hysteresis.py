"""Levels from scores, beside the rule in plain words for one series."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detector import Detector, Limits, Rows, spanned
from models.hysteresis import ladder, levels
from records.levels import Level
from records.times import MINUTE

UP = (1.0, 2.0, 3.0)
KEEP = (0.5, 1.5, 2.5)
ONLY_ORANGE = (math.inf, 2.0, math.inf)
GREEN, YELLOW, ORANGE, RED = (int(level) for level in Level if level > Level.GREY)

scores = st.lists(st.sampled_from([0.0, 0.5, 0.7, 1.0, 1.7, 2.0, 2.6, 3.0, math.nan]), max_size=12)


class Held(Detector):
    def __init__(self, hold_s: float, cold_start_s: float) -> None:
        self.hold_s = hold_s
        self.cold_start_s = cold_start_s


def reached(score: float, limits: tuple[float, ...]) -> int:
    return max([GREEN, *(YELLOW + i for i, limit in enumerate(limits) if score >= limit)])


def plainly(scores: Sequence[float], limits: Limits, detector: Detector) -> list[int]:
    """The level of one series after each score, one a minute."""
    up, keep = tuple(limits.up[0]), tuple(limits.keep[0])
    level, kept_s, said = GREEN, 0.0, []
    for minute, score in enumerate(scores):
        now_s = 60.0 * minute
        risen, stays = reached(score, up), reached(score, keep)
        if risen > level or stays >= level or math.isnan(score):
            level, kept_s = max(risen, level), now_s
        elif now_s - kept_s >= detector.hold_s:
            level, kept_s = max(risen, stays), now_s
        if now_s < detector.cold_start_s:
            level = GREEN
        said.append(level)
    return said


def at_once(
    columns: Sequence[Sequence[float]], limits: Limits, detector: Detector
) -> list[list[int]]:
    """The levels of several series after each of their scores, one a minute."""
    count = len(columns)
    state = {
        "bank_level": np.full(count, GREEN, np.uint8),
        "bank_held_at": np.full(count, -(2**63)),
        "bank_first_at": np.zeros(count, np.int64),
    }
    said: list[list[int]] = [[] for _ in columns]
    for minute in range(max(map(len, columns), default=0)):
        at = np.array([i for i, column in enumerate(columns) if minute < len(column)])
        measured_at = np.full(len(at), minute * MINUTE)
        score = np.array([columns[i][minute] for i in at.tolist()])
        rows = Rows(at, measured_at, np.full(len(at), 60.0), score, spanned(at))
        level = levels(rows, score, ladder(limits)[at], state, detector)
        assert level.tolist() == state["bank_level"][at].tolist()
        for i, one in zip(at.tolist(), level.tolist(), strict=True):
            said[i].append(one)
    return said


@pytest.mark.parametrize("hold_s", [0.0, 120.0, math.inf])
@pytest.mark.parametrize("cold_start_s", [0.0, 180.0])
@pytest.mark.parametrize(
    ("up", "keep"), [(UP, KEEP), (UP, UP), (KEEP, UP), (ONLY_ORANGE, ONLY_ORANGE)]
)
@given(columns=st.lists(scores, min_size=1, max_size=4))
def test_many_series_at_once_are_as_each_alone(
    hold_s: float,
    cold_start_s: float,
    up: tuple[float, float, float],
    keep: tuple[float, float, float],
    columns: list[list[float]],
) -> None:
    limits, detector = Limits.same(len(columns), up, keep), Held(hold_s, cold_start_s)
    alone = [plainly(column, limits, detector) for column in columns]
    assert at_once(columns, limits, detector) == alone


def test_a_level_falls_when_it_was_not_kept_for_the_hold() -> None:
    limits, detector = Limits.same(1, UP, KEEP), Held(120.0, 0.0)
    column = [3.0, 2.6, 0.0, math.nan, 0.7, 0.7, 0.7, 0.0, 0.0, 0.0]
    said = at_once([column], limits, detector)[0]
    # The unknown score at the third minute says nothing: the hold begins after it.
    assert said == [RED] * 5 + [YELLOW] * 3 + [GREEN] * 2


def test_a_ladder_passes_over_limits_that_are_not_set() -> None:
    limits = Limits(np.array([[math.inf, 2.0, 5.0]]), np.array([[math.inf, 1.0, math.inf]]))
    assert ladder(limits).tolist() == [[[2.0, 2.0, 5.0], [1.0, 1.0, math.inf]]]
