"""Out of quarantine: all or nothing, once, in the order of arrival."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from records.errors import Reason
from records.readings import ReadingBatch, empty
from records.times import SECOND
from store import quarantine, readings, reruns
from store.connection import Database, connect
from store.readings import Commit, Committed, Quarantined
from store.reruns import Outcome
from store.waveforms import Waveform, packets

T0 = 1_700_000_000 * SECOND
# series, seconds after T0, value, arrival in seconds after T0
Row = tuple[int, float, float, int]


def batch(*rows: Row) -> ReadingBatch:
    series, seconds, value, arrival = (np.array(c, np.float64) for c in zip(*rows, strict=True))
    flags = np.ones(len(rows), np.uint8)
    return ReadingBatch(
        series=series.astype(np.int32),
        measured_at=T0 + (seconds * SECOND).astype(np.int64),
        received_at=T0 + (arrival * SECOND).astype(np.int64),
        value=value,
        flag=flags,
        checks=np.zeros(len(rows), np.uint16),
        late=np.ones(len(rows), np.bool_),
    )


def refuse(db: Database, *arrivals: int) -> list[int]:
    """Quarantine a message a second each; the numbers that they got."""
    bad = tuple(
        Quarantined(None, "t", b"%d" % at, Reason.UNKNOWN_DEVICE, "who?", T0 + at * SECOND)
        for at in arrivals
    )
    readings.commit(db, Commit(0, T0, "d", "r", empty(), quarantined=bad))
    return sorted(entry.number for entry in quarantine.entries(db, 1000))


def outcome(rows: ReadingBatch, *mended: int, **changed: Any) -> Outcome:
    work = Commit(reruns.WORKER, T0 + 1000 * SECOND, "d", "r", rows, **changed)
    return Outcome(work, mended, ())


def stored(db: Database) -> list[tuple[int, float, float, float]]:
    found = db.run("SELECT series, measured_at, value, received_at FROM reading ORDER BY 1, 2")
    return [(s, at.timestamp() - T0 / 1e6, v, r.timestamp() - T0 / 1e6) for s, at, v, r in found]


def past(db: Database) -> list[tuple[float, float, float]]:
    """Value, receipt, and until when it was the truth."""
    found = db.run("SELECT value, received_at, until_at FROM revision ORDER BY 2, 3")
    return [(v, *(at.timestamp() - T0 / 1e6 for at in moments)) for v, *moments in found]


@pytest.mark.promise("R2")
def test_rows_stand_with_their_original_arrival_and_the_entries_end(db: Database) -> None:
    first, second = refuse(db, 1, 2)
    done = reruns.commit(db, outcome(batch((1, 0, 5.0, 1)), first), "amna")
    assert done == Committed(number=1, stored=1, repeated=0, revised=0)
    assert stored(db) == [(1, 0.0, 5.0, 1.0)]
    assert [entry.number for entry in quarantine.entries(db)] == [second]
    assert db.run("SELECT number, person, worker, batch FROM rerun") == [
        (first, "amna", reruns.WORKER, 1)
    ]
    assert db.run("SELECT sum(quarantined) FROM worker") == [(1,)]
    assert db.run("SELECT received_at FROM worker WHERE number = %s", (reruns.WORKER,)) == [(None,)]


def test_followers_are_told_of_what_was_mended(dsn: str, db: Database) -> None:
    mended, failed = refuse(db, 1, 2)
    with connect(dsn, stage="listener") as listener:
        listener.listen("batch")
        bad = Quarantined(None, "t", b"2", Reason.UNKNOWN_QUANTITY, "what?", T0)
        reruns.commit(db, Outcome(outcome(empty()).work, (), ((failed, bad),)), "amna")
        assert not listener.wait(0.01)
        reruns.commit(db, outcome(batch((1, 0, 5.0, 1)), mended), "amna")
        assert listener.wait(5.0)


@pytest.mark.promise("R2")
@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_values_of_one_key_stand_in_the_order_of_their_arrival(
    db: Database, order: tuple[int, ...]
) -> None:
    numbers = refuse(db, 1, 2, 3)
    for at in order:
        reruns.commit(db, outcome(batch((1, 0, 10.0 * at, at)), numbers[at - 1]), "")
    assert stored(db) == [(1, 0.0, 30.0, 3.0)]
    assert past(db) == [(10.0, 1.0, 2.0), (20.0, 2.0, 3.0)]


@pytest.mark.promise("R2")
def test_what_the_device_sent_again_meanwhile_stays_as_it_is(db: Database) -> None:
    (number,) = refuse(db, 1)
    live = Commit(0, T0 + 9 * SECOND, "d", "r", batch((1, 0, 5.0, 7), (1, 1, 6.0, 7)))
    readings.commit(db, live)
    readings.commit(db, Commit(0, T0, "d", "r", batch((1, 1, 8.0, 8))))
    again = batch((1, 0, 5.0, 1), (1, 1, 6.0, 1), (1, 2, 7.0, 1))
    done = reruns.commit(db, outcome(again, number), "")
    assert done == Committed(number=1, stored=1, repeated=2, revised=0)
    assert stored(db) == [(1, 0.0, 5.0, 7.0), (1, 1.0, 8.0, 8.0), (1, 2.0, 7.0, 1.0)]
    assert past(db) == [(6.0, 7.0, 8.0)]


def test_one_value_sent_often_in_one_rerun_is_one_row(db: Database) -> None:
    numbers = refuse(db, 1, 2, 3)
    again = batch((1, 0, 5.0, 3), (1, 0, 5.0, 1), (1, 0, 5.0, 2))
    assert reruns.commit(db, outcome(again, *numbers), "") == Committed(1, 1, 2, 0)
    assert stored(db) == [(1, 0.0, 5.0, 1.0)]


def test_what_fails_again_stays_with_its_new_reason(db: Database) -> None:
    (number,) = refuse(db, 1)
    bad = Quarantined(None, "t", b"1", Reason.WRONG_UNIT, "mended by half", T0)
    assert reruns.commit(db, Outcome(outcome(empty()).work, (), ((number, bad),)), "") == (
        Committed(0, 0, 0, 0)
    )
    (entry,) = quarantine.entries(db)
    assert (entry.number, entry.reason, entry.detail, entry.payload, entry.received_at) == (
        number, Reason.WRONG_UNIT, "mended by half", b"1", T0 + SECOND,
    )  # fmt: skip


@pytest.mark.promise("R1")
def test_nothing_is_stored_where_another_rerun_was_first(db: Database) -> None:
    (number,) = refuse(db, 1)
    work = outcome(batch((1, 0, 5.0, 1)), number)
    assert reruns.commit(db, work, "") is not None
    assert reruns.commit(db, work, "") is None
    assert db.run("SELECT count(*) FROM batch WHERE worker = %s", (reruns.WORKER,)) == [(1,)]


class Killed(Exception):
    """The end of the process, as far as the database can see it."""


@pytest.mark.promise("R1")
def test_a_kill_between_any_two_steps_leaves_all_or_nothing(
    dsn: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = refuse(db, 1, 2)
    packet = Waveform(1, T0, T0, 1.0, np.ones(3), 1, 0, 0, late=True)
    work = outcome(
        batch((1, 0, 5.0, 1), (1, 0, 6.0, 2), (2, 0, 7.0, 2)), *numbers, waveforms=(packet,)
    )
    steps, done = 0, None
    while done is None:
        with connect(dsn, stage="rerun") as mortal, monkeypatch.context() as patched:
            left, run = steps, mortal.run

            def dying(*arguments: Any, run: Any = run) -> Any:
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return run(*arguments)

            patched.setattr(mortal, "run", dying)
            try:
                done = reruns.commit(mortal, work, "")
            except Killed:
                assert stored(db) == []
                assert sorted(entry.number for entry in quarantine.entries(db)) == numbers
        steps += 1
    assert steps > 15
    assert stored(db) == [(1, 0.0, 6.0, 2.0), (2, 0.0, 7.0, 2.0)]
    assert past(db) == [(5.0, 1.0, 2.0)]
    assert len(packets(db, 1, T0, T0 + 1)) == 1
    assert quarantine.entries(db) == []


def test_old_entries_go_after_the_stated_time(db: Database) -> None:
    refuse(db, 1, 2, 3)
    assert quarantine.expire(db, T0 + 3 * SECOND) is False
    assert [entry.received_at for entry in quarantine.entries(db)] == [T0 + 3 * SECOND]
