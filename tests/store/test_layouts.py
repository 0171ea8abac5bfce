"""Parts of the readings are made, dropped and compacted, and no answer changes by it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import psycopg
import pytest

from records.readings import ReadingBatch
from records.times import DAY
from store import hypertable
from store.connection import Database
from store.readings import Commit, Committed, batches_after, between, commit, latest, newest

T0 = 1_700_000_000_000_000
TODAY = T0 // DAY
Store = Callable[..., Committed]
Make = Callable[..., ReadingBatch]


def rows(db: Database, *series: int) -> list[tuple[int, float, float]]:
    """(series, seconds after T0, value) of all that is stored."""
    found = between(db, series or (1, 2, 3), 0, T0 + 400 * DAY)
    seconds = (found.measured_at - T0) / 1e6
    return list(zip(found.series.tolist(), seconds.tolist(), found.value.tolist(), strict=True))


def parts(db: Database) -> int:
    return int(
        db.run("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass")[0][0]
    )


def compact(db: Database, day: int) -> list[str]:
    """Until nothing is left: the names of what was done."""
    done: list[str] = []
    while names := db.flavour.compact_before(db, day):
        done += names
    return done


def test_parts_are_made_ahead_once(db: Database, store: Store) -> None:
    db.flavour.make_ahead(db, TODAY)
    made = parts(db)
    assert made >= 2
    db.flavour.make_ahead(db, TODAY)
    store([(1, 0, 1.0), (1, 86400, 2.0)])
    assert parts(db) == made
    assert rows(db) == [(1, 0, 1.0), (1, 86400, 2.0)]


def test_what_is_dropped_is_whole_parts_of_older_days(db: Database, store: Store) -> None:
    days = [(1, 86400.0 * day, float(day)) for day in (-400, -40, -2, -1, 0)]
    store(days)
    dropped = db.flavour.drop_before(db, TODAY - 1)
    assert len(dropped) == len(set(dropped)) == 3
    assert rows(db) == [(1, -86400, -1.0), (1, 0, 0.0)]
    assert db.flavour.drop_before(db, TODAY - 1) == []


def test_a_part_that_retention_dropped_is_made_again(db: Database, store: Store) -> None:
    store([(1, 0, 1.0), (1, 86400, 1.0)])
    assert len(db.flavour.drop_before(db, TODAY + 2)) == 2
    assert store([(1, 10, 2.0)]) == Committed(2, 1, 0, 0)
    assert rows(db) == [(1, 10, 2.0)]


def test_a_device_with_a_wild_clock_makes_few_parts(db: Database, store: Store) -> None:
    store([(1, -86400.0 * day, 1.0) for day in range(0, 8000, 7)])
    for n, day in enumerate(range(3, 8000, 301)):
        store([(2, -86400.0 * day, 1.0)], n)
    assert parts(db) < 48
    assert len(rows(db, 1)) == 1143


def test_today_keeps_parts_of_a_day_whatever_came_before_it(db: Database, store: Store) -> None:
    for day in (-4000, -367, -366, -33, -32):
        store([(1, 86400.0 * day, 1.0)])
    store([(1, 86400.0 * day, 2.0) for day in (-1, 0, 1)])
    db.flavour.drop_before(db, TODAY)
    assert parts(db) == 2
    assert rows(db) == [(1, 0, 2.0), (1, 86400, 2.0)]


def test_late_rows_and_revisions_reach_compacted_parts(db: Database, store: Store) -> None:
    store([(n, 60.0 * minute, float(minute)) for n in (1, 2, 3) for minute in range(200)])
    compact(db, TODAY + 2)
    before = rows(db)
    assert before == [(n, 60.0 * m, float(m)) for n in (1, 2, 3) for m in range(200)]
    assert newest(db) == {} or set(newest(db).values()) == {T0 + 199 * 60_000_000}
    # A late one, a repeat, a revision, two values for one key of which the second is the truth.
    answer = store([(1, 30, 9.0), (1, 60, 1.0), (2, 120, -2.0), (3, 45, 1.0), (3, 45, 5.0)], 500)
    assert answer == Committed(2, 2, 1, 2)
    changed = {(key[0], key[1]): key[2] for key in before}
    changed |= {(1, 30.0): 9.0, (2, 120.0): -2.0, (3, 45.0): 5.0}
    expected = [(*key, value) for key, value in sorted(changed.items())]
    assert rows(db) == expected
    assert db.run("SELECT series, value, until_batch FROM revision ORDER BY series") == [
        (2, 2.0, 2),
        (3, 1.0, 2),
    ]
    again = batches_after(db, {})
    assert [len(batch.readings) for batch in again] == [600, 4]
    compact(db, TODAY + 2)
    assert rows(db) == expected
    assert store([(2, 120, -2.0)], 600) == Committed(3, 0, 1, 0)
    assert latest(db, [1, 3], 1).value.tolist() == [199.0, 199.0]


def test_readings_straight_into_a_compacted_part_are_stored_once(
    db: Database, store: Store
) -> None:
    store([(1, 0, 1.0), (2, 0, 1.0)])
    compact(db, TODAY + 2)
    assert store([(1, 60, 2.0), (3, 60, 2.0)], 100) == Committed(2, 2, 0, 0)
    db.newest.learn({1: T0}, [1])  # as where another worker was faster
    assert store([(1, 60, 2.0), (1, 120, 3.0)], 200) == Committed(3, 1, 1, 0)
    assert rows(db) == [(1, 0, 1.0), (1, 60, 2.0), (1, 120, 3.0), (2, 0, 1.0), (3, 60, 2.0)]


def test_late_readings_of_many_series_reach_a_compacted_day(db: Database, batch_of: Make) -> None:
    """By default TimescaleDB refuses a statement that unpacks over 100,000 rows, for ever."""
    series, count = np.arange(1, 103, dtype=np.int32), 1000
    start = TODAY * DAY

    def batch(measured_s: np.ndarray, value: float) -> Commit:
        number = np.repeat(series, len(measured_s))
        measured = np.tile(start + measured_s * 1_000_000, len(series))
        width = len(number)
        readings = ReadingBatch(
            series=number,
            measured_at=measured,
            received_at=np.full(width, T0, np.int64),
            value=np.full(width, value),
            flag=np.ones(width, np.uint8),
            checks=np.zeros(width, np.uint16),
            late=np.zeros(width, np.bool_),
        )
        return Commit(0, T0, "senml/1", "qc/1", readings)

    commit(db, batch(np.arange(count, dtype=np.int64), 1.0))
    compact(db, TODAY + 1)
    answer = commit(db, batch(np.array([500, 5000], np.int64), 2.0))
    assert answer == Committed(2, len(series), 0, len(series))
    found = between(db, [int(series[-1])], start, start + DAY)
    assert found.value.tolist() == [1.0] * 500 + [2.0] + [1.0] * 499 + [2.0]


@pytest.mark.parametrize("kind", ["timescale"])
def test_a_columnstore_is_smaller_and_packs_again_what_came_late(
    db: Database, store: Store
) -> None:
    noise = np.random.default_rng(1).normal(10, 1, 4000).round(2)
    for n in (1, 2, 3):
        store([(n, 10.0 * k, float(value)) for k, value in enumerate(noise)])
    loose = db.flavour.size_bytes(db)
    first = compact(db, TODAY + 2)
    assert len(first) == 2
    assert db.flavour.size_bytes(db) < 0.3 * loose
    assert compact(db, TODAY + 2) == []
    store([(1, 5, 1.0)], 50_000)
    assert compact(db, TODAY + 2) == first[:1]
    assert compact(db, TODAY + 2) == []


@pytest.mark.parametrize("kind", ["timescale"])
def test_an_edition_without_a_columnstore_keeps_its_rows(
    db: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Database) -> None:
        raise psycopg.errors.FeatureNotSupported("not supported under the current license")

    monkeypatch.setattr(hypertable, "_choose_columnstore", refuse)
    store([(1, 0, 1.0)])
    assert compact(db, TODAY + 2) == []
    assert rows(db) == [(1, 0, 1.0)]


@pytest.mark.parametrize("kind", ["timescale"])
def test_the_layout_is_known_by_the_table(db: Database) -> None:
    assert isinstance(db.flavour, hypertable.Hypertable)
