"""A gauge at a real broker, ingest beside it in a thread, and what is stored of what it said."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.service import Service
from records.clock import WallClock
from records.network import Device, Lab, Network, Series, Station
from records.settings import Settings
from records.times import DAY, SECOND
from store import readings
from store.connection import Database
from store.readings import Commit, Committed
from tests.databases import as_stage

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


WAIT_S = 60.0
TOPIC = "hoshyar/v1/north/gauge-1/readings"
NOW = WallClock().now() // SECOND * SECOND
NETWORK = Network(
    lab=(Lab(id="north"), Lab(id="south")),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)


def environment(broker: RunningBroker, dsn: str) -> dict[str, str]:
    return {"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": as_stage(dsn, "ingest")}


@contextmanager
def ingest(
    broker: RunningBroker, dsn: str, commit: Callable[[Database, Commit], Committed] | None = None
) -> Iterator[Service]:
    """The stage in a thread, stopped at the end of the block."""
    stop = threading.Event()
    settings = Settings.read(environment(broker, dsn))
    service = Service(settings, stop, commit=commit or readings.commit)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert not thread.is_alive()


class Device1:
    """A client that publishes at QoS 1 and hears its receipts."""

    def __init__(self, broker: RunningBroker) -> None:
        self.receipts: queue.Queue[dict[str, Any]] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda *heard: self.receipts.put(json.loads(heard[2].payload))
        self._client.connect(broker.address.host, broker.address.port)
        self._client.loop_start()
        self._client.subscribe("hoshyar/v1/north/gauge-1/receipt", 1)

    def publish(self, payload: bytes, topic: str = TOPIC) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def send(self, payload: bytes) -> None:
        """Without waiting for the broker."""
        self._client.publish(TOPIC, payload, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def stage(seq: int | None = None, value: Any = 1.5, **labels: Any) -> bytes:
    """A reading whose time tells its number."""
    first: dict[str, Any] = {"n": "stage", "v": value, "t": NOW / SECOND - 1000 + (seq or 0)}
    if seq is not None:
        first |= {"boot": 1, "seq": seq}
    return json.dumps([{**first, **labels}]).encode()


def until(true: Callable[[], Any], what: str = "it") -> None:
    until_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until_s, f"{what} did not come about"
        time.sleep(0.02)


def stored(db: Database) -> list[int]:
    """Numbers of the messages whose rows are stored."""
    rows = readings.between(db, [1], NOW - 2 * DAY, NOW + 2 * DAY)
    return [round((at - NOW) / SECOND + 1000) for at in rows.measured_at.tolist()]


def settled(db: Database) -> tuple[tuple[int, int], ...]:
    return readings.ledger(db).get((1, 1), ())
