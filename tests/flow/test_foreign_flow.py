"""Foreign devices at a real broker: a Sparkplug node, OpenEEW and flat JSON become exact rows."""

from __future__ import annotations

import gzip
import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest import metrics, protobuf
from ingest.service import Service
from records.clock import WallClock
from records.errors import Reason
from records.foreign import Feed, Reading, Time
from records.network import Device, Lab, Network, Series, Station
from records.settings import Settings
from records.times import DAY, SECOND, from_seconds
from store import foreign, numbering, quarantine, readings, registry, waveforms
from store.connection import Database, connect
from store.readings import Commit, Committed
from tests.flow.gauge import environment, ingest, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

WAIT_S = 60.0
NOW = WallClock().now() // SECOND * SECOND
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"), Device(id="slope-1", station="bank")),
    series=(
        Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),
        Series(id="s2", station="bank", device="slope-1", quantity="tilt", unit="deg"),
    ),
)
FLAT = Feed(
    name="farm", topic="farm/{device}/up", format="flat-json",
    readings=(Reading(field="level_cm", quantity="stage", unit="cm"),),
    time=Time(field="t", form="epoch-s"),
)  # fmt: skip
SPARKPLUG = Feed(
    name="slope", topic="spBv1.0/valley/+/n1/#", format="sparkplug-b", device="slope-1",
    readings=(Reading(field="Tilt", quantity="tilt", unit="deg"),),
)  # fmt: skip


EEW = Feed(
    name="quakes", topic="iot-2/type/OpenEEW/id/+/evt/status/fmt/json", format="openeew",
    devices={"000": "eew-000"},
)  # fmt: skip
QUAKES = Network(
    lab=NETWORK.lab,
    station=NETWORK.station,
    device=(Device(id="eew-000", station="bank"),),
    series=tuple(
        Series(
            id=f"a-{axis}", station="bank", device="eew-000", quantity="acceleration", unit="Gal",
            point=axis,
        )
        for axis in "xyz"
    ),
)  # fmt: skip


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


