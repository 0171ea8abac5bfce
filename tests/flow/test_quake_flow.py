"""Simulated accelerometers as a process, through broker, ingest and store to an alert's warning.

One of them has a clock half an hour slow: its firmware is honest by its own clock, and it is live.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from devices.buffer import Buffer
from devices.network import network
from devices.simulation import Run
from devices.truth import Truth
from ingest.service import Service
from models.service import Follower
from records.clock import WallClock
from records.levels import Check, Flag, Hazard, Level
from records.settings import Settings
from records.times import SECOND
from store import clocks, quarantine, registry, stages, warnings
from store.connection import Database, connect
from tests.databases import as_stage
from tests.flow.running import until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

SLOW = "quake-gorge"
# The ground moves 60 s after the scenario's start, and the slow clock is known after 20.
ALREADY_S = 30


@contextmanager
def devices(home: Path, port: int) -> Iterator[Path]:
    """The simulation, as if it had gone on after a kill: half a minute into its scenario."""
    buffer = Buffer(home / "devices" / "buffer.sqlite")
    now_at = WallClock().now()
    run = Run(scenario="earthquake", seed=2, start_at=now_at - ALREADY_S * SECOND, alive_at=now_at)
    buffer.keep_note("run", msgspec.json.encode(run).decode())
    buffer.close()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")},
        "HOSHYAR_HOME": str(home),
        "HOSHYAR_BROKER_PORT": str(port),
        "HOSHYAR_SCENARIO": "earthquake",
        "HOSHYAR_SEED": "2",
    }
    child = subprocess.Popen([sys.executable, "-m", "devices"], env=environment)
    try:
        yield home / "devices" / "truth.json"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


@contextmanager
def ingest(broker: RunningBroker, dsn: str) -> Iterator[None]:
    given = {"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": as_stage(dsn, "ingest")}
    stop = threading.Event()
    thread = threading.Thread(target=Service(Settings.read(given), stop).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_an_earthquake_is_warned_of_live_also_by_a_station_whose_clock_is_slow(
    broker: RunningBroker, dsn: str, tmp_path: Path
) -> None:
    with connect(dsn, stage="test") as db, connect(as_stage(dsn, "models"), stage="models") as own:
        registry.enrol(db, network())
        follower = Follower(own, scenario=False, clock=WallClock())

        def orange() -> bool:
            follower.step()
            follower.save()
            said = [warning for _, warning in warnings.after(db, 0)]
            return any(w.level >= Level.ORANGE for w in said)

        with ingest(broker, dsn):
            until(lambda: [s.state for s in stages.all(db)][:1] == ["running"], "an ingest")
            with devices(tmp_path, broker.address.port) as told:
                until(orange, "the quake")
                until(lambda: any(not late for late, *_ in packets(db)), "a live slow clock")
            truth = msgspec.json.decode(told.read_bytes(), type=Truth)
        said = [w for _, w in warnings.after(db, 0) if w.level >= Level.ORANGE]
        assert {(w.hazard, w.area, w.simulated) for w in said} == {
            (Hazard.EARTHQUAKE, "gilgit", True)
        }
        assert truth.quake is not None
        origin_at = truth.start_at + truth.quake.origin_s * SECOND
        assert 3 < (said[0].decided_at - origin_at) / SECOND < 15
        assert quarantine.entries(db) == []
        assert db.run("SELECT count(*) FROM waveform w JOIN series s ON s.number = w.series") == (
            db.run("SELECT sum(waveforms) FROM worker")
        )
        slow = packets(db)
        assert 1799 < min(age_s for *_, age_s in slow) < 1802
        assert {row[1:3] for row in slow if not row[0]} == {(Flag.SUSPECT, Check.CLOCK)}
        number = registry.load(db).device_number[SLOW]
        (clock,) = [state for state in clocks.load(db) if state.device == number]
        assert clock.offset / SECOND == pytest.approx(1800, abs=2)
        # Receipts have freed what is stored: the buffer holds the last seconds at most.
        buffer = Buffer(tmp_path / "devices" / "buffer.sqlite")
        assert buffer.count(SLOW) < 40
        buffer.close()


def packets(db: Database) -> list[tuple[bool, int, int, float]]:
    """(late, flag, checks, raw age in s) of what the slow device has sent, by arrival."""
    rows = db.run(
        "SELECT w.late, w.flag, w.checks, extract(epoch FROM w.received_at - w.end_at)::float8"
        " FROM waveform w JOIN deployment d ON d.series = w.series"
        " JOIN device v ON v.number = d.device WHERE v.id = %s ORDER BY w.received_at",
        (SLOW,),
    )
    return [(late, flag, checks, age_s) for late, flag, checks, age_s in rows]
