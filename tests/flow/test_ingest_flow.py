"""Ingest between a real broker and a real database: bad input, kills, lost connections."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.publisher import NotPublished, Publisher
from ingest.service import Service
from ingest.session import Received, Session
from records.clock import WallClock
from records.errors import Reason, StoreUnavailable
from records.network import Device, Lab, Network, Series, Station
from records.settings import Settings
from records.times import DAY, SECOND
from store import quarantine, readings, registry, stages
from store.connection import Database, connect
from store.readings import Commit, Committed
from tests.databases import as_stage

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

WAIT_S = 30.0
TOPIC = "hoshyar/v1/north/gauge-1/readings"
NOW = WallClock().now() // SECOND * SECOND
NETWORK = Network(
    lab=(Lab(id="north"), Lab(id="south")),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


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


@pytest.fixture
def device(broker: RunningBroker) -> Iterator[Device1]:
    client = Device1(broker)
    yield client
    client.close()


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


@pytest.fixture
def listening(broker: RunningBroker, dsn: str, db: Database, device: Device1) -> Callable[[], None]:
    """Waits until ingest takes messages: until then a broker has nobody to keep them for."""

    def wait() -> None:
        until(lambda: [s.state for s in stages.all(db)] == ["running"], "a running ingest")

    return wait


YEAR_S = 365 * 86_400
BAD: dict[str, tuple[bytes, str, Reason]] = {
    "bytes that are no SenML": (b"\x07\xff\x00", TOPIC, Reason.UNDECODABLE),
    "an unknown device": (stage(), TOPIC.replace("gauge-1", "gauge-9"), Reason.UNKNOWN_DEVICE),
    "an unknown quantity": (stage(n="mood"), TOPIC, Reason.UNKNOWN_QUANTITY),
    "a wrong unit": (stage(u="Cel"), TOPIC, Reason.WRONG_UNIT),
    "NaN": (stage(value=float("nan")), TOPIC, Reason.NOT_FINITE),
    "1e400": (stage().replace(b"1.5", b"1e400"), TOPIC, Reason.NOT_FINITE),
    "a time in 1970": (stage(t=86_400), TOPIC, Reason.IMPOSSIBLE_TIME),
    "a time next year": (stage(t=NOW / SECOND + YEAR_S), TOPIC, Reason.IMPOSSIBLE_TIME),
    "another lab's topic": (stage(), TOPIC.replace("north", "south"), Reason.WRONG_LAB),
    "10 MB": (b"[" * 10_000_000, TOPIC, Reason.TOO_LARGE),
    "an empty payload": (b"", TOPIC, Reason.EMPTY_PAYLOAD),
    "a topic of two words": (stage(), "hoshyar/readings", Reason.BAD_TOPIC),
    "a topic of three words": (stage(), "hoshyar/v1/north", Reason.BAD_TOPIC),
    "a topic of four words": (stage(), "hoshyar/v1/north/gauge-1", Reason.BAD_TOPIC),
    "a topic of six words": (stage(), TOPIC + "/more", Reason.BAD_TOPIC),
    "a topic of eight words": (stage(), TOPIC + "/a/b/c", Reason.BAD_TOPIC),
    "an unknown version": (stage(), TOPIC.replace("v1", "v7"), Reason.BAD_TOPIC),
    "an unknown channel": (stage(), TOPIC.replace("readings", "moods"), Reason.BAD_TOPIC),
    "a device that is no slug": (stage(), TOPIC.replace("gauge-1", "G 1"), Reason.BAD_TOPIC),
    "a backlog that is no SenML": (
        b"{}", TOPIC.replace("readings", "backlog"), Reason.UNDECODABLE),
    "a status that is none": (b"[]", TOPIC.replace("readings", "status"), Reason.UNDECODABLE),
    "a relative time without sequence": (stage(t=-1), TOPIC, Reason.RELATIVE_TIME),
    "a negative sequence": (stage(boot=1, seq=-1), TOPIC, Reason.BAD_SEQUENCE),
}  # fmt: skip


@pytest.mark.promise("R3")
def test_every_bad_message_is_quarantined_once_and_the_next_good_one_is_stored(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        for seq, (payload, topic, _) in enumerate(BAD.values()):
            device.publish(payload, topic)
            device.publish(stage(seq))
        until(lambda: len(stored(db)) == len(BAD), "the good messages")
        until(lambda: len(quarantine.entries(db)) == len(BAD), "the bad messages")
    found = {(entry.topic, entry.payload[:4096], entry.reason) for entry in quarantine.entries(db)}
    assert found == {(topic, payload[:4096], reason) for payload, topic, reason in BAD.values()}
    assert stored(db) == list(range(len(BAD)))

    # They were acknowledged: nothing comes again to the next process.
    with ingest(broker, dsn):
        device.publish(stage(len(BAD)))
        until(lambda: len(stored(db)) == len(BAD) + 1, "the last message")
    assert len(quarantine.entries(db)) == len(BAD)


@pytest.mark.promise("R2")
def test_a_death_between_commit_and_acknowledgement_makes_no_doubles(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    class Death(BaseException):
        pass

    def commit_and_die(database: Database, work: Commit) -> Committed:
        readings.commit(database, work)
        raise Death

    stop = threading.Event()
    settings = Settings.read(environment(broker, dsn))
    first = Service(settings, stop, commit=commit_and_die)
    deaths: list[type[BaseException]] = []

    def run() -> None:
        try:
            first.run()
        except Death as death:
            deaths.append(type(death))

    thread = threading.Thread(target=run)
    thread.start()
    listening()
    device.publish(stage(0))
    device.publish(b"junk")
    thread.join(WAIT_S)
    assert deaths == [Death]

    commits: list[Commit] = []

    def commit(database: Database, work: Commit) -> Committed:
        commits.append(work)
        return readings.commit(database, work)

    with ingest(broker, dsn, commit):
        device.publish(stage(1))
        until(lambda: 1 in stored(db), "the next message")
    assert stored(db) == [0, 1]
    assert [entry.payload for entry in quarantine.entries(db)] == [b"junk"]
    # What was committed came again (the broker had no acknowledgement) and was recognised.
    assert sum(len(work.readings) for work in commits) == 1


@pytest.mark.promise("R1")
def test_nothing_is_acknowledged_while_the_store_is_away(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    tries: list[int] = []

    def away(database: Database, work: Commit) -> Committed:
        tries.append(len(work.readings))
        raise StoreUnavailable("the disk is full")

    with ingest(broker, dsn, away):
        listening()
        for seq in range(5):
            device.publish(stage(seq))
        until(lambda: len(tries) >= 2, "a second try")
        assert device.receipts.empty()
    assert stored(db) == []
    with ingest(broker, dsn):
        until(lambda: len(stored(db)) == 5, "what was not acknowledged")
    assert settled(db) == ((0, 4),)


@pytest.mark.promise("R2")
@pytest.mark.promise("R1")
def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    command = [sys.executable, "-m", "ingest"]
    child = subprocess.Popen(command, env={**os.environ, **environment(broker, dsn)})
    try:
        listening()
        for seq in range(1200):
            device.publish(stage(seq))
            if seq % 400 == 399:
                child.kill()
                child.wait()
                child = subprocess.Popen(command, env={**os.environ, **environment(broker, dsn)})
        until(lambda: settled(db) == ((0, 1199),), "all messages")
        child.terminate()
        assert child.wait(WAIT_S) == 0
    finally:
        child.kill()
        child.wait()
    assert stored(db) == list(range(1200))


def subscribed(settings: Settings, name: str, topic: str = TOPIC) -> Session:
    session = Session(settings, name)
    session.use([topic])
    return session


def receive(session: Session) -> Received:
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        received = session.turn()
        if received.deliveries:
            return received
        time.sleep(0.01)
    raise AssertionError("nothing came")


def connected(session: Session) -> None:
    """Until it is connected and its subscription has had time to be granted."""

    def ready() -> bool:
        session.turn()
        return session.connected

    until(ready, "a connection")
    for _ in range(20):
        session.turn()
        time.sleep(0.01)


def test_an_acknowledgement_never_reaches_a_later_connection(broker: RunningBroker) -> None:
    settings = Settings.read({"HOSHYAR_BROKER": str(broker.address)})

    def publish(payload: bytes) -> None:
        client = Device1(broker)
        client.publish(payload)
        client.close()

    session = subscribed(settings, "worker")
    connected(session)
    publish(b"old")
    old = receive(session)
    broker.kill()
    broker.start()
    connected(session)
    publish(b"new")
    new = receive(session)
    assert [d.payload for d in (*old.deliveries, *new.deliveries)][0::1] == [b"old", b"new"]
    # The same packet id: acknowledging the old message would settle the new one.
    assert old.deliveries[0].mid == new.deliveries[0].mid
    session.acknowledge(old)
    session.turn()
    session.close()

    again = subscribed(settings, "worker")
    connected_and = receive(again)
    assert [delivery.payload for delivery in connected_and.deliveries] == [b"new"]
    again.acknowledge(connected_and)
    again.turn()
    again.close()

    last = subscribed(settings, "worker")
    connected(last)
    publish(b"last")
    assert [delivery.payload for delivery in receive(last).deliveries] == [b"last"]
    last.close()


def test_receipts_follow_the_commit_and_greet_a_device_that_comes_online(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        for seq in (0, 1, 4):
            device.publish(stage(seq))
        expected = {"boot": 1, "through": 4, "missing": [[2, 3]], "window": 500}
        until(lambda: device.receipts.get(timeout=WAIT_S) == expected, "the receipt")
        device.publish(b'{"state":"online","boot":1}', TOPIC.replace("readings", "status"))
        assert device.receipts.get(timeout=WAIT_S) == expected
        # A repeat means that a receipt was lost: it is sent again.
        device.publish(stage(4))
        assert device.receipts.get(timeout=WAIT_S) == expected


@pytest.mark.promise("R1")
def test_what_a_device_has_lost_holds_up_no_receipt_also_after_a_restart(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    said = b'{"state":"online","boot":1,"gone":[[1,1,8],[0,0,40]]}'
    first = {"boot": 0, "through": 40, "missing": [], "window": 500}
    second = {"boot": 1, "through": 9, "missing": [], "window": 500}
    with ingest(broker, dsn):
        listening()
        device.publish(stage(0))
        device.publish(stage(9))
        device.publish(said, TOPIC.replace("readings", "status"))
        heard: list[dict[str, Any]] = []
        while first not in heard or second not in heard:
            heard.append(device.receipts.get(timeout=WAIT_S))
        device.publish(stage(5))
        until(lambda: stored(db) == [0, 5, 9], "the message that was thought lost")
    assert settled(db) == ((0, 0), (5, 5), (9, 9))
    assert readings.gone(db) == {(1, 0): ((0, 40),), (1, 1): ((1, 4), (6, 8))}
    with ingest(broker, dsn):
        until(lambda: device.receipts.get(timeout=WAIT_S) == second, "the receipt")


@pytest.mark.promise("R1")
def test_a_device_that_restarted_hears_receipts_of_both_boots_also_after_a_restart_of_ingest(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    old = {"boot": 7, "through": 2, "missing": [], "window": 500}
    new = {"boot": 8, "through": 3, "missing": [], "window": 500}

    def heard(*wanted: dict[str, Any]) -> None:
        said: list[dict[str, Any]] = []
        while not all(one in said for one in wanted):
            said.append(device.receipts.get(timeout=WAIT_S))

    with ingest(broker, dsn):
        listening()
        for boot, seq in ((7, 0), (8, 0), (7, 2), (8, 3), (7, 1), (8, 2), (8, 1)):
            device.publish(stage(seq, boot=boot))
        heard(old, new)
    assert readings.ledger(db) == {(1, 7): ((0, 2),), (1, 8): ((0, 3),)}
    with ingest(broker, dsn):
        heard(new)
        # It has not heard of the old boot, so it sends its messages again.
        device.publish(stage(2, boot=7))
        device.publish(b'{"state":"online","boot":8}', TOPIC.replace("readings", "status"))
        heard(old, new)


def test_a_changed_registry_is_taken_up_while_running(
    broker: RunningBroker, dsn: str, db: Database, device: Device1, listening: Callable[[], None]
) -> None:
    with ingest(broker, dsn):
        listening()
        registry.add_device(
            db,
            Device(id="gauge-2", station="bank"),
            [Series(id="s2", station="bank", device="gauge-2", quantity="stage", unit="m")],
        )

        number = registry.load(db).series_number["s2"]

        def taken_up() -> bool:
            device.publish(stage(), TOPIC.replace("gauge-1", "gauge-2"))
            return bool(len(readings.between(db, [number], NOW - DAY, NOW + DAY)))

        until(taken_up, "the new device's reading")


def test_a_publisher_returns_on_the_brokers_word_alone(broker: RunningBroker) -> None:
    settings = Settings.read({"HOSHYAR_BROKER": str(broker.address)})
    publisher = Publisher(settings, "alerts", timeout_s=2.0)
    heard = subscribed(settings, "listener", "hoshyar/v1/north/alerts/#")
    connected(heard)
    topic = "hoshyar/v1/north/alerts/valley/river-flood"
    publisher.publish(topic, b"1")
    assert [delivery.payload for delivery in receive(heard).deliveries] == [b"1"]
    broker.kill()
    with pytest.raises(NotPublished):
        publisher.publish(topic, b"2")
    broker.start()
    connected(heard)
    publisher.publish(topic, b"3")
    assert [delivery.payload for delivery in receive(heard).deliveries] == [b"3"]
    publisher.close()
    heard.close()


SLOW_PER_S = 400
SLOW_MESSAGES = 3_000


@pytest.mark.promise("R8")
def test_behind_a_slow_store_receipts_and_live_readings_go_on(
    broker: RunningBroker, dsn: str, device: Device1, listening: Callable[[], None]
) -> None:
    spent_s: list[float] = []

    def commit(db: Database, work: Commit) -> Committed:
        began_s = time.monotonic()
        time.sleep(len(work.readings) / SLOW_PER_S)
        done = readings.commit(db, work)
        spent_s.append(time.monotonic() - began_s)
        return done

    with ingest(broker, dsn, commit):
        listening()
        for seq in range(SLOW_MESSAGES - 1):
            device.send(stage(seq))
        device.publish(stage(SLOW_MESSAGES - 1))
        heard_s, through = [time.monotonic()], -1
        while through < SLOW_MESSAGES - 1:
            through = device.receipts.get(timeout=WAIT_S)["through"]
            heard_s.append(time.monotonic())
    # A quarter of a second is wanted; all that waits would take some seven at once.
    assert max(spent_s) < 2.0
    # A device is told once in a second at most.
    assert max(after - before for before, after in pairwise(heard_s)) < 3.5
