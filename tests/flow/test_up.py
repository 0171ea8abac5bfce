"""`hoshyar up`: it stands, mends itself, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from records.ports import free_port
from tests.flow.conftest import RunningBroker
from tests.flow.running import Command, assert_measured, gone, run, status, until

PARTS = ["broker", "database", "ingest", "devices", "models", "alerts", "lab_ui", "upkeep"]


def up(data: Path, **variables: str) -> Command:
    ports = ("--broker-port", str(free_port()), "--ui-port", str(free_port()))
    return Command("up", "--data", data, "--scenario", "quiet", *ports, **variables)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Command]:
    command = up(data, HOSHYAR_LOG_LEVEL="debug")
    try:
        until(lambda: command.said("the first reading was stored"), "the first reading")
        until(lambda: command.said("Hoshyar stands"), "standing")
        yield command
    finally:
        command.force()


def part(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(s for s in found["stages"] if s["name"] == name)


def test_status_says_what_runs_and_what_is_stored(running: Command, data: Path) -> None:
    found = until(lambda: (s := status(data))["readings_stored"] > 50 and s, "more readings")
    assert found.keys() == {
        "readings_stored",
        "readings_per_s",
        "last_reading_age_s",
        "quarantined",
        "alerts_open",
        "unwatched",
        "stages",
        "addresses",
    }
    assert [s["name"] for s in found["stages"]] == PARTS
    assert {s["state"] for s in found["stages"]} == {"running"}
    assert found["readings_per_s"] > 0
    assert found["last_reading_age_s"] < 60
    assert found["quarantined"] == 0
    measured = {"ingest", "models", "alerts", "lab_ui", "upkeep"}
    assert found["addresses"].keys() == {"screens", "broker", *(f"{s} metrics" for s in measured)}
    for stage in measured:
        assert_measured(found["addresses"][f"{stage} metrics"], stage)


def test_health_of_one_stage_is_an_exit_code(running: Command, data: Path) -> None:
    done = run("status", "--data", data, "--stage", "ingest")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run("status", "--data", data, "--stage", "nobody").returncode == 1


def test_a_folder_is_for_one_instance(running: Command, data: Path) -> None:
    done = run("up", "--data", data)
    assert done.returncode == 2
    assert done.stderr == (
        f"hoshyar: {data} is in use by another hoshyar: stop it, or name another folder with"
        " --data\n"
    )


def test_the_doctor_finds_nothing_wrong(running: Command, data: Path) -> None:
    done = run("doctor", "--data", data)
    assert (done.returncode, "bad " in done.stdout) == (0, False)
    assert f"ok   a running instance, process {running.process.pid}" in done.stdout.splitlines()


def login_of(process: psutil.Process) -> dict[str, Any]:
    """Parts of the database's address that a process was given, none where it has none."""
    return conninfo_to_dict(process.environ().get("HOSHYAR_DSN", ""))


@pytest.mark.promise("R9")
def test_each_stage_logs_in_as_itself_and_no_secret_is_seen(running: Command, data: Path) -> None:
    family = running.family()
    pids = {part["pid"]: part["name"] for part in status(data)["stages"]}
    users = {pids[p.pid]: login_of(p) for p in family if p.pid in pids and pids[p.pid] in PARTS[2:]}
    assert {name: found.get("user") for name, found in users.items()} == {
        **{name: f"hoshyar_{name}" for name in PARTS[2:]},
        "devices": None,
    }
    words = {found["password"] for found in users.values() if found}
    words.add((data / "database" / "password").read_text())
    assert len(words) == len(PARTS) - 2
    seen = ["\n".join(running.lines), *(" ".join(p.cmdline()) for p in family)]
    logs = [*(data / "logs").iterdir(), data / "database" / "server.log"]
    assert {f"{name}.log" for name in PARTS if name != "database"} <= {log.name for log in logs}
    seen += [log.read_text(errors="replace") for log in logs]
    assert [text for text in seen if any(word in text for word in words)] == []
    assert (data / "run.json").stat().st_mode & 0o077 == 0


@pytest.mark.promise("R9")
def test_everything_listens_on_this_machine_alone(running: Command, data: Path) -> None:
    listening = {
        (at.laddr.ip, at.laddr.port)
        for process in running.family()
        for at in process.net_connections("inet")
        if at.status == psutil.CONN_LISTEN
    }
    named = status(data)["addresses"].values()
    assert {urlsplit(address).port for address in named} <= {port for _, port in listening}
    assert {ip_address(host).is_loopback for host, _ in listening} == {True}


@pytest.mark.promise("R5")
@pytest.mark.parametrize("name", PARTS)
def test_a_part_killed_with_9_comes_back_and_readings_go_on(
    running: Command, data: Path, name: str
) -> None:
    found_before = status(data)
    before, stored = part(found_before, name), found_before["readings_stored"]
    os.kill(before["pid"], signal.SIGKILL)

    def mended() -> bool:
        done = run("status", "--data", data, "--json")
        if done.returncode != 0:
            return False  # the database itself is on its way
        found = json.loads(done.stdout)
        now = part(found, name)
        return (
            now["pid"] not in {None, before["pid"]}
            and {s["state"] for s in found["stages"]} == {"running"}
            and found["readings_stored"] > stored
        )

    until(mended, f"{name} comes back, all parts run and readings go on")
    assert part(status(data), name)["restarts"] == before["restarts"] + 1


def test_ctrl_c_stops_everything_and_leaves_nothing(running: Command, data: Path) -> None:
    family = running.family()
    assert len(family) > len(PARTS)
    running.interrupt()
    assert running.end() == 0
    assert running.lines[-1] == "hoshyar: stopped, nothing is left running"
    assert gone(family) == []
    assert not (data / "run.json").exists()
    assert run("status", "--data", data).returncode == 2


@pytest.mark.promise("R1")
def test_kill_9_leaves_no_process_and_the_next_start_is_clean(data: Path) -> None:
    first = up(data)
    try:
        until(lambda: first.said("the first reading was stored"), "the first start")
        stored, family = status(data)["readings_stored"], first.family()
        first.process.kill()
        first.end()
        assert gone(family) == []
    finally:
        first.force()
    second = up(data)
    try:
        until(lambda: second.said("the first reading was stored"), "the next start")
        found = status(data)
        assert found["readings_stored"] >= stored
        assert {s["restarts"] for s in found["stages"]} == {0}
        family = second.family()
        second.interrupt()
        assert second.end() == 0
        assert gone(family) == []
    finally:
        second.force()


def test_on_a_broker_and_a_database_of_ones_own_only_the_stages_are_started(
    broker: RunningBroker, dsn: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    given = {"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": dsn}
    command = Command("up", "--data", data, "--ui-port", str(free_port()), **given)
    try:
        until(lambda: command.said("Hoshyar stands"), "standing")
        until(lambda: command.said("the first reading was stored"), "the first reading")
        assert [s["name"] for s in status(data)["stages"]] == PARTS[2:]
        family = command.family()
        command.interrupt()
        assert command.end() == 0
        assert gone(family) == []
    finally:
        command.force()


def test_an_occupied_port_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("up", "--data", tmp_path / "data", "--broker-port", str(port), "--ui-port", "1")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data" / "run.json").exists()


def test_a_database_made_by_a_newer_version_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "data" / "database"
    home.mkdir(parents=True)
    (home / "format").write_text("999\n")
    ports = ("--broker-port", str(free_port()), "--ui-port", str(free_port()))
    done = run("up", "--data", tmp_path / "data", *ports)
    assert done.returncode == 2
    assert "made by a newer Hoshyar" in done.stderr.splitlines()[-1]
