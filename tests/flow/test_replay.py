"""A replay gives the same bytes through the broker and in process, whatever is killed meanwhile."""

from __future__ import annotations

import json
import math
import os
import random
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from records import times
from records.errors import StoreUnavailable
from store.clock import scenario
from store.connection import connect
from store.embedded import EmbeddedServer
from tests.flow.running import Command, gone, run, until

CASE = """
name = "two-rivers"
start = 2021-06-01T00:00:00Z
end = 2021-06-05T00:00:00Z
[[lab]]
id = "valley"
[[station]]
id = "upper"
lab = "valley"
lat = 36.4
lon = 74.6
[[station]]
id = "lower"
lab = "valley"
lat = 36.3
lon = 74.5
downstream_of = "upper"
travel_s = 5400
[[device]]
id = "gauge-upper"
station = "upper"
[[device]]
id = "gauge-lower"
station = "lower"
[[series]]
id = "upper-stage"
station = "upper"
device = "gauge-upper"
quantity = "stage"
unit = "m"
interval_s = 60
thresholds = { yellow = 2.0, orange = 3.0, red = 3.5 }
[[series]]
id = "lower-stage"
station = "lower"
device = "gauge-lower"
quantity = "stage"
unit = "m"
interval_s = 60
thresholds = { yellow = 2.0, orange = 3.0, red = 3.5 }
[[file]]
path = "*.csv"
format = "csv-long"
missing = ["-999"]
"""
VICTIMS = ("ingest", "models", "alerts", "broker", "player", "database", "ingest", "models")
START = times.parse("2021-06-01T00:00:00Z")


def write_case(folder: Path) -> Path:
    """Three days of two gauges with a flood, gaps, repeats, revisions, late and lost rows."""
    folder.mkdir()
    (folder / "case.toml").write_text(CASE)
    luck = random.Random(7)
    rows = ["series,measured_at,value,received_at"]
    for minute in range(3 * 1440):
        for series, lag in (("upper-stage", 0), ("lower-stage", 90)):
            if luck.random() < 0.01 or (series == "lower-stage" and 1000 < minute < 1100):
                continue
            wave = 2.6 * math.exp(-(((minute - 2000 - lag) / 120) ** 2))
            value = 1.2 + wave + luck.gauss(0, 0.01)
            at = START + minute * times.MINUTE
            delay = luck.choice([2, 5, 9, 30, 900 if luck.random() < 0.02 else 2]) * times.SECOND
            text = "-999" if luck.random() < 0.01 else repr(value)
            rows.append(f"{series},{times.text(at)},{text},{times.text(at + delay)}")
            if luck.random() < 0.02:
                again = times.text(at + delay + 40 * times.SECOND)
                other = repr(value + luck.choice([0.0, 0.25]))
                rows.append(f"{series},{times.text(at)},{other},{again}")
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case") / "two-rivers")


