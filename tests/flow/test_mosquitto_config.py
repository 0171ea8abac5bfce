"""The broker's configuration for servers, on Debian's Mosquitto: TLS, passwords, access lists."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from hoshyar.credentials import PasswordFile
from records.ports import free_port
from records.settings import TABLE
from tests import needs

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


@dataclass(frozen=True)
class Broker:
    device_port: int
    stage_port: int
    authority: Path
    words: dict[str, str]


class Client:
    """A connected user; `heard` gets (topic, payload)."""

    def __init__(
        self, broker: Broker, user: str, *, port: int = 0, client_id: str = "", word: str = ""
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[str] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self.client.username_pw_set(user, word or broker.words.get(user, ""))
        self.client.tls_set(str(broker.authority), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.on_connect = self._connected
        self.client.on_subscribe = self._subscribed
        self.client.on_disconnect = self._lost
        self.client.on_message = self._hears
        self.client.connect("localhost", port or broker.stage_port)
        self.client.loop_start()
        self.answer = self._answers.get(timeout=WAIT_S)

    def _hears(self, c: object, u: object, message: mqtt.MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))

    def _connected(
        self, c: object, u: object, f: object, code: ReasonCode, p: Properties | None
    ) -> None:
        self._answers.put(str(code))

    def _lost(
        self, c: object, u: object, f: object, code: ReasonCode, p: Properties | None
    ) -> None:
        self.lost.put(str(code))

    def _subscribed(
        self, c: object, u: object, m: object, codes: list[ReasonCode], p: Properties | None
    ) -> None:
        self._answers.put(str(codes[0]))

    def subscribe(self, topic: str) -> Client:
        self.client.subscribe(topic, qos=1)
        self._answers.get(timeout=WAIT_S)
        return self

    def say(self, topic: str, payload: bytes) -> None:
        """Publish and wait until the broker has acknowledged it, whatever it made of it."""
        self.client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def make_secrets(folder: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "scripts/make-secrets", "--folder", folder],
        capture_output=True,
        check=True,
    )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    mosquitto = needs.program("mosquitto")
    folder = tmp_path_factory.mktemp("mosquitto")
    secrets = folder / "secrets"
    make_secrets(secrets)
    file = PasswordFile(secrets / "mosquitto/passwords")
    words = {device: file.add(device) for device in ("gauge-1", "gauge-2")}
    for stage in ("ingest", "alerts", "devices"):
        lines = dict(line.split("=", 1) for line in (secrets / f"{stage}.env").read_text().split())
        words[lines["HOSHYAR_BROKER_USER"]] = lines["HOSHYAR_BROKER_PASSWORD"]
    device_port, stage_port = free_port(), free_port()
    (folder / "data").mkdir()
    text = (ROOT / "docker/mosquitto/mosquitto.conf").read_text()
    for ours, here in {
        "/mosquitto/secrets": str(secrets / "mosquitto"),
        "/mosquitto/config": str(ROOT / "docker/mosquitto"),
        "/mosquitto/data": str(folder / "data"),
        "listener 8883": f"listener {device_port} 127.0.0.1",
        "listener 8884": f"listener {stage_port} 127.0.0.1",
    }.items():
        assert ours in text
        text = text.replace(ours, here)
    # In its image Mosquitto becomes the user that owns /mosquitto; here this folder is closed.
    (folder / "mosquitto.conf").write_text(f"{text}\nuser root\n" if os.getuid() == 0 else text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([mosquitto, "-c", folder / "mosquitto.conf"], stderr=log)
    try:
        for port in (device_port, stage_port):
            await_port(process, port, folder / "log")
        yield Broker(device_port, stage_port, secrets / "mosquitto/ca.crt", words)
    finally:
        process.terminate()
        process.wait(WAIT_S)


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    made: list[Client] = []
    yield made
    for client in made:
        client.close()


@pytest.mark.promise("R9")
def test_a_device_writes_its_own_topics_only(broker: Broker, clients: list[Client]) -> None:
    ingest = Client(broker, "hoshyar-ingest").subscribe("hoshyar/v1/+/+/readings")
    device = Client(broker, "gauge-1", port=broker.device_port)
    clients += [ingest, device]
    device.say("hoshyar/v1/lab/gauge-2/readings", b"forged")
    device.say("hoshyar/v1/lab/hoshyar-ingest/readings", b"forged")
    device.say("hoshyar/v1/lab/gauge-1/readings", b"honest")
    assert ingest.heard.get(timeout=WAIT_S) == ("hoshyar/v1/lab/gauge-1/readings", b"honest")


@pytest.mark.promise("R9")
def test_a_device_reads_its_own_receipts_only_and_forges_none(
    broker: Broker, clients: list[Client]
) -> None:
    one = Client(broker, "gauge-1", port=broker.device_port).subscribe("hoshyar/v1/#")
    two = Client(broker, "gauge-2", port=broker.device_port)
    two.subscribe("hoshyar/v1/+/+/receipt")
    ingest = Client(broker, "hoshyar-ingest")
    clients += [one, two, ingest]
    two.say("hoshyar/v1/lab/gauge-1/receipt", b"forged")
    one.say("hoshyar/v1/lab/gauge-1/receipt", b"forged")
    two.say("hoshyar/v1/lab/gauge-2/readings", b"not for others")
    ingest.say("hoshyar/v1/lab/gauge-2/receipt", b"for two")
    ingest.say("hoshyar/v1/lab/gauge-1/receipt", b"for one")
    assert one.heard.get(timeout=WAIT_S) == ("hoshyar/v1/lab/gauge-1/receipt", b"for one")
    assert two.heard.get(timeout=WAIT_S) == ("hoshyar/v1/lab/gauge-2/receipt", b"for two")


@pytest.mark.promise("R9")
def test_nobody_comes_in_without_the_right_password(broker: Broker) -> None:
    for user, word in (("gauge-1", "guess"), ("stranger", "guess")):
        client = Client(broker, user, port=broker.device_port, word=word)
        assert client.answer == "Not authorized"
        client.close()


@pytest.mark.promise("R9")
def test_a_borrowed_client_id_does_not_throw_its_owner_out(
    broker: Broker, clients: list[Client]
) -> None:
    owner = Client(broker, "gauge-1", port=broker.device_port, client_id="gauge-1")
    thief = Client(broker, "gauge-2", port=broker.device_port, client_id="gauge-1")
    clients += [owner, thief]
    assert (owner.answer, thief.answer) == ("Success", "Success")
    thief.say("hoshyar/v1/lab/gauge-2/status", b"{}")
    owner.say("hoshyar/v1/lab/gauge-1/status", b"{}")
    assert owner.lost.empty()


@pytest.mark.promise("R3")
def test_a_payload_over_the_limit_is_dropped_and_the_next_one_arrives(
    broker: Broker, clients: list[Client]
) -> None:
    ingest = Client(broker, "hoshyar-ingest").subscribe("hoshyar/v1/+/+/backlog")
    device = Client(broker, "gauge-1", port=broker.device_port)
    clients += [ingest, device]
    limit = int(TABLE["max_payload_bytes"].default)
    device.say("hoshyar/v1/lab/gauge-1/backlog", b"x" * (limit + 1))
    device.say("hoshyar/v1/lab/gauge-1/backlog", b"next")
    assert ingest.heard.get(timeout=WAIT_S) == ("hoshyar/v1/lab/gauge-1/backlog", b"next")
    assert device.lost.empty()


def test_each_stage_may_do_its_own_part(broker: Broker, clients: list[Client]) -> None:
    devices, alerts = Client(broker, "hoshyar-devices"), Client(broker, "hoshyar-alerts")
    ingest = Client(broker, "hoshyar-ingest").subscribe("hoshyar/v1/+/+/status")
    clients += [devices, alerts, ingest]
    assert [c.answer for c in clients] == ["Success"] * 3
    alerts.say("hoshyar/v1/lab/gauge-3/status", b"not an alert")
    devices.say("hoshyar/v1/lab/gauge-3/status", b"{}")
    assert ingest.heard.get(timeout=WAIT_S) == ("hoshyar/v1/lab/gauge-3/status", b"{}")


def test_secrets_are_made_once_and_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    make_secrets(folder)
    assert first == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert folder.stat().st_mode & 0o077 == 0
    assert [p.name for p in folder.iterdir() if p.is_file() and p.stat().st_mode & 0o077] == []
