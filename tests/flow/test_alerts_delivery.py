"""The outbox: at least once, in order a topic, and undelivered is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from alerts.delivery import LogChannel, NotDelivered, Round
from records.clock import ScenarioClock
from records.times import MINUTE, SECOND, parse
from store import outbox
from store.connection import Database, connect
from store.outbox import Message

START = parse("2026-03-01T00:00:00Z")


class Unsteady:
    """A channel that refuses topics while they are in `broken`."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.taken: list[tuple[str, bytes]] = []
        self.connected = 0

    def connections(self) -> int:
        return self.connected

    def send(self, message: Message) -> str:
        if message.topic in self.broken:
            raise NotDelivered("the broker does not answer")
        self.taken.append((message.topic, message.payload))
        return "acknowledged"


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        yield database


def put(
    db: Database, topic: str, payload: bytes, channel: str = "mqtt", *, retain: bool = False
) -> None:
    outbox.put(db, channel, topic, payload, retain, "flood-1")


@pytest.mark.promise("R7")
def test_what_fails_is_tried_again_in_order_and_holds_up_no_other_topic(db: Database) -> None:
    channel, clock = Unsteady(), ScenarioClock(START)
    delivery = Round("mqtt", channel)
    channel.broken = {"a"}
    for topic, payload in [("a", b"1"), ("b", b"2"), ("a", b"3"), ("b", b"4")]:
        put(db, topic, payload)
    assert delivery.deliver(db, clock) == 1.0
    assert channel.taken == [("b", b"2"), ("b", b"4")]
    assert delivery.undelivered == 2

    clock.advance(START + SECOND)
    assert delivery.deliver(db, clock) == 2.0
    channel.broken = set()
    clock.advance(START + 2 * SECOND)
    delivery.deliver(db, clock)
    assert delivery.undelivered == 2, "not before its time"
    clock.advance(START + 3 * SECOND)
    delivery.deliver(db, clock)
    assert channel.taken[2:] == [("a", b"1"), ("a", b"3")]
    assert delivery.undelivered == 0
    assert [(d.topic, d.attempt, d.receipt, d.error) for d in outbox.deliveries(db, "flood-1")] == [
        ("a", 1, None, "the broker does not answer"),
        ("a", 2, None, "the broker does not answer"),
        ("a", 3, "acknowledged", None),
        ("b", 1, "acknowledged", None),
        ("a", 1, "acknowledged", None),
        ("b", 1, "acknowledged", None),
    ]


def test_the_pause_between_attempts_grows_to_a_minute(db: Database) -> None:
    channel, clock = Unsteady(), ScenarioClock(START)
    channel.broken = {"a"}
    put(db, "a", b"1")
    delivery, failed_at = Round("mqtt", channel), []
    while clock.now() < START + 5 * MINUTE:
        before = len(outbox.deliveries(db, "flood-1"))
        delivery.deliver(db, clock)
        if len(outbox.deliveries(db, "flood-1")) > before:
            failed_at.append((clock.now() - START) // SECOND)
        clock.advance(clock.now() + SECOND)
    assert failed_at == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_a_channel_takes_only_its_own_and_a_new_process_tries_all_at_once(db: Database) -> None:
    channel, clock = Unsteady(), ScenarioClock(START)
    channel.broken = {"a"}
    put(db, "a", b"1")
    put(db, "a", b"2", channel="log")
    Round("mqtt", channel).deliver(db, clock)
    channel.broken = set()
    Round("mqtt", channel).deliver(db, clock)
    assert channel.taken == [("a", b"1")]
    assert [message.payload for message in outbox.pending(db, START)] == [b"2"]


@pytest.mark.promise("R7")
def test_after_each_connection_the_retained_states_are_said_again_and_nothing_else(
    db: Database,
) -> None:
    channel, clock = Unsteady(), ScenarioClock(START)
    delivery = Round("mqtt", channel)
    put(db, "state", b"orange", retain=True)
    put(db, "state", b"red", retain=True)
    put(db, "cap", b"xml")
    delivery.deliver(db, clock)
    delivery.deliver(db, clock)
    assert channel.taken == [("state", b"orange"), ("state", b"red"), ("cap", b"xml")]

    channel.taken, channel.connected, channel.broken = [], 1, {"state"}
    delivery.deliver(db, clock)
    channel.broken = set()
    delivery.deliver(db, clock)
    delivery.deliver(db, clock)
    assert channel.taken == [("state", b"red")]
    Round("mqtt", channel).deliver(db, clock)
    assert channel.taken == 2 * [("state", b"red")], "a new process says it again"
    assert len(outbox.deliveries(db, "flood-1")) == 3


def test_the_log_channel_writes_a_line_and_a_broken_log_is_not_delivered() -> None:
    message = Message(1, "log", "alerts", b'{"alert": "flood-1"}', False, "flood-1", 0)
    stream = io.BytesIO()
    assert LogChannel(stream).send(message) == "written"
    assert stream.getvalue() == b'{"alert": "flood-1"}\n'

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(NotDelivered, match="No space left"):
        LogChannel(Full()).send(message)
