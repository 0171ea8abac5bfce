"""The stage that looks after the store: every task has its turn, whatever the others do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hoshyar.upkeep import tasks
from hoshyar.upkeep.service import Service
from hoshyar.upkeep.tasks import Task
from records.clock import ScenarioClock, WallClock
from records.errors import SettingsError, StoreUnavailable
from records.readings import ReadingBatch
from records.settings import Settings
from records.times import DAY
from store import clock, stages, summaries
from store.connection import Database, connect
from store.figures import figures
from store.readings import Commit, between, commit
from store.rollups import roll_up
from tests.databases import as_stage

T0 = 19_675 * DAY + DAY // 2
ROOT = Path(__file__).parents[2]


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        yield database


def settings(dsn: str, **given: str) -> Settings:
    return Settings.read({"HOSHYAR_DSN": as_stage(dsn, "upkeep"), **given})


def run_until(service: Service, stop: threading.Event, done: Callable[[], bool]) -> None:
    """Run the stage in a thread until something is so, then stop it."""
    thread = threading.Thread(target=service.run)
    thread.start()
    until_s = time.monotonic() + 60
    while not done() and time.monotonic() < until_s and thread.is_alive():
        time.sleep(0.02)
    stop.set()
    thread.join(10)
    assert done()
    assert not thread.is_alive()


def test_a_task_that_fails_stops_no_other_and_is_tried_again(dsn: str, db: Database) -> None:
    turns: list[str] = []

    def failing(_: Database, now_at: int) -> bool:
        turns.append("failing")
        raise StoreUnavailable("no room")

    def working(_: Database, now_at: int) -> bool:
        turns.append("working")
        return turns.count("working") < 3

    stop = threading.Event()
    table = (Task("failing", 0, failing), Task("working", 0.01, working))
    service = Service(settings(dsn), table, ScenarioClock(T0), stop)
    run_until(service, stop, lambda: turns.count("working") > 3 and turns.count("failing") > 1)


def test_what_fails_is_said_with_the_sign_of_life(dsn: str, db: Database) -> None:
    def failing(_: Database, now_at: int) -> bool:
        raise SettingsError("the disk is full")

    stop = threading.Event()
    service = Service(settings(dsn), (Task("roll-ups", 0, failing),), ScenarioClock(T0), stop)
    run_until(service, stop, lambda: any(s.detail for s in stages.all(db)))
    assert stages.all(db) == [
        stages.Stage("upkeep", os.getpid(), "running", "roll-ups: the disk is full", T0)
    ]


def test_tasks_go_by_the_scenarios_clock_and_wait_for_it(dsn: str, db: Database) -> None:
    seen: list[int] = []

    def look(_: Database, now_at: int) -> bool:
        seen.append(now_at)
        return False

    stop = threading.Event()
    given = settings(dsn, HOSHYAR_CLOCK="scenario")
    service = Service(given, (Task("look", 0, look),), WallClock(), stop)
    thread = threading.Thread(target=service.run)
    thread.start()
    while not stages.all(db):
        time.sleep(0.01)
    assert seen == []
    clock.set_scenario(db, T0)
    while not seen:
        time.sleep(0.01)
    stop.set()
    thread.join(10)
    assert set(seen) == {T0}


def test_who_waits_for_a_lock_gives_up_and_lets_writers_pass(dsn: str, db: Database) -> None:
    with connect(dsn, stage="holder") as holder, holder.transaction():
        holder.run("LOCK TABLE reading IN ROW EXCLUSIVE MODE")
        db.give_way()
        with pytest.raises(StoreUnavailable, match="lock timeout"), db.transaction():
            db.run("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")


def test_the_days_to_come_have_their_partitions(db: Database) -> None:
    for _ in range(2):
        assert tasks.partitions_ahead(db, T0) is False
    names = db.run("SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf ORDER BY 1")
    assert [name for (name,) in names] == [
        "reading_20231114_20231115",
        "reading_20231115_20231116",
        "reading_20231116_20231117",
    ]


def reading(db: Database, at: int, received_at: int) -> None:
    one = np.ones(1, np.uint8)
    batch = ReadingBatch(
        np.ones(1, np.int32), np.array([at]), np.array([received_at]), np.ones(1),
        one, one.astype(np.uint16), one > 1,
    )  # fmt: skip
    commit(db, Commit(0, received_at, "senml/1", "qc/1", batch))


def parts(db: Database) -> list[str]:
    names = db.run("SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf ORDER BY 1")
    return [name for (name,) in names]


def test_what_is_past_keeping_goes_when_it_is_summed_and_the_ledger_stays(db: Database) -> None:
    for ago in (40, 3, 0):
        reading(db, T0 - ago * DAY, T0 - ago * DAY)
    reading(db, T0 - 40 * DAY + 1, T0)
    before = parts(db)
    tasks.drop_old(30, db, T0)
    assert parts(db) == before
    roll_up(db, T0)
    tasks.drop_old(30, db, T0)
    assert parts(db) == before[1:]
    day = summaries.between(db, [1], DAY, 0, T0)
    assert day["stored"].tolist() == [2, 1, 1]
    assert figures(db, T0).readings_stored == 4
    # Later still: stored, in no roll-up, and gone as soon as its shared partition is past keeping.
    reading(db, T0 - 40 * DAY + 2, T0)
    assert len(between(db, [1], 0, T0 + 1)) == 3
    roll_up(db, T0)
    tasks.drop_old(30, db, T0 + 20 * DAY)
    assert len(between(db, [1], 0, T0 + 1)) == 2
    assert summaries.between(db, [1], DAY, 0, T0).tolist() == day.tolist()


def test_packed_days_go_with_the_others(db: Database) -> None:
    reading(db, T0 - 40 * DAY, T0 - 40 * DAY)
    reading(db, T0, T0)
    while tasks.compact(7, db, T0):
        pass
    roll_up(db, T0)
    assert len(between(db, [1], 0, T0 + 1)) == 2
    tasks.drop_old(30, db, T0)
    assert between(db, [1], 0, T0 + 1).measured_at.tolist() == [T0]


def test_without_days_to_keep_or_compact_nothing_is_dropped_or_packed(dsn: str) -> None:
    def names(**given: str) -> list[str]:
        return [task.name for task in tasks.table(settings(dsn, **given))]

    assert names() == ["partitions ahead", "final verdicts", "roll-ups", "quarantine", "compaction"]
    assert names(HOSHYAR_KEEP_DAYS="30", HOSHYAR_COMPACT_AFTER_DAYS="0") == [
        "partitions ahead",
        "final verdicts",
        "roll-ups",
        "quarantine",
        "retention",
    ]


def test_without_a_database_it_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="HOSHYAR_DSN is empty"):
        Service(Settings.read({}), (), WallClock(), threading.Event())


def test_the_stage_is_light_and_stops_when_asked(dsn: str, db: Database) -> None:
    environment = {**os.environ, "HOSHYAR_DSN": as_stage(dsn, "upkeep"), "PYTHONPATH": str(ROOT)}
    script = (
        "import os, sys\n"
        "from hoshyar.upkeep.__main__ import main\n"
        "code = main(os.environ)\n"
        "print(sorted({'scipy', 'sklearn', 'pandas', 'xarray'} & set(sys.modules)))\n"
        "sys.exit(code)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    until_s = time.monotonic() + 60
    while not stages.all(db) and time.monotonic() < until_s:
        time.sleep(0.05)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (0, "[]")
