"""Partitions never overlap, whatever days arrive whenever."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.partitions import Span, span_for

TODAY = 19_675  # 2023-11-14


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (TODAY, "reading_20231114_20231115"),
        (TODAY + 1, "reading_20231115_20231116"),
        (TODAY - 31, "reading_20231014_20231015"),
        (TODAY - 32, "reading_20231001_20231101"),
        (TODAY - 366, "reading_20221101_20221201"),
        (TODAY - 367, "reading_20220101_20230101"),
        (-1, "reading_19690101_19700101"),
    ],
)
def test_a_day_near_its_arrival_has_its_own_and_an_old_one_shares(day: int, name: str) -> None:
    span = span_for(day, TODAY, [])
    assert span.name == name
    assert Span.named(name) == span
    assert day in span


def test_another_table_is_no_partition() -> None:
    with pytest.raises(ValueError, match="is not a partition of readings"):
        Span.named("reading_backup")


def test_a_shared_one_leaves_room_for_what_is_there() -> None:
    month = span_for(
        TODAY - 32, TODAY, [Span(TODAY - 31, TODAY - 30), Span(TODAY - 40, TODAY - 39)]
    )
    assert month == Span(TODAY - 39, TODAY - 31)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(-1, 4000)), max_size=40))
def test_no_two_partitions_overlap(arrivals: list[tuple[int, int]]) -> None:
    spans: list[Span] = []
    for today, age in arrivals:
        day = today - age
        if not any(day in span for span in spans):
            spans.append(span_for(day, today, spans))
        assert sum(day in span for span in spans) == 1
    ordered = sorted(spans, key=lambda span: span.first)
    assert all(one.end <= two.first for one, two in pairwise(ordered))
