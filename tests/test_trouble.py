"""What `scripts/bench ingest --case poison` may say, and when it must say that nothing is shown."""

from __future__ import annotations

import numpy as np
import pytest

from bench import publisher, trouble


def test_each_pair_has_one_turn_with_the_trouble_and_what_comes_first_alternates() -> None:
    turns = [publisher.is_troubled(turn) for turn in range(8)]
    assert turns == [False, True, True, False, False, True, True, False]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-1.0, 2.9, "under the bar"),
        (-1.0, 3.0, "not shown"),
        (2.9, 3.1, "not shown"),
        (3.0, 8.0, "over the bar"),
    ],
)
def test_only_an_interval_that_is_all_on_one_side_of_the_bar_shows_anything(
    low: float, high: float, said: str
) -> None:
    assert trouble.verdict(low, high, 3) == said


@pytest.mark.parametrize(
    ("cost", "wrong"), [(1.0, "over the bar"), (3.0, "under the bar"), (6.0, "under the bar")]
)
def test_a_wrong_verdict_is_rare_however_the_costs_scatter(cost: float, wrong: str) -> None:
    """Skewed, as processor time is: now and then another program has emptied the caches."""
    random = np.random.default_rng(1)
    said = []
    for _ in range(300):
        scatter = random.exponential(4.0, trouble.PAIRS)
        costs = cost + scatter - 4.0 * np.log(2)
        said.append(trouble.verdict(*trouble.interval([*costs]), 3))
    assert said.count(wrong) <= 0.05 * len(said)