class Node:
    """A Sparkplug edge node: a will, births on demand, data by alias, a number for each message."""

    def __init__(self, broker: RunningBroker) -> None:
        self.rebirths: queue.Queue[metrics.Payload] = queue.Queue()
        self._seq = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="n1")
        self._client.will_set("spBv1.0/valley/NDEATH/n1", b"".join(self._bd_seq()), qos=1)
        self._client.on_message = lambda *heard: self.rebirths.put(metrics.decode(heard[2].payload))
        self._client.connect(broker.address.host, broker.address.port)
        self._client.loop_start()
        self._client.subscribe("spBv1.0/valley/NCMD/n1", 0)

    def _bd_seq(self) -> tuple[bytes, ...]:
        number = (protobuf.field(1, b"bdSeq"), protobuf.field(4, 8), protobuf.field(11, 1))
        return (protobuf.field(2, b"".join(number)),)

    def birth(self, alias: int, tilt: int, at: int) -> None:
        self._seq = 0
        self._say("NBIRTH", at, *self._bd_seq(), self._tilt(tilt, alias, b"Tilt"))

    def data(self, alias: int, tilt: int, at: int) -> None:
        self._seq = (self._seq + 1) % 256
        self._say("NDATA", at, self._tilt(tilt, alias))

    @staticmethod
    def _tilt(tilt: int, alias: int, name: bytes = b"") -> bytes:
        inside = protobuf.field(1, name) + protobuf.field(4, 3) if name else b""
        inside += protobuf.field(2, alias) + protobuf.field(10, tilt % 2**32)
        return protobuf.field(2, inside)

    def _say(self, kind: str, at: int, *parts: bytes) -> None:
        payload = protobuf.field(1, at // 1000) + b"".join(parts) + protobuf.field(3, self._seq)
        # Births and data have QoS 0 in Sparkplug.
        self._client.publish(f"spBv1.0/valley/{kind}/n1", payload, qos=0).wait_for_publish(WAIT_S)

    def vanish(self) -> None:
        """Lose the connection without a word: the broker says the will."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()


def rows(db: Database, series: int) -> list[tuple[float, float]]:
    """(seconds since NOW, value)."""
    found = readings.between(db, [series], NOW - DAY, NOW + DAY)
    return list(zip(((found.measured_at - NOW) / SECOND).tolist(), found.value.tolist(),
                    strict=True))  # fmt: skip


def born(broker: RunningBroker, db: Database) -> Node:
    """A node whose birth and first data are stored."""
    until(lambda: subscribed(db), "the subscription")
    node = Node(broker)
    node.birth(7, 10, NOW - 50 * SECOND)
    node.data(7, 11, NOW - 49 * SECOND)
    until(lambda: rows(db, 2) == [(-50.0, 10.0), (-49.0, 11.0)])
    return node


def state_of(db: Database, device: str) -> str:
    found: str = db.run("SELECT coalesce(state, '') FROM device WHERE id = %s", (device,))[0][0]
    return found


def test_a_sparkplug_node_is_followed_through_a_restart_of_ingest_and_its_death(
    broker: RunningBroker, dsn: str, db: Database
) -> None:
    foreign.save(db, [SPARKPLUG])
    with ingest(broker, dsn):
        node = born(broker, db)
        assert state_of(db, "slope-1") == "online"
        assert numbering.best_effort(db) == {"slope-1"}
    # While nobody listens it is born again, and its alias now means something else.
    node.birth(9, 20, NOW - 40 * SECOND)
    with ingest(broker, dsn):
        tries = count()

        def heard() -> bool:
            node.data(7, 99, NOW - 30 * SECOND + next(tries) * SECOND // 100)
            time.sleep(0.2)
            return not node.rebirths.empty()

        until(heard, "a request for rebirth")
        asked = node.rebirths.get(timeout=WAIT_S)
        assert [(m.name, m.raw) for m in asked.metrics] == [("Node Control/Rebirth", 1)]
        node.birth(9, 21, NOW - 20 * SECOND)
        node.data(9, -22, NOW - 19 * SECOND)
        until(lambda: rows(db, 2)[-2:] == [(-20.0, 21.0), (-19.0, -22.0)], "rows after rebirth")
        node.vanish()
        until(lambda: state_of(db, "slope-1") == "offline", "its death")
    assert 99.0 not in {value for _, value in rows(db, 2)}
    kept = quarantine.entries(db)
    assert {(entry.topic, entry.reason) for entry in kept} == {
        ("spBv1.0/valley/NDATA/n1", Reason.NO_BIRTH)
    }


# The embedded broker passes on but 100 of QoS 0 that came while ingest was busy.
@pytest.mark.parametrize("kind", ["debian"])
def test_a_stop_stores_all_that_was_taken_in_since_the_broker_keeps_nothing_of_qos_0(
    broker: RunningBroker, dsn: str, db: Database
) -> None:
    foreign.save(db, [FLAT])
    stop, sent, commits = threading.Event(), 1500, count()
    passed_on = threading.Semaphore(0)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda *_: passed_on.release()
    client.connect(broker.address.host, broker.address.port)
    client.subscribe("farm/gauge-1/up", 0)
    client.loop_start()

    def say(number: int) -> None:
        said = json.dumps({"t": NOW // SECOND - 1000 + number, "level_cm": number}).encode()
        client.publish("farm/gauge-1/up", said, qos=0).wait_for_publish(WAIT_S)

    def commit(database: Database, work: Commit) -> Committed:
        if next(commits):
            stop.set()
        else:
            for number in range(1, sent):
                say(number)
            # Who hears them too has heard the last: all of them stand at the socket of ingest.
            assert all(passed_on.acquire(timeout=WAIT_S) for _ in range(sent))
        return readings.commit(database, work)

    settings = Settings.read(environment(broker, dsn))
    thread = threading.Thread(target=Service(settings, stop, commit=commit).run)
    thread.start()
    until(lambda: subscribed(db), "the subscription")
    say(0)
    thread.join(WAIT_S)
    client.loop_stop()
    assert not thread.is_alive()
    assert len(rows(db, 1)) == sent


@pytest.mark.promise("R1")
def test_data_between_a_restart_of_ingest_and_the_rebirth_become_rows(
    broker: RunningBroker, dsn: str, db: Database
) -> None:
    foreign.save(db, [SPARKPLUG])
    with ingest(broker, dsn):
        node = born(broker, db)
    with ingest(broker, dsn):
        said: list[float] = []

        def heard() -> bool:
            said.append(-40 + len(said) / 4)
            node.data(7, len(said), NOW + round(said[-1] * SECOND))
            time.sleep(0.2)
            return not node.rebirths.empty()

        until(heard, "a request for rebirth")
        held = len(quarantine.entries(db))
        assert held
        node.birth(7, 30, NOW - 5 * SECOND)
        until(lambda: rows(db, 2)[-1:] == [(-5.0, 30.0)], "rows after rebirth")
        node.vanish()
    assert quarantine.entries(db) == []
    kept = [(at, float(value)) for value, at in enumerate(said, 1)]
    # What was said before ingest had connected again was said at QoS 0, and nobody kept it.
    found = rows(db, 2)[2:-1]
    assert found == kept[len(kept) - len(found) :]
    # What came in one batch with the birth was never in quarantine.
    (moved,) = db.run("SELECT count(*) FROM rerun WHERE person = 'ingest'")[0]
    assert held <= moved <= len(found)
    assert db.run("SELECT sum(quarantined) FROM worker") == [(0,)]


def test_a_feed_is_read_from_the_moment_it_is_imported_and_no_longer_once_removed(
    broker: RunningBroker, dsn: str, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ingest.service")
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.address.host, broker.address.port)
    client.loop_start()

    def say(device: str, **fields: Any) -> None:
        message = json.dumps(fields).encode()
        client.publish(f"farm/{device}/up", message, qos=1).wait_for_publish(WAIT_S)

    at = NOW / SECOND
    with ingest(broker, dsn):
        until(lambda: subscribed(db), "ingest")
        foreign.save(db, [FLAT])
        until(lambda: said(say, db, t=at - 9, level_cm=150), "the subscription")
        say("gauge-1", t=at - 8, level_cm=175)
        say("gauge-1", t=at - 8, level_cm=175)
        say("gauge-9", t=at - 7, level_cm=1)
        say("gauge-1", t=at - 6, level_cm=1, mood=1)
        say("gauge-1", t=at - 5, level_cm=153)
        wanted = [(-9.0, 1.5), (-8.0, 1.75), (-5.0, 1.53)]
        until(lambda: rows(db, 1) == wanted)
        kept = {(e.topic, e.reason) for e in quarantine.entries(db) if "up" in e.topic}
        assert kept - {("farm/gauge-1/up", Reason.BAD_TOPIC)} == {
            ("farm/gauge-9/up", Reason.UNKNOWN_DEVICE),
            ("farm/gauge-1/up", Reason.UNKNOWN_QUANTITY),
        }  # fmt: skip
        caplog.clear()
        foreign.remove(db, "farm")
        until(lambda: "registry version" in caplog.text, "its removal")
        say("gauge-1", t=at - 4, level_cm=154)
    assert rows(db, 1) == wanted
    client.disconnect()
    client.loop_stop()


def test_recorded_openeew_messages_are_stored_as_the_packets_that_were_sent(
    broker: RunningBroker, dsn: str, db: Database, recordings: Path
) -> None:
    registry.enrol(db, QUAKES)
    foreign.save(db, [EEW])
    whole = gzip.decompress((recordings / "openeew/2017_12_15/000/10.jsonl.gz").read_bytes())
    lines = whole.splitlines()[:40]
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.address.host, broker.address.port)
    client.loop_start()
    numbers = registry.load(db).series_number

    def stored(axis: str) -> list[tuple[int, float, list[float]]]:
        found = waveforms.packets(db, numbers[f"a-{axis}"], 0, NOW)
        return [(p.start_at, p.rate_hz, p.samples.tolist()) for p in found]

    def sent(axis: str) -> list[tuple[int, float, list[float]]]:
        each = [json.loads(line) for line in lines]
        return sorted(
            (
                from_seconds(one["device_t"]) - round((len(one[axis]) - 1) / one["sr"] * SECOND),
                one["sr"],
                one[axis],
            )
            for one in each
        )

    with ingest(broker, dsn):
        until(lambda: subscribed(db), "the subscription")
        for line in [*lines, *lines[:5]]:
            topic = EEW.filter.replace("+", "000")
            client.publish(topic, line, qos=1).wait_for_publish(WAIT_S)
        until(lambda: len(stored("z")) == len(lines), "the packets")
    assert {axis: stored(axis) for axis in "xyz"} == {axis: sent(axis) for axis in "xyz"}
    assert quarantine.entries(db) == []
    client.disconnect()
    client.loop_stop()


def said(say: Any, db: Database, **fields: Any) -> bool:
    """Say it until it is stored: nobody tells when a subscription holds."""
    say("gauge-1", **fields)
    time.sleep(0.2)
    return bool(rows(db, 1))


def subscribed(db: Database) -> bool:
    """True when ingest says that it runs: its broker has granted what it knew at the start."""
    found: bool = db.run("SELECT exists (SELECT FROM stage WHERE state = 'running')")[0][0]
    return found
