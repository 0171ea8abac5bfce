"""A device's link at a real broker: what its status says, and receipts that can't be read."""

from __future__ import annotations

import json
import logging
import queue
import selectors
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.buffer import Buffer, Key
from devices.device import Firmware
from devices.link import MOST_GONE, Access, Link
from devices.senml import Value
from records.clock import WallClock
from records.settings import Secret

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

WAIT_S = 30.0
ROOT = "hoshyar/v1/north/gauge-1"


class Server:
    """Hears the device's statuses and sends receipts, as ingest does."""

    def __init__(self, broker: RunningBroker) -> None:
        self.statuses: queue.Queue[dict[str, Any]] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda *heard: self.statuses.put(json.loads(heard[2].payload))
        self._client.connect(broker.address.host, broker.address.port)
        self._client.subscribe(f"{ROOT}/status", 1)
        self._client.loop_start()

    def receipt(self, payload: bytes) -> None:
        self._client.publish(f"{ROOT}/receipt", payload, qos=1).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Gauge:
    def __init__(self, broker: RunningBroker) -> None:
        self.buffer = Buffer(":memory:")
        self._selector = selectors.DefaultSelector()
        self.firmware = Firmware(
            "gauge-1", self.buffer, late_after_s=3600, capacity=1_000_000, first_boot=1
        )
        access = Access(broker.address, "", Secret(""), "")
        now = WallClock().now
        self.link = Link("north", self.firmware, access, self._selector, dict, now)

    def record(self, count: int) -> None:
        with self.buffer.transaction():
            for number in range(count):
                self.firmware.record(WallClock().now(), [Value("stage", "main", "m", number / 1e3)])

    def turn(self) -> None:
        with self.buffer.transaction():
            for selected, mask in self._selector.select(0.02):
                selected.data.serve(mask)
        self.link.send(time.monotonic())
        self.link.watch()

    def held(self) -> list[int]:
        return [m.key.seq for m in self.buffer.after("gauge-1", Key(-1, -1), 100)]

    def close(self) -> None:
        self.link.close()
        self.turn()
        self.link.abandon()
        self._selector.close()
        self.buffer.close()


@pytest.fixture
def server(broker: RunningBroker) -> Iterator[Server]:
    found = Server(broker)
    yield found
    found.close()


@pytest.fixture
def gauge(broker: RunningBroker) -> Iterator[Gauge]:
    found = Gauge(broker)
    yield found
    found.close()


def heard(gauge: Gauge, server: Server) -> dict[str, Any]:
    """The next status that the server hears."""
    until_s = time.monotonic() + WAIT_S
    while server.statuses.empty():
        assert time.monotonic() < until_s
        gauge.turn()
    return server.statuses.get()


def test_a_status_says_the_first_of_many_gone_ranges_and_later_the_next(
    gauge: Gauge, server: Server
) -> None:
    """Every second message was receipted and is missed by a later receipt: the server lost it."""
    count = 2 * MOST_GONE + 20
    gauge.record(count)
    every = [(n, n) for n in range(0, count, 2)]
    whole = {"boot": 1, "through": count - 1}
    gauge.link.connect()
    assert "gone" not in heard(gauge, server)
    server.receipt(json.dumps(whole).encode())
    server.receipt(json.dumps({**whole, "missing": every}).encode())
    until_s = time.monotonic() + WAIT_S
    while len(gauge.firmware.gone) < len(every):
        assert time.monotonic() < until_s
        gauge.turn()
    gauge.link.report()
    assert heard(gauge, server)["gone"] == [[1, n, n] for n in range(0, 2 * MOST_GONE, 2)]
    server.receipt(json.dumps({**whole, "missing": every[MOST_GONE:]}).encode())
    while len(gauge.firmware.gone) > len(every) - MOST_GONE:
        assert time.monotonic() < until_s
        gauge.turn()
    gauge.link.report()
    assert heard(gauge, server)["gone"] == [[1, n, n] for n in range(2 * MOST_GONE, count, 2)]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xfe", b"[]", b'{"through": 5}', b'{"boot": 1, "through": "5"}', b"{" * 99],
)
def test_a_receipt_that_cannot_be_read_is_passed_over(
    gauge: Gauge, server: Server, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    gauge.record(3)
    gauge.link.connect()
    heard(gauge, server)
    with caplog.at_level(logging.WARNING, "devices"):
        server.receipt(payload)
        server.receipt(b'{"boot": 1, "through": 1}')
        until_s = time.monotonic() + WAIT_S
        while gauge.held() != [2]:
            assert time.monotonic() < until_s
            gauge.turn()
    assert "can't read" in caplog.text
    assert gauge.link.online
