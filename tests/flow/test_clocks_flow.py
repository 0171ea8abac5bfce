"""A device whose clock is slow by half an hour, through a broker and a database."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.service import Service
from records.clock import WallClock
from records.levels import Check
from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.settings import Settings
from records.times import DAY, SECOND
from store import clocks, readings, registry, stages
from store.connection import Database, connect
from tests.databases import as_stage
from tests.flow.running import until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

SLOW_S = 1800.0
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(
        Series(
            id="s1", station="bank", device="gauge-1", quantity="stage", unit="m", late_after_s=60
        ),
    ),
)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


def test_a_device_that_is_half_an_hour_slow_is_live_within_half_a_minute(
    broker: RunningBroker, dsn: str, db: Database
) -> None:
    given = {"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": as_stage(dsn, "ingest")}
    settings = Settings.read(given)
    stop = threading.Event()
    thread = threading.Thread(target=Service(settings, stop).run)
    thread.start()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    try:
        until(lambda: [s.state for s in stages.all(db)] == ["running"], "a running ingest")
        client.connect(broker.address.host, broker.address.port)
        client.loop_start()
        seq = 0

        def live() -> bool:
            nonlocal seq
            shown = WallClock().now() / SECOND - SLOW_S
            said = [{"n": "stage", "v": 1.0 + seq, "t": shown, "boot": 1, "seq": seq}]
            topic = "hoshyar/v1/north/gauge-1/readings"
            client.publish(topic, json.dumps(said), qos=1).wait_for_publish(30)
            seq += 1
            time.sleep(0.5)
            return not stored(db).late.all() if seq > 1 else False

        until(live, "a live reading")
        backlog = [{"n": "stage", "v": 0.5, "t": WallClock().now() / SECOND - SLOW_S - 300}]
        topic = "hoshyar/v1/north/gauge-1/backlog"
        client.publish(topic, json.dumps(backlog), qos=1).wait_for_publish(30)
        until(lambda: 0.5 in stored(db).value, "the backlog")
    finally:
        stop.set()
        thread.join(30)
        client.disconnect()
        client.loop_stop()
    found = stored(db)
    assert found.late[found.value == 0.5].tolist() == [True]
    assert set(found.checks[~found.late].tolist()) == {int(Check.CLOCK)}
    (clock,) = clocks.load(db)
    assert (clock.boot, clock.known) == (1, True)
    assert clock.offset / SECOND == pytest.approx(SLOW_S, abs=2)


def stored(db: Database) -> ReadingBatch:
    now_at = WallClock().now()
    return readings.between(db, [1], now_at - DAY, now_at + DAY)
