"""Rows that may collide with stored ones: compared key by key, each key's values in order."""

from __future__ import annotations

import numpy as np

from records.readings import ReadingBatch
from records.times import DAY, to_datetime
from store import packed
from store.binary import STORED, pack
from store.connection import Database

# Any fixed number: two writers that compare take turns, so that neither revises unseen.
_TURN = 0x73746167
_COLUMNS = ", ".join(STORED)

# Both stay for the session and are emptied at each commit: no new catalogue rows a batch.
_MAKE = (
    "CREATE TEMP TABLE IF NOT EXISTS staged (LIKE reading, place int NOT NULL)"
    " ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE IF NOT EXISTS changed (LIKE reading, place int NOT NULL,"
    " known bool NOT NULL, until_at timestamptz, until_worker smallint, until_batch bigint)"
    " ON COMMIT DELETE ROWS",
    "DELETE FROM staged",
    "DELETE FROM changed",
)
_COPY = f"COPY staged ({_COLUMNS}, place) FROM STDIN (FORMAT BINARY)"

# The lateral join looks each key up by the index, whatever the planner thinks of the sizes.
# `story`: a key's stored value (place -1), then the new ones as they came. `change`: those that
# differ from the one before. The last change of a key is the truth, the others were replaced.
_CHANGES = f"""
INSERT INTO changed
WITH stored AS (
    SELECT r.*, -1 AS place
    FROM (SELECT DISTINCT series, measured_at FROM staged) k
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM reading
        WHERE series = k.series AND measured_at = k.measured_at
          AND measured_at BETWEEN %(first)s AND %(last)s
        OFFSET 0) r
), story AS (
    SELECT *, lag(value) OVER (PARTITION BY series, measured_at ORDER BY place) AS before
    FROM (SELECT * FROM stored UNION ALL SELECT {_COLUMNS}, place FROM staged) every
)
SELECT {_COLUMNS}, place,
       min(place) OVER (PARTITION BY series, measured_at) < 0 AS known,
       lead(received_at) OVER key AS until_at,
       lead(worker) OVER key AS until_worker,
       lead(batch) OVER key AS until_batch
FROM story
WHERE place < 0 OR before IS DISTINCT FROM value
WINDOW key AS (PARTITION BY series, measured_at ORDER BY place)
"""
_KEEP = f"""
INSERT INTO revision SELECT {_COLUMNS}, until_at, until_worker, until_batch
FROM changed WHERE until_batch IS NOT NULL
"""
# By key: an UPDATE that joins would make a columnstore unpack all of the time span.
_REPLACE = f"""
INSERT INTO reading SELECT {_COLUMNS} FROM changed
WHERE known AND place >= 0 AND until_batch IS NULL
ON CONFLICT (series, measured_at) DO UPDATE SET (value, flag, checks, late, received_at, worker,
    batch) = (excluded.value, excluded.flag, excluded.checks, excluded.late, excluded.received_at,
    excluded.worker, excluded.batch)
"""
_ADD = f"""
INSERT INTO reading SELECT {_COLUMNS} FROM changed WHERE NOT known AND until_batch IS NULL
"""
_COUNT = """
SELECT count(*) FILTER (WHERE NOT known AND until_batch IS NULL),
       count(*) FILTER (WHERE place >= 0)
FROM changed
"""
_ADD_MISSING = f"""
INSERT INTO reading SELECT DISTINCT ON (series, measured_at) {_COLUMNS}
FROM staged ORDER BY series, measured_at, place DESC
ON CONFLICT DO NOTHING RETURNING 1
"""


def merge(
    db: Database,
    readings: ReadingBatch,
    worker: int,
    batch: int,
    *,
    packed_before: int,
    revise: bool,
) -> tuple[int, int]:
    """Inside a transaction: store what differs. Returns (stored, revised) rows.

    packed_before  the day (since 1970) before which stored rows may be packed

    With `revise` false only keys that are not stored yet are added, and nothing is replaced.
    """
    if not len(readings):
        return 0, 0
    begin(db, readings, packed_before)
    db.copy_in(_COPY, pack(readings, worker, batch, np.arange(len(readings))))
    return _replace(db, readings) if revise else (len(db.run(_ADD_MISSING)), 0)


def _replace(db: Database, readings: ReadingBatch) -> tuple[int, int]:
    span = {
        "first": to_datetime(int(readings.measured_at.min())),
        "last": to_datetime(int(readings.measured_at.max())),
    }
    db.run(_CHANGES, span)
    stored, changes = db.run(_COUNT)[0]
    db.run(_KEEP)
    put(db)
    return stored, changes - stored


def begin(db: Database, readings: ReadingBatch, packed_before: int) -> None:
    """Wait for this writer's turn, and make ready to compare these rows with stored ones.

    `packed_before` as for `merge`. The tables `staged` and `changed` are empty then.
    """
    db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    old = readings.measured_at < packed_before * DAY
    if old.any():
        packed.open_days(db, readings.take(old))
    for statement in _MAKE:
        db.run(statement)


def put(db: Database) -> None:
    """The last row of each key in `changed` becomes the present."""
    db.run(_REPLACE)
    db.run(_ADD)
