"""Each device gets a password of its own when it is enrolled, and Mosquitto takes it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from records.ports import free_port
from tests import needs
from tests.flow.running import until
from tests.flow.test_commands import NETWORK, answer, command, enrolled

__all__ = ["enrolled"]

TWO = json.dumps(
    {
        "device": [
            {"id": "spare", "station": "bridge"},
            {"id": "toy", "station": "bridge", "simulated": True},
        ]
    }
)


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    return tmp_path / "passwords"


@pytest.fixture
def mosquitto(tmp_path: Path, passwords: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    program, port = needs.program("mosquitto"), free_port()
    passwords.touch()
    config = tmp_path / "mosquitto.conf"
    # As root it would become another user, who can't read a test's folder.
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        "log_dest none\nuser root\n"
    )
    child = subprocess.Popen([program, "-c", str(config)])
    until(lambda: listens(port), "Mosquitto")
    yield port, child
    child.terminate()
    child.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def comes_in(port: int, device: str, word: str) -> bool:
    answers: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device)
    client.username_pw_set(device, word)
    client.on_connect = lambda _c, _u, _f, code, _p: answers.append(not code.is_failure)
    client.connect("127.0.0.1", port)
    client.loop_start()
    until(lambda: answers, "the broker's answer")
    client.disconnect()
    client.loop_stop()
    return answers[0]


@pytest.mark.promise("R9")
def test_a_device_comes_in_by_the_password_it_got_until_it_is_revoked(
    enrolled: str, passwords: Path, mosquitto: tuple[int, subprocess.Popen[bytes]]
) -> None:
    port, child = mosquitto
    done = command(enrolled, "device", "add", "-", "--passwords", passwords, "--json", given=TWO)
    said = json.loads(done.stdout)
    words = said.pop("passwords")
    assert (said, words.keys()) == ({"devices": 2, "series": 0}, {"spare"})
    assert words["spare"] not in passwords.read_text()
    child.send_signal(signal.SIGHUP)
    until(lambda: comes_in(port, "spare", words["spare"]), "the device to be let in")
    assert not comes_in(port, "spare", "guess")
    done = command(enrolled, "device", "password", "spare", "--passwords", passwords)
    child.send_signal(signal.SIGHUP)
    until(lambda: comes_in(port, "spare", done.stdout.strip()), "the new password to count")
    assert not comes_in(port, "spare", words["spare"])
    command(enrolled, "device", "revoke", "spare", "--passwords", passwords)
    child.send_signal(signal.SIGHUP)
    until(lambda: not comes_in(port, "spare", done.stdout.strip()), "the device to be shut out")
    assert passwords.read_text() == ""


def test_who_has_a_password_keeps_it(enrolled: str, passwords: Path) -> None:
    first = command(enrolled, "device", "add", "-", "--passwords", passwords, given=TWO)
    kept = passwords.read_text()
    again = command(enrolled, "device", "add", "-", "--passwords", passwords, given=TWO)
    assert first.stdout.startswith("enrolled 2 devices with 0 series\nspare ")
    assert again.stdout == "enrolled 2 devices with 0 series\n"
    assert passwords.read_text() == kept


def test_no_device_takes_the_name_of_a_stage_at_the_broker(enrolled: str, passwords: Path) -> None:
    text = NETWORK.replace('"gauge"', '"hoshyar-ingest"').replace("bridge-stage", "other")
    file = passwords.with_name("more.toml")
    file.write_text(text)
    done = command(enrolled, "device", "add", file, "--passwords", passwords)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "give it another id" in done.stderr
    assert not passwords.exists()
    assert [one["id"] for one in answer(enrolled, "device", "list")] == ["gauge"]


def test_a_password_is_for_an_enrolled_device(enrolled: str, passwords: Path) -> None:
    done = command(enrolled, "device", "password", "ghost", "--passwords", passwords)
    assert (done.returncode, done.stderr) == (2, "hoshyar: device 'ghost' is not enrolled\n")
    assert not passwords.exists()


def test_a_password_file_that_cant_be_written_is_said(enrolled: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "passwords"
    done = command(enrolled, "device", "add", "-", "--passwords", nowhere, given=TWO)
    assert (done.returncode, done.stderr) == (2, f"hoshyar: {nowhere}: No such file or directory\n")
