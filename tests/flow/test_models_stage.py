"""`python -m models watch` as a process on a real database: killed, stopped, without its store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.engine import Engine
from records.clock import ScenarioClock, WallClock
from records.levels import Level
from records.network import Area, DetectorChoice, Device, Lab, Network, Series, Station, Thresholds
from records.ports import free_port
from records.readings import ReadingBatch
from records.statements import HazardWarning
from records.times import SECOND
from store import clock, readings, registry, stages, warnings
from store.connection import Database, connect
from store.readings import Commit
from tests.databases import as_stage
from tests.flow.running import until

FOLDER = Path(__file__).parents[2]
START = 1_700_000_000 * SECOND
STEP = 60 * SECOND
STEPS = 60


def network(*names: str) -> Network:
    return Network(
        lab=(Lab(id="lab"),),
        area=(Area(id="valley", lab="lab"),),
        station=tuple(Station(id=n, lab="lab", lat=36, lon=74, area="valley") for n in names),
        device=tuple(Device(id=f"{n}-gauge", station=n) for n in names),
        series=tuple(
            Series(
                id=f"{n}-stage",
                station=n,
                device=f"{n}-gauge",
                quantity="stage",
                unit="m",
                interval_s=60.0,
                late_after_s=120.0,
                thresholds=Thresholds(yellow=1.0, orange=2.0, red=3.0),
            )
            for n in names
        ),
        detector=(DetectorChoice(name="stage-limit"), DetectorChoice(name="rate-of-rise")),
    )


def stream(start_at: int) -> ReadingBatch:
    """Two gauges, an hour: a flood at the first, a long silence of the second."""
    random = np.random.default_rng(1)
    series = np.repeat([1, 2], STEPS)
    step = np.tile(np.arange(1, STEPS + 1), 2)
    value = np.where(series == 1, 3.5 * np.sin(step / 12.0), 0.5) + random.normal(
        0, 0.05, 2 * STEPS
    )
    kept = ~((series == 2) & (step > 20) & (step < 45))
    at = start_at + step[kept] * STEP
    count = len(at)
    return ReadingBatch(
        series=series[kept].astype(np.int32),
        measured_at=at,
        received_at=at + SECOND,
        value=value[kept],
        flag=np.ones(count, np.uint8),
        checks=np.zeros(count, np.uint16),
        late=np.zeros(count, np.bool_),
    ).by_arrival()


def expected(through_at: int) -> list[HazardWarning]:
    engine = Engine(registry.Registry.of(network("a", "b")), started_at=START)
    return engine.advance(stream(START), through_at)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, network("a", "b"), ScenarioClock(START))
        yield database


class Stage:
    """The process, which may be killed and started again."""

    def __init__(self, dsn: str, log: Path, *, scenario: bool) -> None:
        self._log = log
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")},
            "PYTHONPATH": str(FOLDER),
            "HOSHYAR_DSN": as_stage(dsn, "models") if dsn else "",
            "HOSHYAR_CLOCK": "scenario" if scenario else "wall",
        }
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "models", "watch"], env=self._environment, stderr=log
            )

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, dsn: str, db: Database, tmp_path: Path
) -> Iterator[Stage]:
    running = Stage(dsn, tmp_path / "log", scenario=getattr(request, "param", True))
    yield running
    running.end(signal.SIGKILL)


def commit(db: Database, rows: ReadingBatch) -> None:
    if len(rows):
        readings.commit(db, Commit(0, int(rows.received_at.max()), "test", "test", rows))


def said(db: Database) -> list[HazardWarning]:
    return [warning for _, warning in warnings.after(db, 0)]


def through(db: Database, at: int) -> bool:
    progress = stages.progress(db, "models")
    return progress is not None and progress.through_at >= at


def play(db: Database, from_at: int, until_at: int) -> None:
    """Store what arrives in this time in three batches, then move the clock."""
    rows = stream(START)
    due = rows.take((rows.received_at > from_at) & (rows.received_at <= until_at))
    for part in np.array_split(np.arange(len(due)), 3):
        commit(db, due.take(part))
    clock.set_scenario(db, until_at)


@pytest.mark.promise("R4")
def test_a_stage_killed_again_and_again_says_what_the_pure_core_says(
    db: Database, stage: Stage
) -> None:
    clock.set_scenario(db, START)
    until(lambda: through(db, START), "the stage begins", 30)
    before = START
    for step, now_at in enumerate(range(START + 5 * STEP, START + 71 * STEP, 11 * STEP)):
        play(db, before, now_at)
        if step % 2:
            stage.end(signal.SIGKILL)
            stage.start()
        until(partial(through, db, now_at), "the stage follows", 30)
        before = now_at
    told = said(db)
    assert [msgspec.json.encode(w) for w in told] == [
        msgspec.json.encode(w) for w in expected(before)
    ]
    assert {w.level for w in told} == set(Level)


def test_it_ends_cleanly_and_goes_on_where_it_was(db: Database, stage: Stage) -> None:
    clock.set_scenario(db, START)
    play(db, START, START + 20 * STEP)
    until(lambda: through(db, START + 20 * STEP), "the stage follows", 30)
    assert stage.end(signal.SIGTERM) == 0
    first = said(db)
    assert first
    stage.start()
    play(db, START + 20 * STEP, START + 30 * STEP)
    until(lambda: through(db, START + 30 * STEP), "the stage goes on", 30)
    assert said(db)[: len(first)] == first


@pytest.mark.parametrize("stage", [False], indirect=True)
def test_live_it_warns_at_once_beats_and_follows_the_registry(db: Database, stage: Stage) -> None:
    until(lambda: stages.progress(db, "models"), "the stage begins", 30)
    now_at = WallClock().now()
    assert [s.state for s in stages.all(db) if s.name == "models"] == ["running"]
    wave = stream(now_at - 15 * STEP)
    commit(db, wave.take(wave.measured_at <= now_at))
    found = until(lambda: said(db), "a warning", 10)
    assert {(w.source, w.simulated) for w in found} == {("stage-limit/a-stage", False)}
    registry.enrol(db, network("a", "b", "c"))
    number = registry.load(db).series_number["c-stage"]
    new = stream(now_at - 15 * STEP)
    new = new.take((new.series == 1) & (new.measured_at <= now_at))
    renumbered = ReadingBatch(
        np.full(len(new), number, np.int32),
        new.measured_at,
        new.received_at,
        new.value,
        new.flag,
        new.checks,
        new.late,
    )
    commit(db, renumbered)
    until(lambda: any(w.source == "stage-limit/c-stage" for w in said(db)), "the new series", 10)


def test_a_store_that_is_away_is_waited_for(tmp_path: Path) -> None:
    nowhere = f"postgresql://hoshyar@127.0.0.1:{free_port()}/hoshyar"
    running = Stage(nowhere, tmp_path / "log", scenario=False)
    until(lambda: "trying again" in running.said(), "it says that the store is away", 30)
    assert running.process.poll() is None
    assert running.end(signal.SIGTERM) == 0


def test_a_missing_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    running = Stage("", tmp_path / "log", scenario=False)
    assert running.process.wait(20) == 2
    assert running.said().count("\n") == 1
    assert "HOSHYAR_DSN is not set" in running.said()
