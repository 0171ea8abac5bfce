"""A lease is held exactly as long as the session that commits."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from records.errors import StoreUnavailable
from store import leases
from store.connection import Database, connect
from store.leases import Standing
from store.readings import Committed, batches_after
from tests.databases import with_sessions

Store = Callable[..., Committed]


def owners(db: Database) -> dict[int, int]:
    return leases.standing(db).owners


def until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.01)


@with_sessions
def test_a_worker_and_a_shard_have_one_session_each(dsn: str, db: Database) -> None:
    assert leases.standing(db) == Standing({}, {})
    with connect(dsn, stage="other") as other:
        assert [leases.join(db, 1), leases.join(other, 1), leases.join(other, 2)] == [
            True,
            False,
            True,
        ]
        assert [leases.take(db, 3), leases.take(other, 3), leases.take(other, 4)] == [
            True,
            False,
            True,
        ]
        assert sorted(leases.standing(db).members) == [1, 2]
        assert owners(db) == {3: 1, 4: 2}
        leases.give(db, 3)
        assert leases.take(other, 3)
        assert owners(db) == {3: 2, 4: 2}
    until(lambda: owners(db) == {})
    assert [*leases.standing(db).members] == [1]


@with_sessions
@pytest.mark.promise("R2")
def test_who_has_lost_the_lease_can_commit_nothing_not_even_what_was_begun(
    dsn: str, db: Database, store: Store
) -> None:
    with connect(dsn, stage="hung") as hung:
        leases.join(hung, 1)
        leases.take(hung, 5)
        leases.join(db, 2)

        def hang_before_the_end() -> None:
            with hung.transaction():
                store([(1, 0, 1.0)], db=hung, worker=1)
                # Another one has its session ended, and owns the shard.
                leases.end(db, leases.standing(db).members[1])
                until(lambda: leases.take(db, 5))
                store([(1, 0, 2.0)], worker=2)

        with pytest.raises(StoreUnavailable):
            hang_before_the_end()
        with pytest.raises(StoreUnavailable):
            store([(1, 1, 1.0)], db=hung, worker=1)
    found = batches_after(db, {})
    assert [(batch.worker, batch.readings.value.tolist()) for batch in found] == [(2, [2.0])]


@with_sessions
def test_who_has_moved_since_it_was_looked_at_is_left_alone(dsn: str, db: Database) -> None:
    with connect(dsn, stage="slow") as slow:
        leases.join(slow, 1)
        seen = leases.standing(db).members[1]
        assert leases.standing(db).members[1] == seen
        leases.take(slow, 0)
        assert leases.standing(db).members[1].doing != seen.doing
        leases.end(db, seen)
        assert leases.take(slow, 1)
