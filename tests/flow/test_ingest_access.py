"""Ingest at the servers' broker: Mosquitto with our configuration, TLS, passwords, access lists."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hoshyar.credentials import PasswordFile
from ingest.service import Service
from records.clock import WallClock
from records.network import Device, Lab, Network, Series, Station
from records.ports import free_port
from records.settings import Settings
from records.times import SECOND
from store import figures, registry, stages
from store.connection import connect
from tests import needs
from tests.databases import as_stage

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0
TOPIC = "hoshyar/v1/north/gauge-1"
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)


def make_secrets(folder: Path) -> None:
    script = str(ROOT / "scripts/make-secrets")
    subprocess.run([sys.executable, script, "--folder", str(folder)], check=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Ports for devices and stages, and the settings of ingest."""
    mosquitto = needs.program("mosquitto")
    secrets = tmp_path / "secrets"
    make_secrets(secrets)
    (tmp_path / "data").mkdir()
    ports = free_port(), free_port()
    text = (ROOT / "docker/mosquitto/mosquitto.conf").read_text()
    for ours, here in {
        "/mosquitto/secrets": str(secrets / "mosquitto"),
        "/mosquitto/config": str(ROOT / "docker/mosquitto"),
        "/mosquitto/data": str(tmp_path / "data"),
        "listener 8883": f"listener {ports[0]} 127.0.0.1",
        "listener 8884": f"listener {ports[1]} 127.0.0.1",
    }.items():
        text = text.replace(ours, here)
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"{text}\nuser root\n" if os.getuid() == 0 else text)
    password = PasswordFile(secrets / "mosquitto/passwords").add("gauge-1")
    lines = dict(line.split("=", 1) for line in (secrets / "ingest.env").read_text().split())
    settings = {
        name: value for name, value in lines.items() if name.startswith("HOSHYAR_BROKER_")
    } | {
        "HOSHYAR_BROKER": f"mqtts://localhost:{ports[1]}",
        "HOSHYAR_BROKER_CA": str(secrets / "mosquitto/ca.crt"),
        "PASSWORD": password,
    }
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen([mosquitto, "-c", str(config)], stderr=log)
    yield (*ports, settings)
    child.terminate()
    child.wait()


def device(port: int, authority: str, password: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gauge-1")
    client.username_pw_set("gauge-1", password)
    client.tls_set(authority, tls_version=ssl.PROTOCOL_TLS_CLIENT)
    client.connect("localhost", port)
    client.loop_start()
    return client


def until(what: str, true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until_s, f"{what} did not come about"
        time.sleep(0.02)


@pytest.mark.promise("R9")
def test_ingest_stores_and_answers_through_tls_and_access_lists(
    server: tuple[int, int, dict[str, str]], dsn: str
) -> None:
    device_port, _, given = server
    password = given.pop("PASSWORD")
    stop = threading.Event()
    with connect(dsn, stage="test") as db:
        registry.enrol(db, NETWORK)
        service = Service(Settings.read({**given, "HOSHYAR_DSN": as_stage(dsn, "ingest")}), stop)
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            until("ingest", lambda: [s.state for s in stages.all(db)] == ["running"])
            client = device(device_port, given["HOSHYAR_BROKER_CA"], password)
            receipts: list[bytes] = []
            client.on_message = lambda *heard: receipts.append(heard[2].payload)
            client.subscribe(f"{TOPIC}/receipt", 1)
            at = WallClock().now() / SECOND
            for seq, channel in enumerate(("readings", "backlog")):
                payload = f'[{{"n":"stage","v":1,"t":{at + seq},"boot":1,"seq":{seq}}}]'
                client.publish(f"{TOPIC}/{channel}", payload, qos=1)
            until("rows", lambda: figures.figures(db, 0).readings_stored == 2)
            until("a receipt", lambda: any(b'"through":1' in receipt for receipt in receipts))
            client.disconnect()
            client.loop_stop()
        finally:
            stop.set()
            thread.join(WAIT_S)
