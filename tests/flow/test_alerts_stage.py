"""`python -m alerts` as a process: real database, real broker, killed and without its broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from lxml import etree
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from records.clock import ScenarioClock, WallClock
from records.levels import Hazard, Level
from records.network import Area, Device, Lab, Network, Series, Station
from records.settings import BrokerAddress
from records.statements import HazardWarning, Phrase
from records.times import SECOND
from store import incidents, outbox, registry, stages, warnings
from store.connection import Database, connect
from tests.databases import as_stage

FOLDER = Path(__file__).parents[2]
STATE = "hoshyar/v1/north/alerts/valley/lake-outburst"
CAP = "hoshyar/v1/north/alerts/cap"
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="lake-1", lab="north", lat=36, lon=74, area="valley"),),
    device=(Device(id="d1", station="lake-1", simulated=True),),
    series=(Series(id="s1", station="lake-1", device="d1", quantity="lake_level", unit="m"),),
    area=(Area(id="valley", lab="north", names={"en": "The valley"}),),
)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK, ScenarioClock(0))
        yield database


class Broker(Protocol):
    """What the shared fixture `broker` gives: a broker that can be killed and started again."""

    address: BrokerAddress

    def start(self) -> None: ...
    def kill(self) -> None: ...


class Stages:
    """Processes of one test, with one environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, module: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module]
        process = subprocess.Popen(
            command, env=self.environment, cwd=FOLDER, stderr=subprocess.PIPE
        )
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()


@pytest.fixture
def processes(dsn: str, broker: Broker) -> Iterator[Stages]:
    mine = {"HOSHYAR_DSN": as_stage(dsn, "alerts"), "HOSHYAR_BROKER": str(broker.address)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOSHYAR_")}
    started = Stages(kept | mine)
    yield started
    started.end()


def eventually(holds: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until_s, f"never: {what}"
        time.sleep(0.05)


def models_say(db: Database, level: Level) -> None:
    at = WallClock().now()
    said = HazardWarning(
        source="lake-outburst/s1",
        detector="lake-outburst",
        version="1",
        hazard=Hazard.LAKE_OUTBURST,
        area="valley",
        level=level,
        stations=("lake-1",),
        simulated=True,
        decided_at=at,
        reason=Phrase(text="because"),
        onset_at=at + 1800 * SECOND,
    )
    with db.transaction():
        warnings.append(db, [said])
        stages.save_progress(db, "models", at, {}, b"")


@contextmanager
def subscribed(port: int) -> Iterator[list[mqtt.MQTTMessage]]:
    heard: list[mqtt.MQTTMessage] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="test")
    client.on_message = lambda _, __, message: heard.append(message)
    client.connect("127.0.0.1", port)
    client.subscribe([(STATE, 1), (CAP, 1)])
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


@pytest.mark.promise("R7")
@pytest.mark.promise("R10")
def test_an_alert_reaches_the_broker_once_it_is_there_and_a_kill_changes_nothing(
    db: Database, broker: Broker, processes: Stages
) -> None:
    port = broker.address.port
    broker.kill()
    first = processes.start("alerts")
    models_say(db, Level.ORANGE)
    eventually(lambda: len(incidents.all_changes(db)) == 1, "decided without a broker")
    alert = incidents.current(db)[0].last.alert
    eventually(
        lambda: any(d.error for d in outbox.deliveries(db, alert)), "the failed attempt is shown"
    )
    eventually(
        lambda: any("not delivered" in stage.detail for stage in stages.all(db)),
        "the stage says what is undelivered",
    )
    first.send_signal(signal.SIGKILL)
    first.wait()

    broker.start()
    with subscribed(port) as heard:
        second = processes.start("alerts")
        models_say(db, Level.RED)
        eventually(lambda: not outbox.pending(db, 2**52), "all is delivered")
        eventually(
            lambda: [m.topic for m in heard].count(CAP) >= 2 and heard[-1].topic == STATE,
            "heard at the broker",
        )
        cap = [etree.fromstring(bytes(m.payload)) for m in heard if m.topic == CAP]
        assert [message.findtext("{*}msgType") for message in cap[-2:]] == ["Alert", "Update"]
        assert {message.findtext("{*}status") for message in cap} == {"Exercise"}

    with subscribed(port) as heard:
        eventually(lambda: bool(heard), "the state is retained")
        state = msgspec.json.decode(heard[0].payload)
    assert heard[0].retain
    assert [(i["alert"], i["level"], i["status"]) for i in state["incidents"]] == [
        (alert, "red", "Exercise")
    ]
    assert [(c.change, c.level) for c in incidents.history(db, alert)] == [
        ("raised", Level.ORANGE),
        ("escalated", Level.RED),
    ]
    second.terminate()
    _, log = second.communicate(timeout=60)
    assert second.returncode == 0
    lines = [line for line in log.splitlines() if line.startswith(b"{")]
    assert [msgspec.json.decode(line)["change"] for line in lines][-1:] == ["escalated"]


def test_a_stage_without_a_database_address_says_so_in_one_line(processes: Stages) -> None:
    processes.environment["HOSHYAR_DSN"] = ""
    stage = processes.start("alerts")
    _, log = stage.communicate(timeout=60)
    assert stage.returncode == 2
    assert log.decode().splitlines() == [
        "alerts: HOSHYAR_DSN is empty: start with `hoshyar up`, or name a PostgreSQL database"
    ]


@pytest.mark.promise("R7")
def test_a_broker_that_has_forgotten_everything_is_told_the_states_again(
    db: Database, broker: Broker, processes: Stages
) -> None:
    processes.start("alerts")
    models_say(db, Level.RED)
    eventually(lambda: len(incidents.all_changes(db)) == 1, "decided")
    eventually(lambda: not outbox.pending(db, 2**52), "all is delivered")
    broker.kill()
    broker.start()
    with subscribed(broker.address.port) as heard:
        eventually(lambda: bool(heard), "the state is there though nothing has changed")
        state = msgspec.json.decode(heard[0].payload)
    assert [incident["level"] for incident in state["incidents"]] == ["red"]
    assert len(incidents.all_changes(db)) == 1
