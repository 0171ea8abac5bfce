"""Out of quarantine: messages that can be read now become rows in their right place, once.

One transaction holds the rows, the end of the quarantine entry and who did it when, so that a kill
between any two steps leaves all of it or nothing. Rows have a worker's number line of their own,
`WORKER`, beside the running ingest, and stand where their arrival says: an older value becomes the
past of a newer one, never its successor. The ledger of sequence numbers is left alone: a message of
a device that was unknown is settled when the device sends it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psycopg

from records.times import DAY, to_datetime
from store import commits, staging, waveforms
from store.binary import STORED, pack
from store.commits import Commit, Committed
from store.connection import Database
from store.quarantine import Quarantined
from store.text import storable

# Over every number that an ingest worker can have.
WORKER = 1000
_ATTEMPTS = 5
_COLUMNS = ", ".join(STORED)
_COPY = f"COPY staged ({_COLUMNS}, place) FROM STDIN (FORMAT BINARY)"
_KEY = "series = k.series AND measured_at = k.measured_at"
# A key's whole history with the new rows among it, by arrival; `place` is below 0 for stored rows.
_STORY = f"""
WITH k AS (SELECT DISTINCT series, measured_at FROM staged), story AS (
    SELECT {_COLUMNS}, place FROM staged
    UNION ALL SELECT r.*, -1 FROM k CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM reading
        WHERE {_KEY} AND measured_at BETWEEN %(first)s AND %(last)s OFFSET 0) r
    UNION ALL SELECT v.*, -2 FROM k CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM revision WHERE {_KEY} OFFSET 0) v)
"""
_IN_ORDER = "WINDOW key AS (PARTITION BY series, measured_at ORDER BY received_at, place)"
# The value that stood already, or that the device has sent again since, is no news.
_DROP = tuple(
    f"{_STORY} DELETE FROM staged USING (SELECT place, value, {beside} AS beside"
    f" FROM story {_IN_ORDER}) s"
    " WHERE s.place >= 0 AND staged.place = s.place AND s.value = s.beside"
    for beside in ("lag(value) OVER key", "lead(value) OVER key")
)
_CHANGES = f"""
INSERT INTO changed {_STORY}
SELECT {_COLUMNS}, place, min(place) OVER (PARTITION BY series, measured_at) < 0,
       lead(received_at) OVER key, lead(worker) OVER key, lead(batch) OVER key
FROM story {_IN_ORDER}
"""
# The row that was the present and is the past now, and new rows that are past from the start.
_KEEP = f"""
INSERT INTO revision SELECT {_COLUMNS}, until_at, until_worker, until_batch
FROM changed WHERE until_batch IS NOT NULL AND place <> -2
"""
_MOVE = """
UPDATE revision v SET (until_at, until_worker, until_batch)
    = (c.until_at, c.until_worker, c.until_batch)
FROM changed c
WHERE c.place = -2 AND v.series = c.series AND v.measured_at = c.measured_at
  AND v.received_at = c.received_at AND v.worker = c.worker AND v.batch = c.batch
  AND v.value = c.value
"""
_COUNT = """
SELECT count(*) FILTER (WHERE NOT known AND until_batch IS NULL),
       count(*) FILTER (WHERE place >= 0 AND (known OR until_batch IS NOT NULL))
FROM changed
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of quarantine entries, by their numbers.

    work     rows to store; `work.worker` is `WORKER`, `work.received_at` the moment of the rerun
    mended   entries that end, each in `work`
    failed   entries that stay, with what is wrong with them now
    """

    work: Commit
    mended: tuple[int, ...]
    failed: tuple[tuple[int, Quarantined], ...]


def commit(db: Database, outcome: Outcome, person: str) -> Committed | None:
    """Store it all in one transaction, which notifies `batch`.

    None, and nothing, where an entry is no longer there; batch number 0 where there was nothing to
    store. Raises StoreUnavailable; then nothing is stored, or all of it and the answer was lost.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _attempt(db, outcome, person)
        except (psycopg.errors.UniqueViolation, psycopg.errors.CheckViolation):
            continue  # ingest was first with a key, or retention took a partition away
    return _attempt(db, outcome, person)


def _attempt(db: Database, outcome: Outcome, person: str) -> Committed | None:
    work = outcome.work
    with db.transaction():
        numbers = [*outcome.mended, *(number for number, _ in outcome.failed)]
        held = db.run("SELECT number FROM quarantine WHERE number = ANY(%s) FOR UPDATE", (numbers,))
        if len(held) < len(numbers):
            return None
        _amend(db, outcome)
        if not outcome.mended:
            return Committed(0, 0, 0, 0)
        number, packed_before = commits.next_number(db, work)
        counts = _store(db, work, number, packed_before)
        packets = waveforms.merge(db, work.waveforms, work.worker, number, revise=True)
        commits.say_statuses(db, work.statuses)
        _end(db, outcome, person, number)
        done = Committed(number, *counts)
        commits.record(db, work, done, -len(outcome.mended))
        commits.count_waveforms(db, work.worker, number, packets)
        # No device has been heard of just now.
        db.run("UPDATE worker SET received_at = NULL WHERE number = %s", (work.worker,))
        # Heard when it is committed; so rarely, the lock that this takes keeps nobody waiting.
        commits.tell(db, work.worker, number)
    return done


def _amend(db: Database, outcome: Outcome) -> None:
    if outcome.failed:
        db.run_many(
            "UPDATE quarantine SET device = %s, reason = %s, detail = %s WHERE number = %s",
            [
                (bad.device, bad.reason.value, storable(bad.detail), number)
                for number, bad in outcome.failed
            ],
        )


def _end(db: Database, outcome: Outcome, person: str, number: int) -> None:
    """`device` of an entry may be empty still: its message came before the device was known."""
    work = outcome.work
    db.run(
        "WITH ended AS (DELETE FROM quarantine WHERE number = ANY(%s) RETURNING *)"
        " INSERT INTO rerun SELECT number, topic, reason, received_at, digest, %s, %s, %s, %s"
        " FROM ended",
        (
            list(outcome.mended),
            storable(person),
            to_datetime(work.received_at),
            work.worker,
            number,
        ),
    )


def _store(db: Database, work: Commit, number: int, packed_before: int) -> tuple[int, int, int]:
    """(stored, repeated, revised) rows."""
    if not len(work.readings):
        return 0, 0, 0
    readings = work.readings.take(np.argsort(work.readings.received_at, kind="stable"))
    days = [int(day) for day in np.unique(readings.measured_at // DAY)]
    db.flavour.make_ready(db, days, work.received_at // DAY)
    staging.begin(db, readings, packed_before)
    db.copy_in(_COPY, pack(readings, work.worker, number, np.arange(len(readings))))
    span = {
        "first": to_datetime(int(readings.measured_at.min())),
        "last": to_datetime(int(readings.measured_at.max())),
    }
    for statement in (*_DROP, _CHANGES):
        db.run(statement, span)
    stored, revised = db.run(_COUNT)[0]
    db.run(_KEEP)
    db.run(_MOVE)
    staging.put(db)
    return stored, len(readings) - stored - revised, revised
