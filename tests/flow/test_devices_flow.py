"""The simulated devices as a process, on either broker: wills, receipts, restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cbor2
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from devices.network import network
from records.ports import free_port
from tests.flow.conftest import RunningBroker

HOST = "127.0.0.1"
PATIENCE_S = 120.0


class Children:
    """The simulation of one test, which may be killed and started again."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("HOSHYAR_")},
            "HOSHYAR_HOME": str(home),
            "HOSHYAR_BROKER_PORT": str(port),
            "HOSHYAR_SCENARIO": "lake-outburst",
        }

    def start(self, module: str) -> None:
        self._running[module] = subprocess.Popen(
            [sys.executable, "-m", module], env=self._environment
        )

    def end(self, module: str, number: signal.Signals) -> int:
        child = self._running.pop(module)
        child.send_signal(number)
        return child.wait(PATIENCE_S)

    def end_all(self) -> None:
        for module in list(self._running):
            self.end(module, signal.SIGKILL)

    @property
    def truth(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.home / "devices" / "truth.json").read_text())
        return found


class Server:
    """Stands for ingest: keeps what arrives, sends receipts when told to."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, str, int, int]] = []
        self.statuses: dict[str, dict[str, object]] = {}
        self.values: set[str] = set()
        self.labs: dict[str, str] = {}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="server")
        client.on_connect = self._subscribe
        client.on_message = self._take
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.connect(HOST, port)
        client.loop_start()
        self.client = client

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        for channel in ("readings", "waveform", "backlog", "status"):
            client.subscribe(f"hoshyar/v1/+/+/{channel}", 1)

    def _take(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        _, _, lab, device, channel = message.topic.split("/")
        self.labs[device] = lab
        if message.payload[:1] >= b"\xa0":
            packet = cbor2.loads(message.payload)
            self.messages.append((device, channel, packet["boot"], packet["seq"]))
            self.values.add(f"{device}/{packet['n']}")
            return
        said = json.loads(message.payload)
        if channel == "status":
            self.statuses[device] = said
            return
        self.messages.append((device, channel, said[0]["boot"], said[0]["seq"]))
        self.values |= {said[0]["bn"] + record["n"] for record in said}

    def numbers(self, device: str, boot: int) -> list[int]:
        return [seq for name, _, of, seq in self.messages if (name, of) == (device, boot)]

    def receipt(self, device: str, boot: int, through: int, missing: int) -> None:
        """Say that all through a number is settled but one."""
        missed = [[missing, missing]]
        said = {"boot": boot, "through": through, "missing": missed, "window": 500}
        topic = f"hoshyar/v1/{self.labs[device]}/{device}/receipt"
        self.client.publish(topic, json.dumps(said), qos=1).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def eventually(fact: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < until_s, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def children(tmp_path: Path, broker: RunningBroker) -> Iterator[Children]:
    found = Children(tmp_path, broker.address.port)
    yield found
    found.end_all()


@pytest.fixture
def server(broker: RunningBroker) -> Iterator[Server]:
    found = Server(broker.address.port)
    yield found
    found.close()


def test_all_series_come_from_devices_that_are_online(children: Children, server: Server) -> None:
    children.start("devices")
    eventually(lambda: len(server.values) == 75 and len(server.statuses) == 35)
    assert {device.id for device in network().device} == set(server.statuses)
    assert {status["state"] for status in server.statuses.values()} == {"online"}


def test_a_killed_device_is_offline_by_its_will_and_comes_back_with_what_nobody_receipted(
    children: Children, server: Server
) -> None:
    children.start("devices")
    eventually(lambda: len({seq for *_, seq in server.messages}) >= 3)
    boot = int(str(server.statuses["stage-1"]["boot"]))
    eventually(lambda: len(server.numbers("stage-1", boot)) >= 2)
    began = children.truth["start_at"]
    server.receipt("stage-1", boot, through=1, missing=1)
    # That it comes again says that the receipt has been taken and is on the disk.
    eventually(lambda: server.numbers("stage-1", boot).count(1) >= 2)
    assert children.end("devices", signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: {s["state"] for s in server.statuses.values()} == {"offline"})
    sent = sorted(set(server.numbers("stage-1", boot)))
    server.messages.clear()
    children.start("devices")
    eventually(lambda: {s["state"] for s in server.statuses.values()} == {"online"})
    eventually(lambda: bool(server.numbers("stage-1", boot + 1)))
    assert set(sent[1:]) <= set(server.numbers("stage-1", boot))
    assert 0 not in server.numbers("stage-1", boot)
    assert children.truth["start_at"] == began


def test_after_a_restart_of_the_broker_the_devices_go_on(
    children: Children, server: Server, broker: RunningBroker
) -> None:
    children.start("devices")
    eventually(lambda: len(server.statuses) == 35)
    boot = int(str(server.statuses["gauge-gwadar"]["boot"]))
    broker.kill()
    time.sleep(3.0)  # samples that the devices have to keep
    server.messages.clear()
    broker.start()
    eventually(lambda: len({device for device, *_ in server.messages}) == 35)

    def nothing_is_missing() -> bool:
        numbers = sorted(set(server.numbers("gauge-gwadar", boot)))
        return len(numbers) > 4 and numbers == list(range(numbers[-1] + 1))

    # What came before the server had subscribed again comes once more: no receipt covered it.
    eventually(nothing_is_missing)


def test_a_clean_stop_says_offline_and_ends_the_scenario(
    children: Children, server: Server
) -> None:
    children.start("devices")
    eventually(lambda: len(server.statuses) == 35)
    began = children.truth["start_at"]
    assert children.end("devices", signal.SIGTERM) == 0
    eventually(lambda: {s["state"] for s in server.statuses.values()} == {"offline"})
    children.start("devices")
    eventually(lambda: {s["state"] for s in server.statuses.values()} == {"online"})
    assert children.truth["start_at"] != began


def test_without_a_broker_the_devices_wait_and_end_cleanly(tmp_path: Path) -> None:
    alone = Children(tmp_path, free_port())
    alone.start("devices")
    eventually((tmp_path / "devices" / "truth.json").exists)
    assert alone.end("devices", signal.SIGTERM) == 0
