"""The command line: exit codes, one line for what a user got wrong, and nothing loaded for help."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from records.ports import free_port

ROOT = Path(__file__).parents[2]

CASE = """
name = "rise"
start = 2020-01-01T00:00:00Z
clock = "measured"
[[lab]]
id = "north"
[[station]]
id = "bank"
lab = "north"
lat = 35.0
lon = 74.0
[[device]]
id = "gauge"
station = "bank"
[[series]]
id = "a"
station = "bank"
device = "gauge"
quantity = "stage"
unit = "m"
[[file]]
path = "a.csv"
format = "csv-long"
"""


def hoshyar(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [sys.executable, "-m", "hoshyar", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused command says."""
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("hoshyar: ").rstrip()


def test_help_loads_no_stage() -> None:
    program = (
        "import sys; from hoshyar.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'psycopg', 'xarray', 'sklearn', 'store', 'models', 'alerts'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", [["status"], ["device", "list"], ["alert", "list"]])
def test_where_nothing_runs_it_is_said(tmp_path: Path, command: list[str]) -> None:
    line = refused(hoshyar(*command, "--data", tmp_path))
    assert line == (
        f"nothing runs in {tmp_path}: start it with `hoshyar up`, name its folder with --data,"
        " or set HOSHYAR_DSN"
    )


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    done = hoshyar("up", "--data", tmp_path, HOSHYAR_SEED="x", HOSHYAR_COLOUR="1")
    assert done.returncode == 2
    line = refused(done)
    assert "HOSHYAR_SEED='x'" in line
    assert "HOSHYAR_COLOUR is not a setting" in line


@pytest.mark.parametrize("option", ["--ui-port", "--broker-port"])
def test_an_occupied_port_is_said_with_the_option_that_changes_it(
    tmp_path: Path, option: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port = taken.getsockname()[1]
        free = other.getsockname()[1]
        other.close()
        ports = {"--ui-port": free, "--broker-port": free} | {option: port}
        words = [str(word) for pair in ports.items() for word in pair]
        done = hoshyar("up", "--data", tmp_path, *words)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2
    assert f"port {port} on 127.0.0.1" in last
    assert f"name another port with {option}" in last


def test_a_database_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    dsn = "postgresql://someone:very-secret@127.0.0.1:1/none"
    done = hoshyar("db", "migrate", "--data", tmp_path, HOSHYAR_DSN=dsn)
    assert done.returncode == 1
    assert "very-secret" not in refused(done)


def test_nothing_is_started_for_a_scenario_that_nobody_knows(tmp_path: Path) -> None:
    line = refused(hoshyar("up", "--data", tmp_path / "data", "--scenario", "flood"))
    assert line.startswith("HOSHYAR_SCENARIO='flood': give one of quiet, ")
    assert not (tmp_path / "data").exists()


def test_broker_and_screens_on_one_port_are_refused(tmp_path: Path) -> None:
    port = str(free_port())
    line = refused(hoshyar("up", "--data", tmp_path, "--ui-port", port, "--broker-port", port))
    assert "can't both have port" in line


@pytest.mark.parametrize("answer", [None, b"HTTP/1.0 400 Bad Request\r\n\r\n"])
def test_a_broker_that_is_not_there_is_said_in_one_line(
    tmp_path: Path, answer: bytes | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"mqtt://127.0.0.1:{listener.getsockname()[1]}"
        if answer is None:
            listener.close()
        else:
            threading.Thread(target=_answer, args=(listener, answer), daemon=True).start()
        ports = ("--ui-port", str(free_port()))
        done = hoshyar("up", "--data", tmp_path, *ports, HOSHYAR_BROKER=address)
    assert done.returncode == 1
    line = refused(done)
    assert address in line
    assert "HOSHYAR_BROKER" in line


def _answer(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(100)
        connection.sendall(answer)


def test_a_database_that_up_can_not_reach_is_said_with_the_setting_that_names_it(
    tmp_path: Path,
) -> None:
    ports = ("--ui-port", str(free_port()), "--broker-port", str(free_port()))
    dsn = "postgresql://someone:very-secret@127.0.0.1:1/none"
    done = hoshyar("up", "--data", tmp_path, *ports, HOSHYAR_DSN=dsn)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(": mend that, or name another database with HOSHYAR_DSN")


def test_a_file_in_the_place_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    line = refused(hoshyar("up", "--data", tmp_path / "data"))
    assert line.startswith(f"{tmp_path / 'data'} is not a folder")


def test_a_replay_of_no_case_is_refused(tmp_path: Path) -> None:
    assert "case.toml can't be read" in refused(hoshyar("replay", tmp_path))
    assert "give a number above 0, or max" in refused(hoshyar("replay", tmp_path, "--speed", "0"))
    keep = ("--speed", "max", "--data", tmp_path / "kept")
    assert "keeps no data" in refused(hoshyar("replay", tmp_path, *keep))


@pytest.mark.parametrize("speed", ["max", "fast"])
@pytest.mark.parametrize(
    ("detector", "said"),
    [
        ('name = "mood"', "there is no detector 'mood'"),
        ('name = "stage-limit"\nparams = { colour = 1 }', "has no parameter 'colour'"),
        ('name = "stage-limit"\nseries = ["moon"]', "unknown series 'moon'"),
    ],
)
def test_a_case_with_a_wrong_detector_is_refused_before_anything_starts(
    tmp_path: Path, speed: str, detector: str, said: str
) -> None:
    (tmp_path / "case.toml").write_text(CASE + f"[[detector]]\n{detector}\n")
    (tmp_path / "a.csv").write_text("series,measured_at,value\na,2020-01-01T00:00:01Z,1\n")
    line = refused(hoshyar("replay", tmp_path, "--speed", speed))
    assert line.startswith(f"{tmp_path / 'case.toml'}: ")
    assert said in line


@pytest.mark.parametrize("command", ["list", "rerun"])
def test_a_reason_that_nothing_is_in_quarantine_for_is_said(command: str) -> None:
    line = refused(hoshyar("quarantine", command, "--reason", "unknown devise"))
    assert line.startswith("--reason 'unknown devise': there are bad sequence, bad topic, ")


def test_detectors_are_listed_as_json() -> None:
    done = hoshyar("detectors", "--json")
    assert done.returncode == 0
    wanted = {"name", "hazard", "quantities", "params", "cold_start_s", "experimental"}
    assert all(wanted <= one.keys() for one in json.loads(done.stdout))


def test_an_unknown_detector_and_a_param_without_value_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("series,measured_at,value\n")
    files = (tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert "there is no detector 'mood'" in refused(hoshyar("detect", "mood", *files))
    done = hoshyar("detect", "stage-limit", *files, "--param", "x")
    assert "NAME=VALUE" in refused(done)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["detect", "stage-limit", "in.csv"], "Missing option '--out'"),
        (["up", "--broker-port", "many"], "'--broker-port'"),
        (["up", "--colour"], "--colour"),
        (["fly"], "'fly'"),
    ],
)
def test_a_command_that_is_not_understood_is_refused_in_one_line(
    command: list[str], said: str
) -> None:
    done = hoshyar(*command)
    assert done.returncode == 2
    line = refused(done)
    assert said in line
    assert "--help" in line


def test_the_doctor_says_what_is_well_and_what_is_not(tmp_path: Path) -> None:
    done = hoshyar("doctor", "--data", tmp_path / "new", HOSHYAR_DSN="host=127.0.0.1 port=1")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("bad ")] == [
        line for line in lines if line.startswith("bad  database: ")
    ]
    assert f"ok   data folder {tmp_path / 'new'}" in lines
