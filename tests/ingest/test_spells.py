"""What is said of a clock with hindsight, by what the ledger kept of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ingest.clocks import Clocks
from ingest.spells import Spell, differing, doubted, spells
from records.times import HOUR, SECOND
from store.clocks import ClockState

NOW = 1_763_900_000 * SECOND // HOUR * HOUR
# What the clock is slow by (s) at a true time (s after NOW).
Clock = Callable[[float], float]


def kept(
    clock: Clock, true: list[float], delay_s: list[float], boots: Callable[[float], int]
) -> list[tuple[int, int]]:
    """As `store.clocks` keeps it: of each boot and hour the last state; where it was known."""
    clocks = Clocks()
    rows: dict[tuple[int, int], ClockState] = {}
    for moment, delay in zip(true, delay_s, strict=True):
        at, shown = NOW + round(moment * SECOND), moment - clock(moment)
        clocks.take(
            [(1, boots(moment))],
            np.array([True]),
            np.array([NOW + round(shown * SECOND)]),
            np.array([at + round(delay * SECOND)]),
        )
        for state in clocks.news():
            rows[state.boot, state.changed_at // HOUR] = state
    known = [state for state in rows.values() if state.known]
    return [(s.offset_at, s.offset) for s in known] + [(s.claim_at, s.claim) for s in known]


CLOCKS: dict[str, Clock] = {
    "right": lambda _: 0.0,
    "slow by half an hour": lambda _: 1800.0,
    "slow by a little": lambda _: 50.0,
    "fast by two hours": lambda _: -7200.0,
    "set slow, then right again": lambda at: 1800.0 if 5000 <= at < 13_000 else 0.0,
    "set fast, then right again": lambda at: -7200.0 if 5000 <= at < 13_000 else 0.0,
    "slow, set right": lambda at: 1800.0 if at < 9000 else 0.0,
    "slow, then slower": lambda at: 1800.0 if at < 9000 else 5400.0,
    "slow and drifting": lambda at: 600.0 + at * 5e-5,
    "one day slow, one day right": lambda at: 3600.0 if at % 40_000 > 20_000 else 0.0,
}


@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("every_s", [10.0, 60.0])
@pytest.mark.parametrize("jitter_s", [0.0, 0.5])
def test_readings_of_a_wrong_clock_are_doubted_from_its_first_one_on(
    name: str, every_s: float, jitter_s: float
) -> None:
    clock = CLOCKS[name]
    true = np.arange(0.0, 90_000.0, every_s)
    delay_s = 0.1 + jitter_s * np.random.default_rng(5).exponential(size=len(true))
    told = spells(kept(clock, true.tolist(), delay_s.tolist(), lambda at: int(at > 50_000)))
    slow = np.array([clock(moment) for moment in true.tolist()])
    at = NOW + np.round((true - slow) * SECOND).astype(np.int64)
    received_at = NOW + np.round((true + delay_s) * SECOND).astype(np.int64)
    wrong = doubted(told, at, received_at)
    assert np.flatnonzero(wrong != (np.abs(slow) > 60)).tolist() == []


def test_a_backlog_of_a_right_clock_is_not_doubted_for_what_came_later() -> None:
    told = spells([(NOW, 0), (NOW + 2 * HOUR, 1800 * SECOND)])
    at = np.array([NOW + HOUR, NOW + 2 * HOUR])
    assert doubted(told, at, at + 3 * HOUR).tolist() == [False, True]
    # It can't have been measured by a clock that is slow by more than its age.
    assert doubted(told, at, at + 60 * SECOND).tolist() == [False, False]


def test_where_the_clocks_were_right_nothing_is_judged_anew() -> None:
    right = spells([(NOW, 0)])
    later = spells([(NOW, 0), (NOW + HOUR, 1800 * SECOND)])
    assert differing((), right) is None
    assert differing(right, right) is None
    begun = later[1].from_at
    assert begun == NOW + HOUR - 1800 * SECOND
    assert differing((), later) == differing(right, later) == (begun, later[1].to_at)
    over = spells([(NOW, 0), (NOW + HOUR, 1800 * SECOND), (NOW + 2 * HOUR, 0)])
    assert differing(later, over) == (begun, later[1].to_at)
    assert over[2] == Spell(NOW + 2 * HOUR, NOW + 2 * HOUR, later[1].to_at, 0)