@pytest.fixture(scope="module")
def in_process(case: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("in-process") / "alerts.jsonl"
    done = run("replay", case, "--speed", "max", "--alerts", out)
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


@pytest.fixture(scope="module")
def through_broker(case: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    folder = tmp_path_factory.mktemp("through-broker")
    done = run("replay", case, "--alerts", folder / "alerts.jsonl", "--data", folder / "data")
    assert done.returncode == 0, done.stderr
    return (folder / "alerts.jsonl").read_bytes(), stored(folder / "data")


def stored(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a replay has stored, without the numbers of its batches."""
    columns = "measured_at, received_at, value, flag, checks, late"
    named = "s.id, " + ", ".join(f"r.{column}" for column in columns.split(", "))
    questions = {
        "readings": f"SELECT {named} FROM reading r JOIN series s ON s.number = r.series"
        " ORDER BY s.id, r.measured_at",
        "revisions": f"SELECT {named}, r.until_at FROM revision r"
        " JOIN series s ON s.number = r.series ORDER BY s.id, r.measured_at, r.received_at",
        "settled": "SELECT v.id, l.boot, l.sequences::text FROM settled l JOIN device v"
        " ON v.number = l.device ORDER BY v.id",
        "quarantine": "SELECT topic, payload, reason, received_at FROM quarantine ORDER BY topic",
    }
    server = EmbeddedServer(data / "database")
    try:
        with psycopg.connect(server.start(print)) as connection:
            return {
                name: connection.execute(question.encode()).fetchall()
                for name, question in questions.items()
            }
    finally:
        server.stop()


def test_a_flood_is_raised_as_a_test_and_is_over_in_the_end(in_process: bytes) -> None:
    lines = [json.loads(line) for line in in_process.splitlines()]
    assert {line["status"] for line in lines} == {"Test"}
    floods = [line for line in lines if line["hazard"] == "river-flood"]
    assert {"orange", "red"} <= {line["level"] for line in floods}
    assert floods[-1]["level"] == "green"
    moments = [line["at"] for line in lines]
    assert moments == sorted(moments)


@pytest.mark.promise("R4")
def test_through_the_broker_it_is_the_same_byte_for_byte(
    in_process: bytes, through_broker: tuple[bytes, Any]
) -> None:
    alerts, rows = through_broker
    assert alerts == in_process
    assert len(rows["readings"]) > 8000
    assert len(rows["revisions"]) > 20


@pytest.mark.promise("R1")
@pytest.mark.promise("R4")
def test_whatever_is_killed_meanwhile_rows_and_alerts_are_the_same(
    case: Path, through_broker: tuple[bytes, Any], tmp_path: Path
) -> None:
    out, data = tmp_path / "alerts.jsonl", tmp_path / "data"
    command = Command("replay", case, "--alerts", out, "--data", data)
    try:
        kill_along_the_way(command, data)
        assert command.end() == 0, command.lines
    finally:
        command.force()
    for name in {*VICTIMS} - {"player"}:
        how = "is gone" if name == "database" else "was killed (signal 9)"
        assert command.said(f"{name} {how}, starting it again"), (name, command.lines)
    assert (out.read_bytes(), stored(data)) == through_broker


def kill_along_the_way(command: Command, data: Path) -> None:
    """End one victim after the other with `kill -9` as the scenario's clock moves on."""
    until(lambda: (data / "run.json").exists(), "the replay runs")
    dsn = json.loads((data / "run.json").read_bytes())["dsn"]
    step = 3 * times.DAY // (len(VICTIMS) + 1)
    for number, victim in enumerate(VICTIMS, 1):
        until(partial(reached, dsn, START + number * step), f"time to kill {victim}")
        os.kill(until(partial(pid_of, command, data, victim), victim), signal.SIGKILL)


def reached(dsn: str, due: int) -> bool:
    try:
        with connect(dsn, stage="test") as db:
            now_at = scenario(db)
    except StoreUnavailable:
        return False
    return now_at is not None and now_at >= due


def pid_of(command: Command, data: Path, name: str) -> int | None:
    if name == "player":
        with suppress(psutil.NoSuchProcess):  # one of the family ends meanwhile
            return next((p.pid for p in command.family() if "play" in p.cmdline()), None)
        return None
    parts = json.loads((data / "run.json").read_bytes())["parts"]
    pid: int | None = next(part["pid"] for part in parts if part["name"] == name)
    return pid if pid is not None and psutil.pid_exists(pid) else None


def test_ctrl_c_in_a_replay_leaves_nothing(case: Path, tmp_path: Path) -> None:
    command = Command("replay", case, "--data", tmp_path / "data", "--speed", "600")
    try:
        until(lambda: command.said(" messages, it is "), "the replay is under way")
        family = command.family()
        command.interrupt()
        assert command.end() == 130
        assert gone(family) == []
    finally:
        command.force()


def test_a_paced_replay_gives_the_same_lines(case: Path, in_process: bytes, tmp_path: Path) -> None:
    out = tmp_path / "alerts.jsonl"
    done = run("replay", case, "--speed", "60000", "--alerts", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == in_process


def test_a_replay_needs_an_empty_folder(case: Path, tmp_path: Path) -> None:
    (tmp_path / "something").write_text("")
    done = run("replay", case, "--data", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 2)
    assert "is not empty" in done.stderr
