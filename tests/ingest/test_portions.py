"""How much is stored at once, behind stores of all kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from ingest.portions import Portions

TARGET_S = 0.25
SMALLEST, LARGEST = 16_384, 8_388_608


@dataclass
class Store:
    """Takes `fixed_s` for each commit, and its time for the bytes; +-30 % of it is chance."""

    portions: Portions = field(default_factory=lambda: Portions(TARGET_S, SMALLEST, LARGEST))
    random: Random = field(default_factory=lambda: Random(7))

    def take(
        self, times: int, *, fixed_s: float, bytes_per_s: float, offered: int | None = None
    ) -> list[tuple[int, float]]:
        """(size, time) of so many portions, each full if no less is offered."""
        taken = []
        for _ in range(times):
            size = self.portions.size_bytes if offered is None else offered
            spent_s = (fixed_s + size / bytes_per_s) * self.random.uniform(0.7, 1.3)
            self.portions.took(size, spent_s)
            taken.append((size, spent_s))
        return taken


def test_a_fast_store_is_given_much_soon() -> None:
    began = Store().take(60, fixed_s=0.005, bytes_per_s=8e6)
    assert max(spent_s for _, spent_s in began) < 2 * TARGET_S
    assert sum(size for size, _ in began[10:]) / sum(s for _, s in began[10:]) > 7e6


def test_a_slow_store_is_given_little() -> None:
    for rate in (50e3, 100e3, 1e6):
        began = Store().take(60, fixed_s=0.005, bytes_per_s=rate)
        assert max(spent_s for _, spent_s in began) < 2 * max(TARGET_S, SMALLEST / rate)


def test_repeats_that_cost_a_slow_store_nothing_do_not_make_it_a_fast_one() -> None:
    store = Store()
    store.take(20, fixed_s=0.005, bytes_per_s=100e3)
    for _ in range(20):
        store.portions.took(store.portions.size_bytes, 0.001, stored=False)
    began = store.take(20, fixed_s=0.005, bytes_per_s=100e3)
    assert max(spent_s for _, spent_s in began) < 2 * TARGET_S


def test_repeats_are_taken_by_the_piece_that_a_fast_store_could_be_given() -> None:
    for before in (0, 20):
        store = Store()
        store.take(before, fixed_s=0.005, bytes_per_s=8e6)
        for _ in range(20):
            store.portions.took(store.portions.size_bytes, 0.01, stored=False)
        assert store.portions.size_bytes > 256 * 1024


def test_repeats_that_take_long_are_taken_in_smaller_portions() -> None:
    store = Store()
    store.take(60, fixed_s=0.005, bytes_per_s=8e6)
    for _ in range(3):
        size = store.portions.size_bytes
        store.portions.took(size, size / 100e3, stored=False)
    assert store.portions.size_bytes / 100e3 < 2 * TARGET_S


def test_one_portion_is_late_when_a_store_becomes_slow_and_none_after_it() -> None:
    store = Store()
    store.take(60, fixed_s=0.005, bytes_per_s=8e6)
    slow = store.take(60, fixed_s=0.005, bytes_per_s=120e3)
    assert slow[0][1] > 5
    assert max(spent_s for _, spent_s in slow[1:]) < 2 * TARGET_S
    again = store.take(60, fixed_s=0.005, bytes_per_s=8e6)
    assert again[-1][0] > 1e6


def test_where_each_commit_takes_long_a_portion_takes_twice_that_and_no_more_is_lost() -> None:
    for before in (0, 60):
        store = Store()
        store.take(before, fixed_s=0.005, bytes_per_s=8e6)
        far = store.take(100, fixed_s=1.0, bytes_per_s=8e6)[20:]
        assert max(spent_s for _, spent_s in far) < 4.0
        assert sum(size for size, _ in far) / sum(s for _, s in far) > 1e6


def test_after_calm_no_more_is_tried_than_twice_what_was_tried() -> None:
    store = Store()
    store.take(60, fixed_s=0.005, bytes_per_s=8e6)
    store.take(200, fixed_s=0.005, bytes_per_s=8e6, offered=300)
    assert store.portions.size_bytes == SMALLEST


def test_nothing_says_nothing() -> None:
    portions = Portions(TARGET_S, SMALLEST, LARGEST)
    portions.took(0, 60.0)
    assert portions.size_bytes == SMALLEST


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_times_are_a_portion_stays_within_its_bounds(seed: int) -> None:
    random, portions = Random(seed), Portions(TARGET_S, SMALLEST, LARGEST)
    for _ in range(300):
        portions.took(random.randrange(1, LARGEST), random.choice((0.0, 1e-6, 0.1, 5.0, 600.0)))
        assert SMALLEST <= portions.size_bytes <= LARGEST
