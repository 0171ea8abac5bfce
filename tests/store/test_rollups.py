"""Roll-ups are equal to the plain query at any settled moment, whatever came in whatever order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from records.levels import Flag
from records.readings import ReadingBatch
from records.times import DAY, HOUR, MINUTE, SECOND
from store import queries, summaries
from store.connection import Database
from store.readings import Commit, commit
from store.rollups import roll_up
from tests.databases import with_sessions
from tests.store.test_packed import compact, enrol

FIRST_DAY = 19_675
SPAN = (FIRST_DAY * DAY, (FIRST_DAY + 4) * DAY)
TABLES = "reading, revision, packed, batch, worker, rollup, progress, series"

# Series 1 measures every second, series 2 every hour; halves add up without rounding.
row = st.tuples(
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(0, 7).map(lambda n: n * 25 * MINUTE + n * SECOND),
    st.integers(-6, 6).map(lambda n: n / 2),
    st.sampled_from([Flag.GOOD, Flag.SUSPECT, Flag.FAIL]),
)
steps = st.one_of(
    st.tuples(st.integers(0, 1), st.lists(row, max_size=8)),
    st.sampled_from(["roll up", "compact", "fast", "slow"]),
)


def batch_of(given: list[Any], received_at: int) -> ReadingBatch:
    series, day, after, value, flag = zip(*given, strict=True) if given else ((),) * 5
    return ReadingBatch(
        np.array(series, np.int32),
        (np.array(day, np.int64) + FIRST_DAY) * DAY + np.array(after, np.int64),
        np.full(len(given), received_at, np.int64),
        np.array(value, np.float64),
        np.array(flag, np.uint8),
        np.zeros(len(given), np.uint16),
        np.zeros(len(given), np.bool_),
    )


def settle(db: Database) -> None:
    while roll_up(db, SPAN[1]):
        pass


def plain(db: Database, series: list[int], step: int) -> list[Any]:
    """What the readings themselves say, one window at a time."""
    readings = queries.between(db, series, *SPAN)
    found: dict[tuple[int, int], list[tuple[float, int]]] = {}
    columns = (readings.series, readings.measured_at, readings.value, readings.flag)
    for number, at, value, flag in zip(*(c.tolist() for c in columns), strict=True):
        found.setdefault((number, at // step * step), []).append((value, flag))
    return [
        (*window, *_of([v for v, flag in every if flag != Flag.FAIL]), len(every))
        for window, every in sorted(found.items())
    ]


def _of(good: list[float]) -> tuple[float, float | None, float | None, int]:
    return sum(good), min(good, default=None), max(good, default=None), len(good)


def rolled(db: Database, series: list[int], step: int) -> list[Any]:
    found = summaries.between(db, series, step, *SPAN)
    numbers, starts = summaries.series_of(found["window"]), summaries.start_of(found["window"])
    return [
        (number, start, one["total"], *(None if np.isnan(one[n]) else one[n] for n in LIMITS),
         one["count"], one["stored"])
        for number, start, one in zip(numbers.tolist(), starts.tolist(), found, strict=True)
    ]  # fmt: skip


LIMITS = ("low", "high")


def begin(db: Database) -> None:
    db.run(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    db.run("UPDATE care SET packed_before = DEFAULT, dropped_before = DEFAULT")
    db.newest.forget()
    for number, interval_s in ((1, 1), (2, 3600)):
        enrol(db, number)
        db.run("UPDATE series SET interval_s = %s WHERE number = %s", (interval_s, number))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(0, [(1, 0, 0, 0.5, Flag.GOOD), (2, 0, 0, 1.0, Flag.FAIL)]), "compact"])
@given(st.lists(steps, max_size=10))
def test_rollups_equal_the_plain_query(db: Database, history: list[Any]) -> None:
    begin(db)
    interval_s = 1
    for place, step in enumerate(history):
        if step == "roll up":
            roll_up(db, SPAN[1])
        elif step == "compact":
            compact(db, FIRST_DAY + 2)
        elif isinstance(step, str):
            interval_s = 1 if step == "fast" else 60
            db.run("UPDATE series SET interval_s = %s WHERE number = 1", (interval_s,))
        else:
            batch = batch_of(step[1], SPAN[1] + place)
            commit(db, Commit(step[0], SPAN[1] + place, "senml/1", "qc/1", batch))
    settle(db)
    for length in (HOUR, DAY):
        assert rolled(db, [1, 2], length) == plain(db, [1, 2], length)
    assert rolled(db, [2], MINUTE) == []
    if "slow" not in history:
        assert rolled(db, [1], MINUTE) == plain(db, [1], MINUTE)


def write(db: Database, count: int) -> None:
    rng = np.random.default_rng(count)
    for place in range(count):
        given = [
            (s, int(rng.integers(3)), int(rng.integers(DAY // SECOND)) * SECOND, place / 2, 1)
            for s in (1, 2)
            for _ in range(30)
        ]
        at = SPAN[1] + place
        commit(db, Commit(0, at, "senml/1", "qc/1", batch_of(given, at)))


CARE = """
import sys
from store.connection import connect
from store.rollups import roll_up
db = connect(sys.argv[1], stage="care")
print("ready", flush=True)
while True:
    roll_up(db, 0)
"""


@with_sessions
def test_killed_at_any_point_while_commits_go_on_nothing_is_lost(dsn: str, db: Database) -> None:
    begin(db)
    command = [sys.executable, "-c", CARE, dsn]
    for turn in range(4):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        )
        assert process.stdout is not None
        process.stdout.readline()
        write(db, 8 + turn)
        time.sleep(0.013 * turn)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    # What the last one had asked for goes on until its backend sees that nobody is there.
    while db.run(
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    ):
        time.sleep(0.05)
    settle(db)
    for length in (MINUTE, HOUR, DAY):
        series = [1] if length == MINUTE else [1, 2]
        assert rolled(db, series, length) == plain(db, series, length)


def test_a_turn_says_whether_there_may_be_more(db: Database) -> None:
    begin(db)
    write(db, 1)
    assert roll_up(db, SPAN[1]) is True
    assert roll_up(db, SPAN[1]) is False


def test_what_retention_dropped_stays_as_it_was_summed(db: Database) -> None:
    begin(db)
    early = [(1, 0, 0, 1.0, 1), (1, 2, 0, 1.0, 1)]
    commit(db, Commit(0, SPAN[1], "d", "r", batch_of(early, SPAN[1])))
    settle(db)
    before = rolled(db, [1], HOUR)
    db.run("UPDATE care SET dropped_before = %s", (FIRST_DAY + 1,))
    commit(db, Commit(0, SPAN[1], "d", "r", batch_of([(1, 0, 5 * SECOND, 9.0, 1)], SPAN[1])))
    settle(db)
    assert rolled(db, [1], HOUR) == before
