"""The player of recorded cases at a broker that goes and comes back."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.player import Publisher
from records.case import Message
from records.settings import Settings

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

WAIT_S = 30.0


def listen(broker: RunningBroker) -> tuple[mqtt.Client, queue.Queue[bytes]]:
    """Connected and subscribed to all that gauges say."""
    heard: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda *said: heard.put(said[2].payload)
    client.on_subscribe = lambda *_: ready.put(None)
    client.connect(broker.address.host, broker.address.port)
    client.subscribe("hoshyar/v1/lab/gauge/readings", 1)
    client.loop_start()
    ready.get(timeout=WAIT_S)
    return client, heard


def test_over_a_new_connection_one_message_goes_ahead(broker: RunningBroker) -> None:
    topic = "hoshyar/v1/lab/gauge/readings"
    messages = [Message(topic, b"%d" % n, 0, "gauge", 0, n) for n in range(5)]
    settings = Settings.read({"HOSHYAR_BROKER": str(broker.address)})
    publisher = Publisher(settings, broker.address)
    for _ in range(2):
        client, heard = listen(broker)
        while not publisher.publish(messages):
            pass  # it had not noticed yet that the broker was gone
        assert publisher.publish(messages[3:])
        assert [heard.get(timeout=WAIT_S) for _ in range(3)] == [b"0", b"3", b"4"]
        client.disconnect()
        client.loop_stop()
        broker.kill()
        broker.start()
    publisher.close()
