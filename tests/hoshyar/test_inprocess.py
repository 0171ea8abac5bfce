"""The store's rule for what is news, without a store."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoshyar.inprocess import Memory, in_stored_order
from records.network import Lab, Network, Station
from records.readings import ReadingBatch

Row = tuple[int, int, float]


def batch(rows: list[Row]) -> ReadingBatch:
    series, measured_at, value = zip(*rows, strict=True) if rows else ((), (), ())
    count = len(rows)
    return ReadingBatch(
        np.array(series, np.int32),
        np.array(measured_at, np.int64),
        np.zeros(count, np.int64),
        np.array(value, np.float64),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint8),
        np.zeros(count, np.bool_),
    )


def rows(readings: ReadingBatch) -> list[Row]:
    return list(
        zip(
            readings.series.tolist(),
            readings.measured_at.tolist(),
            readings.value.tolist(),
            strict=True,
        )
    )


def test_a_repeat_is_no_news_and_each_other_value_is() -> None:
    memory = Memory()
    first = [(1, 10, 0.5), (1, 10, 0.5), (2, 10, 0.5), (1, 10, 0.7), (1, 10, 0.5)]
    assert rows(memory.news(batch(first))) == [first[0], first[2], first[3], first[4]]
    assert rows(memory.news(batch([(1, 10, 0.5), (1, 11, 0.5)]))) == [(1, 11, 0.5)]


@pytest.mark.promise("R4")
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 5), st.sampled_from([0.0, 1.0])), max_size=40
    ),
    st.integers(1, 10),
)
def test_news_does_not_depend_on_how_rows_are_cut(arrived: list[Row], size: int) -> None:
    whole, pieces = Memory(), Memory()
    found = [
        row
        for start in range(0, len(arrived), size)
        for row in rows(pieces.news(batch(arrived[start : start + size])))
    ]
    assert found == rows(whole.news(batch(arrived)))


def test_places_are_put_in_the_order_that_the_registry_gives() -> None:
    network = Network(
        lab=(Lab(id="b"), Lab(id="a")),
        station=(Station(id="z", lab="b", lat=0, lon=0), Station(id="y", lab="a", lat=0, lon=0)),
        device=(),
        series=(),
    )
    ordered = in_stored_order(network)
    assert [lab.id for lab in ordered.lab] == ["a", "b"]
    assert [station.id for station in ordered.station] == ["y", "z"]
