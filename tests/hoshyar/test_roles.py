"""The work of ingest, upkeep and a researcher, each done with its own role, on every server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import hoshyar
from hoshyar.upkeep import tasks
from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.settings import Settings
from records.times import DAY, MINUTE
from store import registry
from store.connection import Database, connect
from store.readings import Commit, Committed, between, commit
from store.roles import TABLE, establish, login, role_of
from tests.databases import STORE_KINDS, as_stage
from tests.flow.running import environment

TODAY = 19_700
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)
STAGES = {
    "ingest": ("-m", "ingest"),
    "models": ("-m", "models", "watch"),
    "alerts": ("-m", "alerts"),
    "lab_ui": ("-m", "lab_ui"),
    "upkeep": ("-m", "hoshyar.upkeep"),
}


@contextmanager
def working_as(dsn: str, stage: str, kind: str) -> Iterator[Database]:
    """A connection with the stage's role: its login, or where there are none, put on."""
    address = dsn if kind == "timescale" else as_stage(dsn, stage)
    with connect(address, stage=stage) as db:
        if kind == "timescale":
            db.run(f"SET ROLE {role_of(stage)}")
        assert db.run("SELECT current_user::text") == [(role_of(stage),)]
        yield db
        db.run("RESET ROLE")


def take(db: Database, days: list[int], value: float, minutes: int = 5) -> Committed:
    """Commit a few readings of the first minutes of these days."""
    at = np.array([(day * DAY + n * MINUTE) for day in days for n in range(minutes)], np.int64)
    one = np.ones(len(at), np.uint8)
    received = np.full(len(at), TODAY * DAY + DAY // 2, np.int64)
    batch = ReadingBatch(
        one.astype(np.int32),
        at,
        received,
        np.full(len(at), value),
        one,
        one.astype(np.uint16),
        one == 0,
    )
    return commit(db, Commit(0, int(received[0]), "senml/1", "qc/1", batch))


@pytest.mark.promise("R9")
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_readings_are_taken_cared_for_and_read_with_the_roles_of_these_works(
    dsn: str, kind: str
) -> None:
    with connect(dsn, stage="test") as db:
        if kind == "timescale":
            assert establish(dsn) == ""
        registry.enrol(db, NETWORK)
    days = [TODAY - 400, TODAY - 40, TODAY - 2, TODAY]
    given = {"HOSHYAR_KEEP_DAYS": "100", "HOSHYAR_COMPACT_AFTER_DAYS": "1"}
    every = tasks.table(Settings.read(given))
    for value in (1.0, 2.0):
        with working_as(dsn, "ingest", kind) as db:
            # The second time: late ones and revisions in days that upkeep has made small.
            stored = take(db, days if value == 1 else days[1:], value)
            assert stored.stored + stored.revised == (20 if value == 1 else 15)
        with working_as(dsn, "upkeep", kind) as db:
            for task in (*every, *every):
                while task.run(db, TODAY * DAY + DAY // 2):
                    continue
    with working_as(dsn, "researcher", kind) as db:
        found = between(db, [1], 0, (TODAY + 1) * DAY)
        assert found.value.tolist() == [2.0] * 15
        assert db.run("SELECT count(*) FROM rollup WHERE step_s = 86400") == [(4,)]


def test_a_researcher_opens_a_dataset(
    dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with connect(dsn, stage="test") as db:
        registry.enrol(db, NETWORK)
        take(db, [TODAY], 1.5)
    monkeypatch.setenv("HOSHYAR_DSN", as_stage(dsn, "researcher"))
    for as_of in (None, "2100-01-01T00:00:00Z"):
        opened = hoshyar.open_dataset(station="bank", data=tmp_path, as_of=as_of)
        assert opened["stage"].values.tolist() == [1.5] * 5


@pytest.mark.promise("R9")
def test_a_stage_with_a_wrong_password_says_so_without_it(dsn: str, tmp_path: Path) -> None:
    word = "a-word-that-nobody-may-see"
    given = {"HOSHYAR_LOG_LEVEL": "debug", "HOSHYAR_BROKER": "mqtt://127.0.0.1:1"}
    running = {}
    for name, arguments in STAGES.items():
        variables = {**environment(), **given, "HOSHYAR_DSN": login(dsn, name, word)}
        with (tmp_path / name).open("wb") as log:
            running[name] = subprocess.Popen(
                [sys.executable, *arguments], env=variables, stdout=log, stderr=log
            )
    until_s = time.monotonic() + 60
    try:
        said: dict[str, str] = {}
        while time.monotonic() < until_s and len(said) < len(STAGES):
            logs = {name: (tmp_path / name).read_text() for name in STAGES}
            said = {n: text for n, text in logs.items() if "password authentication" in text}
            time.sleep(0.1)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    assert said.keys() == STAGES.keys() <= TABLE.keys()
    assert [name for name, text in said.items() if word in text] == []
