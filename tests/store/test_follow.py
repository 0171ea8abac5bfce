"""Followers read numbered batches, and the same ones at every reading."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from store import follow
from store.connection import Database, connect
from store.readings import Committed, StoredBatch, batches_after, between, latest, newest
from tests.databases import with_sessions

T0 = 1_700_000_000_000_000
Store = Callable[..., Committed]
Plain = tuple[int, int, int, list[tuple[int, int, float]]]


def plain(batch: StoredBatch) -> Plain:
    """(worker, number, received second, rows of series, second and value)."""
    rows = batch.readings
    seconds = (rows.measured_at - T0) // 1_000_000
    listed = list(zip(rows.series.tolist(), seconds.tolist(), rows.value.tolist(), strict=True))
    return batch.worker, batch.number, (batch.received_at - T0) // 1_000_000, listed


def test_batches_come_in_order_of_arrival_and_rows_by_series_and_time(
    db: Database, store: Store
) -> None:
    store([(2, 5, 1.0), (1, 6, 2.0), (1, 5, 3.0)], 10)
    store([(7, 5, 1.0)], 5, worker=4)
    store([], 11)
    assert [plain(batch) for batch in batches_after(db, {})] == [
        (4, 1, 5, [(7, 5, 1.0)]),
        (0, 1, 10, [(1, 5, 3.0), (1, 6, 2.0), (2, 5, 1.0)]),
        (0, 2, 11, []),
    ]
    assert [plain(batch) for batch in batches_after(db, {0: 1, 4: 1})] == [(0, 2, 11, [])]
    assert batches_after(db, follow.positions(db)) == []


@pytest.mark.promise("R4")
def test_a_batch_read_again_after_revisions_is_the_same(db: Database, store: Store) -> None:
    store([(1, 0, 1.0), (2, 0, 1.0)], 1)
    first = [plain(batch) for batch in batches_after(db, {})]
    store([(1, 0, 2.0), (1, 0, 3.0), (2, 0, 1.0)], 2)
    second = [plain(batch) for batch in batches_after(db, {})]
    assert second == [*first, (0, 2, 2, [(1, 0, 2.0), (1, 0, 3.0)])]
    store([(1, 0, 4.0)], 3)
    assert [plain(batch) for batch in batches_after(db, {})][:2] == second


def test_a_limit_cuts_between_batches_and_lets_at_least_one_through(
    db: Database, store: Store
) -> None:
    for second in range(5):
        store([(1, 2 * second, 1.0), (1, 2 * second + 1, 1.0)], second)

    def numbers(limit_rows: int, after: int = 0) -> list[int]:
        found = batches_after(db, {0: after}, limit_rows=limit_rows)
        assert all(len(batch.readings) == 2 for batch in found)
        return [batch.number for batch in found]

    assert numbers(1) == [1]
    assert numbers(4) == [1, 2]
    assert numbers(5, after=2) == [3, 4]
    assert numbers(100) == [1, 2, 3, 4, 5]


@with_sessions
def test_an_uncommitted_batch_is_not_seen_and_none_is_skipped(
    dsn: str, db: Database, store: Store
) -> None:
    store([(3, 0, 1.0)])
    with connect(dsn, stage="writer") as writer:
        with writer.transaction():
            store([(1, 0, 1.0)], db=writer, worker=1)
            store([(2, 0, 1.0)], 1)
            assert [plain(batch)[:2] for batch in batches_after(db, {0: 1})] == [(0, 2)]
        assert [plain(batch)[:2] for batch in batches_after(db, {0: 2})] == [(1, 1)]


def test_readings_are_found_by_series_and_half_open_time(db: Database, store: Store) -> None:
    store([(s, at, s + at) for s in (1, 2, 3) for at in (0, 86400, 2 * 86400)])
    found = between(db, [3, 1], T0, T0 + 2 * 86_400_000_000)
    assert found.series.tolist() == [1, 1, 3, 3]
    assert found.value.tolist() == [1, 86401, 3, 86403]
    assert len(between(db, [9], T0, T0 + 1)) == 0
    assert len(between(db, [], T0, T0 + 1)) == 0


def test_the_latest_readings_of_each_series(enrolled: Database, store: Store) -> None:
    store([(1, at * 50_000, float(at)) for at in range(5)] + [(2, 0, 9.0)])
    found = latest(enrolled, [2, 1, 3], 2)
    assert found.series.tolist() == [1, 1, 2]
    assert found.value.tolist() == [3, 4, 9]
    assert len(latest(enrolled, [3], 2)) == 0
    assert newest(enrolled) == {1: T0 + 200_000_000_000, 2: T0}


def test_many_rows_come_back_whole(db: Database, store: Store) -> None:
    values = np.random.default_rng(1).normal(size=5000)
    rows = [(n % 7 + 1, n * 60.0, value) for n, value in enumerate(values)]
    store(rows)
    found = between(db, list(range(1, 8)), T0, T0 + 10**12)
    assert sorted(found.value.tolist()) == sorted(values.tolist())
    assert len(batches_after(db, {})[0].readings) == 5000


@pytest.mark.promise("R4")
def test_a_follower_that_is_behind_takes_several_lines_in_order_of_arrival(
    db: Database, store: Store
) -> None:
    for second in range(6):
        store([(1, second, 1.0)], second, worker=1)
        store([(2, second, 1.0), (3, second, 1.0)], second + 0.5, worker=2)
    positions: dict[int, int] = {}
    taken: list[tuple[int, int]] = []
    while found := batches_after(db, positions, limit_rows=4):
        positions |= {batch.worker: batch.number for batch in found}
        taken += [(batch.received_at, batch.worker) for batch in found]
    assert taken == sorted(taken)
    assert len(taken) == 12


def test_lines_count_while_something_arrives_on_them(db: Database, store: Store) -> None:
    store([(1, 0, 1.0)], 10, worker=1)
    store([(1, 1, 1.0)], 20, worker=2)
    store([], 30, worker=3)
    assert [follow.lines_since(db, T0 + s * 1_000_000) for s in (5, 15, 25)] == [2, 1, 0]
