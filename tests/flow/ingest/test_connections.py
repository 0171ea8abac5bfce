"""Sessions and publishers while their broker is killed and comes again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ingest.publisher import NotPublished, Publisher
from ingest.session import Received, Session
from records.settings import Settings
from tests.flow.gauge import TOPIC, WAIT_S, Device1, until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


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


def test_a_publisher_returns_on_the_brokers_word_alone(broker: RunningBroker) -> None:
    settings = Settings.read({"HOSHYAR_BROKER": str(broker.address)})
    publisher = Publisher(settings, "alerts", timeout_s=5.0)
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
