"""A packed day reads as if nothing had happened, and takes late rows as if it were not packed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from records.errors import StoreUnavailable
from records.readings import ReadingBatch
from records.times import DAY, SECOND
from store import packed, queries, segments
from store.binary import ORIGIN
from store.connection import Database, connect
from store.partitions import Span
from store.readings import Commit, batches_after, commit, latest, newest
from tests.databases import Databases, with_sessions

FIRST_DAY = 19_675
TABLES = "reading, revision, packed, batch, worker"

Row = tuple[int, int, int, float]
rows = st.tuples(
    st.integers(1, 3), st.integers(0, 4), st.integers(0, 5), st.sampled_from([0.5, -0.0, 0.1])
)
commits = st.tuples(st.integers(0, 1), st.lists(rows, max_size=8))
histories = st.lists(st.one_of(commits, st.integers(1, 6)), max_size=12)


def batch_of(given: list[Row], received_at: int) -> ReadingBatch:
    series, day, second, value = zip(*given, strict=True) if given else ((), (), (), ())
    count = len(given)
    measured_at = (np.array(day, np.int64) + FIRST_DAY) * DAY + np.array(second, np.int64) * SECOND
    return ReadingBatch(
        np.array(series, np.int32),
        measured_at,
        np.full(count, received_at, np.int64),
        np.array(value, np.float64),
        (np.arange(count) % 4 + 1).astype(np.uint8),
        (np.arange(count) * 77).astype(np.uint16),
        np.arange(count) % 2 == 1,
    )


def compact(db: Database, day: int) -> None:
    while db.flavour.compact_before(db, day):
        pass


def seen(db: Database) -> list[Any]:
    """What every reader finds."""
    span = (FIRST_DAY * DAY + SECOND, (FIRST_DAY + 4) * DAY + 3 * SECOND)
    whole, origin = queries.with_origin(db, [1, 2, 3], 0, (FIRST_DAY + 9) * DAY)
    batches = [batch for after in ({}, {0: 2}) for batch in batches_after(db, after)]
    return [
        columns(whole),
        origin.tolist(),
        columns(queries.between(db, [1, 3], *span)),
        *(columns(latest(db, [1, 2, 3], count)) for count in (1, 3, 20)),
        newest(db),
        [(b.worker, b.number, b.received_at, columns(b.readings)) for b in batches],
        db.run("SELECT series, measured_at, value, batch, until_batch FROM revision ORDER BY 4, 5"),
    ]


def columns(readings: ReadingBatch) -> list[Any]:
    # By their bytes: -0.0 is another value than 0.0.
    return [
        (name, getattr(readings, name).dtype, getattr(readings, name).tobytes())
        for name in readings.__dataclass_fields__
    ]


@pytest.fixture
def twins(databases: Databases, kind: str) -> Iterator[tuple[Database, Database]]:
    with (
        databases.fresh(kind) as one,
        databases.fresh(kind) as two,
        connect(one, stage="plain") as plain,
        connect(two, stage="packing") as packing,
    ):
        for db in (plain, packing):
            for number in (1, 2, 3):
                enrol(db, number)
        yield plain, packing


def enrol(db: Database, number: int) -> None:
    db.run("INSERT INTO lab VALUES ('l', '') ON CONFLICT DO NOTHING")
    db.run(
        "INSERT INTO station (id, lab, lat, lon, name, names)"
        " VALUES ('s', 'l', 0, 0, '', '{}') ON CONFLICT DO NOTHING"
    )
    db.run(
        "INSERT INTO series (id, station, point, quantity, unit, late_after_s)"
        " VALUES (%s, 's', 'main', 'stage', 'm', 60)",
        (f"s{number}",),
    )


@pytest.mark.promise("R2")
@with_sessions
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories)
def test_readers_find_the_same_with_and_without_packing(
    twins: tuple[Database, Database], history: list[Any]
) -> None:
    plain, packing = twins
    for db in twins:
        db.run(f"TRUNCATE {TABLES}")
        db.run("UPDATE care SET packed_before = DEFAULT")
        db.newest.forget()
    for place, step in enumerate(history):
        if isinstance(step, int):
            compact(packing, FIRST_DAY + step)
            continue
        received_at = (FIRST_DAY + 3) * DAY + place * SECOND
        work = Commit(step[0], received_at, "senml/1", "qc/1", batch_of(step[1], received_at))
        assert commit(plain, work) == commit(packing, work)
    assert seen(packing) == seen(plain)
    compact(packing, FIRST_DAY + 6)
    assert packing.run("SELECT count(*) FROM reading") == [(0,)]
    assert seen(packing) == seen(plain)


@with_sessions
def test_a_writer_that_remembers_too_little_stores_no_packed_row_twice(
    dsn: str, db: Database
) -> None:
    row, received_at = [(1, 1, 5, 0.5)], (FIRST_DAY + 2) * DAY
    early, late = ([(1, 0, 0, 0.5)], row)
    with connect(dsn, stage="other") as other:
        for number, found in ((0, early), (1, late)):
            target = db if number == 0 else other
            commit(target, Commit(number, received_at, "d", "r", batch_of(found, received_at)))
        compact(other, FIRST_DAY + 2)
        # `db` remembers the early row as the newest.
        done = commit(db, Commit(0, received_at, "d", "r", batch_of(row, received_at)))
    assert (done.stored, done.repeated, done.revised) == (0, 1, 0)
    assert len(queries.between(db, [1], 0, (FIRST_DAY + 9) * DAY)) == 2


PART = Span.named("reading_20231114_20231115")


@with_sessions
def test_packing_lets_writers_pass_and_waits_for_their_turn(dsn: str, db: Database) -> None:
    received_at = (FIRST_DAY + 2) * DAY
    commit(db, Commit(0, received_at, "d", "r", batch_of([(1, 0, 0, 0.5)], received_at)))
    with connect(dsn, stage="writer") as writer:
        packed.advance(db, FIRST_DAY + 1)
        with writer.transaction():
            packed.open_days(writer, batch_of([(1, 0, 1, 0.5)], received_at))
            assert packed.pack_part(db, PART) is False
        assert packed.pack_part(db, PART) is True


@with_sessions
def test_the_day_that_may_be_packed_waits_for_commits_under_way(dsn: str, db: Database) -> None:
    received_at = (FIRST_DAY + 2) * DAY
    db.give_way()
    with connect(dsn, stage="writer") as writer, writer.transaction():
        commit(writer, Commit(0, received_at, "d", "r", batch_of([(1, 0, 0, 0.5)], received_at)))
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            packed.advance(db, FIRST_DAY + 1)
    assert packed.before(db) < FIRST_DAY


int64 = st.integers(-(2**62), 2**62)
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**6), 10**6).map(lambda n: n / 1000),
)


@given(st.integers(1, 30), st.data())
def test_a_segment_gives_back_every_bit(count: int, data: st.DataObject) -> None:
    def column(dtype: Any, elements: st.SearchStrategy[Any]) -> Any:
        return data.draw(arrays(dtype, count, elements=elements))

    readings = ReadingBatch(
        np.full(count, 7, np.int32),
        np.sort(column(np.int64, int64)),
        column(np.int64, int64),
        column(np.float64, values),
        column(np.uint8, st.integers(0, 255)),
        column(np.uint16, st.integers(0, 65535)),
        column(np.bool_, st.booleans()),
    )
    origin = np.empty(count, ORIGIN)
    origin["worker"] = column(np.int16, st.integers(0, 255))
    origin["batch"] = column(np.int64, int64)
    back, origin_back = segments.decode(segments.encode(readings, origin))
    assert columns(back) == columns(readings)
    assert origin_back.tobytes() == origin.tobytes()


def test_a_damaged_segment_is_refused_and_a_regular_one_is_small() -> None:
    count = 1440
    at = FIRST_DAY * DAY + np.arange(count) * 60 * SECOND
    level = np.round(2 + 0.01 * np.random.default_rng(1).normal(size=count).cumsum(), 3)
    ones = np.ones(count, np.uint8)
    readings = ReadingBatch(
        np.ones(count, np.int32), at, at + 80_000, level, ones, ones.astype(np.uint16), ones > 1
    )
    origin = np.zeros(count, ORIGIN)
    origin["batch"] = np.arange(count) * 3
    segment = segments.encode(readings, origin)
    assert len(segment) < 3 * count
    for place in (0, 100, len(segment) - 1):
        damaged = bytearray(segment)
        damaged[place] ^= 1
        with pytest.raises(segments.BadSegment):
            segments.decode(bytes(damaged))
    with pytest.raises(segments.BadSegment):
        segments.decode(b"")
