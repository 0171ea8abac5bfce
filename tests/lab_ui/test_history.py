"""Charts of a long past, the tail in memory, and the CSV."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lab_ui import history
from lab_ui.tail import Tail
from records import times
from records.network import Network
from records.readings import ReadingBatch
from store.registry import Registry

NOW = times.parse("2026-03-01T03:00:00Z")


def batch(series: list[int], at: list[int], value: list[float]) -> ReadingBatch:
    measured = np.array(at, np.int64)
    count = len(series)
    return ReadingBatch(
        np.array(series, np.int32), measured, measured, np.array(value, np.float64),
        np.ones(count, np.uint8), np.zeros(count, np.uint8), np.zeros(count, np.bool_),
    )  # fmt: skip


@given(
    arrays.arrays(np.float64, st.integers(1, 400), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 20),
)
def test_thinning_keeps_the_extremes_and_the_order_of_time(
    values: np.ndarray, buckets: int
) -> None:
    at = np.cumsum(np.arange(1, len(values) + 1, dtype=np.int64) % 7 + 1)
    kept_at, kept = history.thinned(at, values, buckets)
    assert len(kept) <= max(2 * buckets, 2)
    assert np.all(np.diff(kept_at) > 0)
    assert (kept.min(), kept.max()) == (values.min(), values.max())
    assert set(zip(kept_at.tolist(), kept.tolist(), strict=True)) <= set(
        zip(at.tolist(), values.tolist(), strict=True)
    )


def test_few_points_are_left_as_they_are() -> None:
    columns = history.columns(batch([1, 2, 1], [NOW, NOW, NOW + 2000], [1.0, 9.0, 2.0]), 1)
    assert columns == [[NOW // 1000, NOW // 1000 + 2], [1.0, 2.0]]


def test_a_series_without_readings_is_an_empty_chart() -> None:
    assert history.columns(batch([], [], []), 1) == [[], []]


def test_csv_has_ids_units_flags_and_times(network: Network) -> None:
    text = history.as_csv(batch([1], [NOW + 250_000], [5.25]), Registry.of(network))
    assert text == (
        "series,measured_at,value,unit,flag,received_at\n"
        "lake-level,2026-03-01T03:00:00.25Z,5.25,m,good,2026-03-01T03:00:00.25Z\n"
    )


def test_the_tail_keeps_the_newest_in_order_and_the_last_of_a_repeat() -> None:
    tail = Tail(points=3)
    tail.extend(batch([1, 1, 2], [30, 10, 5], [3.0, 1.0, 0.0]))
    tail.extend(batch([1, 1, 1], [20, 40, 30], [2.0, 4.0, 3.5]))
    at, values = tail.since(1, 0)
    assert (at.tolist(), values.tolist()) == ([20, 30, 40], [2.0, 3.5, 4.0])
    assert tail.since(1, 35)[0].tolist() == [40]
    assert len(tail.since(99, 0)[0]) == 0


def test_a_batch_without_readings_leaves_the_tail_as_it_is() -> None:
    tail = Tail()
    tail.extend(batch([], [], []))
    tail.extend(batch([1], [10], [1.0]))
    tail.extend(batch([], [], []))
    assert tail.since(1, 0)[0].tolist() == [10]
