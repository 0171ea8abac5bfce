"""Rounds: each series at most once, per series in the order given, slices where rows follow."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.rounds import parts, places_of, rounds


@given(st.lists(st.integers(0, 5), max_size=60))
def test_rounds_take_each_row_once_and_each_series_in_its_order(places: list[int]) -> None:
    place = np.array(places, np.intp)
    taken = [places_of(rows) for rows in rounds(place)]
    assert sorted(row for rows in taken for row in rows.tolist()) == list(range(len(place)))
    for rows in taken:
        assert (np.diff(place[rows]) > 0).all()
    for series in set(places):
        own = [row for rows in taken for row in rows.tolist() if place[row] == series]
        assert own == sorted(own)


def test_rows_that_follow_each_other_are_a_slice() -> None:
    assert list(rounds(np.array([0, 0, 0]))) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(rounds(np.array([0, 1, 0, 1]))) == [slice(0, 2), slice(2, 4)]
    first, second = rounds(np.array([1, 0, 1]))
    assert places_of(first).tolist() == [1, 0]
    assert second == slice(2, 3)


def test_large_rounds_come_in_parts() -> None:
    place = np.arange(10_000)
    for rows in (place, place[::-1]):
        sizes = [len(places_of(part)) for part in parts(rows)]
        assert sizes == [4096, 4096, 1808]
