"""What a commit promises: each row once, no revision undone, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.errors import Reason
from records.levels import Check
from records.readings import ReadingBatch
from store import commits, quarantine, readings
from store.connection import Database, connect
from store.readings import Commit, Committed, DeviceStatus, Quarantined, Settled

T0 = 1_700_000_000_000_000
Store = Callable[..., Committed]


def rows(db: Database) -> list[tuple[int, float, float]]:
    """What is stored: series, seconds after T0, value."""
    found = db.run("SELECT series, measured_at, value FROM reading ORDER BY series, measured_at")
    return [(s, at.timestamp() - T0 / 1e6, value) for s, at, value in found]


def replaced(db: Database) -> list[tuple[int, float, float, int, int]]:
    """What was replaced: series, seconds after T0, value, batch, and the batch that replaced it."""
    found = db.run(
        "SELECT series, measured_at, value, batch, until_batch FROM revision"
        " ORDER BY until_batch, batch, series, measured_at"
    )
    return [(s, at.timestamp() - T0 / 1e6, v, b, until) for s, at, v, b, until in found]


def test_every_column_comes_back_as_it_was_stored(db: Database) -> None:
    batch = ReadingBatch(
        series=np.array([2, 1, 1], np.int32),
        measured_at=np.array([T0 + 1, T0 + 999_999, T0 - 86_400_000_000], np.int64),
        received_at=np.array([T0 + 5, T0 + 6, T0 + 6], np.int64),
        value=np.array([-0.5, 1e300, 5e-324]),
        flag=np.array([1, 4, 9], np.uint8),
        checks=np.array([0, 17, sum(Check)], np.uint16),
        late=np.array([False, True, False]),
    )
    done = readings.commit(db, Commit(3, T0 + 6, "senml/1", "qc/1", batch))
    assert done == Committed(number=1, stored=3, repeated=0, revised=0)
    back = readings.between(db, [1, 2], T0 - 86_400_000_000, T0 + 1_000_000)
    wanted = batch.take(np.array([2, 1, 0]))
    for column in batch.__dataclass_fields__:
        assert getattr(back, column).tolist() == getattr(wanted, column).tolist()
        assert getattr(back, column).dtype == getattr(wanted, column).dtype
    assert db.run("SELECT worker, batch FROM reading") == [(3, 1)] * 3


@pytest.mark.promise("R2")
def test_the_same_reading_again_changes_nothing(db: Database, store: Store) -> None:
    assert store([(1, 0, 5.0), (2, 0, 6.0)]) == Committed(1, 2, 0, 0)
    assert store([(2, 0, 6.0), (1, 0, 5.0)], 10) == Committed(2, 0, 2, 0)
    assert rows(db) == [(1, 0, 5.0), (2, 0, 6.0)]
    assert replaced(db) == []


def test_a_different_value_moves_the_old_row_to_the_revisions(db: Database, store: Store) -> None:
    store([(1, 0, 5.0)])
    assert store([(1, 0, 7.0)], 10) == Committed(2, 0, 0, 1)
    assert rows(db) == [(1, 0, 7.0)]
    assert replaced(db) == [(1, 0, 5.0, 1, 2)]
    received = db.run("SELECT received_at, until_at FROM revision")[0]
    assert [at.timestamp() - T0 / 1e6 for at in received] == [0, 10]


def test_several_values_for_one_key_in_one_batch_are_taken_in_their_order(
    db: Database, store: Store
) -> None:
    store([(1, 0, 5.0)])
    done = store([(1, 0, 5.0), (1, 0, 6.0), (1, 0, 6.0), (1, 0, 5.0), (2, 0, 1.0), (2, 0, 2.0)])
    assert done == Committed(2, stored=1, repeated=2, revised=3)
    assert rows(db) == [(1, 0, 5.0), (2, 0, 2.0)]
    assert replaced(db) == [(1, 0, 5.0, 1, 2), (1, 0, 6.0, 2, 2), (2, 0, 1.0, 2, 2)]


def test_older_rows_are_stored_whatever_order_they_come_in(db: Database, store: Store) -> None:
    store([(1, 100, 1.0)])
    assert store([(1, 50, 2.0), (1, 200, 3.0), (1, -86400 * 500, 4.0)]) == Committed(2, 3, 0, 0)
    assert rows(db) == [(1, -43_200_000, 4.0), (1, 50, 2.0), (1, 100, 1.0), (1, 200, 3.0)]


@pytest.mark.promise("R2")
def test_a_commit_sent_again_after_a_revision_does_not_undo_it(db: Database, store: Store) -> None:
    first, second = (Settled(1, 7, ((0, 0),)),), (Settled(1, 7, ((1, 1),)),)
    db.run("INSERT INTO lab VALUES ('l', '')")
    db.run("INSERT INTO station (id, lab, lat, lon, name, names) VALUES ('s', 'l', 0, 0, '', '{}')")
    db.run("INSERT INTO device (id, station, simulated) VALUES ('d', 's', false)")
    store([(1, 0, 5.0)], settled=first)
    store([(1, 0, 7.0)], 10, settled=second)
    assert store([(1, 0, 5.0), (1, 1, 8.0)], 20, settled=first) == Committed(3, 1, 1, 0)
    assert rows(db) == [(1, 0, 7.0), (1, 1, 8.0)]
    assert readings.ledger(db) == {(1, 7): ((0, 1),)}


def test_the_ledger_joins_ranges_and_keeps_boots_apart(enrolled: Database, store: Store) -> None:
    store([], settled=(Settled(1, 7, ((0, 5), (7, 9))), Settled(2, 1, ((3, 3),))))
    store([], settled=(Settled(1, 7, ((6, 6),)), Settled(1, 8, ((0, 2**62),))))
    assert readings.ledger(enrolled) == {
        (1, 7): ((0, 9),),
        (1, 8): ((0, 2**62),),
        (2, 1): ((3, 3),),
    }


def test_bad_messages_are_kept_with_their_bytes_once(enrolled: Database, store: Store) -> None:
    bad = Quarantined(None, "a\0b", b"\0\xff", Reason.UNDECODABLE, "\ud800", T0)
    known = Quarantined(1, "t", b"", Reason.EMPTY_PAYLOAD, "", T0 + 1)
    store([], quarantined=(bad, known))
    store([], quarantined=(bad,))
    assert [(e.topic, e.payload, e.detail) for e in quarantine.entries(enrolled)] == [
        ("t", b"", ""),
        ("a\ufffdb", b"\0\xff", "?"),
    ]
    assert quarantine.counts(enrolled) == {
        (None, Reason.UNDECODABLE): 1,
        (1, Reason.EMPTY_PAYLOAD): 1,
    }
    assert list(quarantine.digests(enrolled, T0 + 1).values()) == [T0 + 1]


def test_the_newest_status_of_a_device_is_kept(enrolled: Database, store: Store) -> None:
    def said(state: str, at: int) -> DeviceStatus:
        return DeviceStatus(1, state, 7, "1.2", 12.5, None, 74.2, T0 + at)

    store([], statuses=(said("offline", 2), said("online", 1)))
    assert enrolled.run(
        "SELECT state, boot, firmware, battery_v, lat, lon FROM device ORDER BY number"
    ) == [
        ("offline", 7, "1.2", 12.5, None, 74.2),
        (None,) * 6,
        (None,) * 6,
    ]


def test_a_failed_commit_leaves_nothing_and_the_next_one_is_right(
    enrolled: Database, store: Store
) -> None:
    store([(1, 0, 5.0)])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        store([(1, 10, 6.0), (1, 86400, 7.0)], settled=(Settled(99, 1, ((0, 0),)),))
    assert rows(enrolled) == [(1, 0, 5.0)]
    assert store([(1, 10, 6.0), (1, 86400, 7.0)]) == Committed(2, 2, 0, 0)
    assert rows(enrolled) == [(1, 0, 5.0), (1, 10, 6.0), (1, 86400, 7.0)]


def test_a_transaction_rolled_back_around_a_commit_takes_it_back(
    db: Database, store: Store
) -> None:
    def fail() -> None:
        with db.transaction():
            store([(1, 0, 5.0), (1, 86400, 6.0)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store([(1, 0, 5.0), (1, 86400, 6.0)]) == Committed(1, 2, 0, 0)
    assert rows(db) == [(1, 0, 5.0), (1, 86400, 6.0)]


@pytest.mark.promise("R2")
def test_two_writers_with_the_same_keys_store_each_row_once(
    dsn: str, db: Database, store: Store
) -> None:
    store([(1, 0, 1.0)])
    with connect(dsn, stage="other") as other:
        # Both remember 0 s as the newest; the second to commit is wrong about that.
        store([(1, 0, 1.0)], db=other, worker=1)
        store([(1, 10, 2.0), (1, 20, 3.0)])
        done = store([(1, 10, 2.0), (1, 20, 4.0), (1, 30, 5.0)], 5, db=other, worker=1)
    assert done == Committed(2, stored=1, repeated=1, revised=1)
    assert rows(db) == [(1, 0, 1.0), (1, 10, 2.0), (1, 20, 4.0), (1, 30, 5.0)]


def test_a_batch_says_where_its_rows_come_from(db: Database, store: Store) -> None:
    store([(1, 0, 5.0), (1, 10, 5.0)], 20)
    store([(1, 0, 5.0), (1, 10, 6.0)], 30)
    found = db.run(
        "SELECT worker, number, decoder, rules, stored, repeated, revised, quarantined,"
        " extract(epoch FROM received_at)::int8, extract(epoch FROM last_measured_at)::int8"
        " FROM batch ORDER BY number"
    )
    at = T0 // 1_000_000
    assert found == [
        (0, 1, "senml/1", "qc/1", 2, 0, 0, 0, at + 20, at + 10),
        (0, 2, "senml/1", "qc/1", 0, 1, 1, 0, at + 30, at + 10),
    ]


_KEYS = st.tuples(
    st.integers(1, 2), st.sampled_from([0.0, 1.0, 2.0, 86400.0]), st.sampled_from([1.0, 2.0, 3.0])
)
_MESSAGES = st.lists(st.lists(_KEYS, max_size=6), min_size=1, max_size=6)


@pytest.mark.promise("R2")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(messages=_MESSAGES, data=st.data())
def test_messages_in_any_order_make_each_row_once_and_never_undo_a_revision(
    enrolled: Database,
    store: Store,
    messages: list[list[tuple[int, float, float]]],
    data: st.DataObject,
) -> None:
    """Message n is settled as sequence n; each comes at least once, and again at any later time."""
    enrolled.run("TRUNCATE reading, revision, batch, worker, settled")
    enrolled.newest.forget()
    order = list(range(len(messages)))
    again = data.draw(st.lists(st.sampled_from(order), max_size=5))
    truth: dict[tuple[int, float], float] = {}
    history: list[tuple[int, float, float]] = []
    seen: set[int] = set()
    for place, n in enumerate(data.draw(st.permutations(order)) + again):
        before = dict(truth)
        done = store(messages[n], place, settled=(Settled(1, 1, ((n, n),)),))
        if n not in seen:
            for series, at, value in messages[n]:
                if (series, at) in truth and truth[series, at] != value:
                    history.append((series, at, truth[series, at]))
                truth[series, at] = value
        seen.add(n)
        assert done.stored == len(truth) - len(before)
        assert done.stored + done.repeated + done.revised == len(messages[n])
    assert rows(enrolled) == sorted((s, at, value) for (s, at), value in truth.items())
    assert sorted(row[:3] for row in replaced(enrolled)) == sorted(history)
    assert readings.ledger(enrolled) == {(1, 1): ((0, len(messages) - 1),)}


def test_what_is_gone_is_kept_apart_from_what_is_settled(enrolled: Database, store: Store) -> None:
    store([(1, 0, 1.0)], settled=(Settled(1, 7, ((0, 4),)),))
    store([], gone=(Settled(1, 6, ((0, 9),)), Settled(1, 7, ((3, 8), (20, 21)))))
    store([], gone=(Settled(1, 7, ((8, 10),)),))
    assert readings.ledger(enrolled) == {(1, 7): ((0, 4),)}
    assert readings.gone(enrolled) == {(1, 6): ((0, 9),), (1, 7): ((5, 10), (20, 21))}


@pytest.mark.promise("R2")
def test_a_message_declared_gone_is_stored_when_it_comes_and_is_gone_no_more(
    enrolled: Database, store: Store
) -> None:
    store([], gone=(Settled(1, 7, ((1, 5),)),))
    assert store([(1, 3, 1.0)], settled=(Settled(1, 7, ((3, 3),)),)).stored == 1
    # It revises as any first delivery does, and repeated it changes nothing.
    assert store([(1, 3, 2.0)], settled=(Settled(1, 7, ((4, 4),)),)).revised == 1
    assert store([(1, 3, 1.0)], settled=(Settled(1, 7, ((3, 3),)),)).repeated == 1
    assert readings.ledger(enrolled) == {(1, 7): ((3, 4),)}
    assert readings.gone(enrolled) == {(1, 7): ((1, 2), (5, 5))}


def test_newest_is_asked_only_about_series_it_knows_nothing_of(db: Database, store: Store) -> None:
    store([(1, 5, 1.0), (900, 7, 1.0)])
    assert commits.newest_of(db, [1, 2, 900]) == {1: T0 + 5_000_000, 900: T0 + 7_000_000}
    assert db.newest.unknown(np.array([1, 2, 900, 5000], np.int32)) == [2, 5000]
