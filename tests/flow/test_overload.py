"""More than ingest can store: real firmware holds the rest, and everything is stored in the end."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from devices.buffer import Buffer
from devices.device import Firmware, Receipt
from devices.link import Access, Link
from devices.ranges import Range, merged, outside
from devices.senml import Value
from ingest.service import Service
from records.clock import WallClock
from records.network import Device, Lab, Network, Series, Station
from records.settings import Secret, Settings
from records.times import DAY, SECOND
from store import readings, registry, stages
from store.connection import Database, connect
from store.readings import Commit, Committed
from tests.flow.running import until

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker

OVERLOAD = 10
OFFERED_PER_S = 1500
OFFERED = 2 * OFFERED_PER_S
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="stage", unit="m"),),
)


class Noted(Firmware):
    """Notes what its receipts covered."""

    receipted: list[Range]

    def settle(self, receipt: Receipt) -> None:
        super().settle(receipt)
        covered = outside(0, receipt.through, receipt.missing)
        self.receipted = merged([*self.receipted, *covered])


class Gauge:
    """A device of one instrument on its own loop: `turn` samples so many times."""

    def __init__(self, broker: RunningBroker) -> None:
        self.buffer = Buffer(":memory:")
        self.firmware = Noted(
            "gauge-1", self.buffer, late_after_s=3600, capacity=OFFERED, first_boot=1
        )
        self.firmware.receipted = []
        self._selector = selectors.DefaultSelector()
        access = Access(broker.address, "", Secret(""), "")
        now = WallClock().now
        self._link = Link("north", self.firmware, access, self._selector, dict, now)
        self._link.connect()
        self.start_at = now() // SECOND * SECOND - 100 * SECOND

    def turn(self, samples: int = 0) -> None:
        with self.buffer.transaction():
            for selected, mask in self._selector.select(0.01):
                selected.data.serve(mask)
            for _ in range(samples):
                number = self.firmware.next_seq
                value = Value("stage", "main", "m", number / 1000)
                self.firmware.record(self.start_at + number * SECOND // 100, [value])
        self._link.send(time.monotonic())
        self._link.watch()

    def turns_until(self, true: Callable[[], Any], what: str) -> None:
        def look() -> Any:
            self.turn()
            return true()

        until(look, what)

    def close(self) -> None:
        self._link.close()
        self.turn()
        self._link.abandon()
        self._selector.close()
        self.buffer.close()


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK)
        yield database


class Cap:
    """Until it is lifted, a batch is stored when `OVERLOAD` times what is stored was offered."""

    def __init__(self) -> None:
        self.offered = 0
        self.lifted = threading.Event()
        self._stored = 0

    def commit(self, db: Database, work: Commit) -> Committed:
        while self.offered < OVERLOAD * self._stored and not self.lifted.wait(0.01):
            pass
        self._stored += len(work.readings)
        return readings.commit(db, work)


@pytest.fixture
def cap(broker: RunningBroker, dsn: str, db: Database) -> Iterator[Cap]:
    """That of a running ingest."""
    cap, stop = Cap(), threading.Event()
    settings = Settings.read({"HOSHYAR_BROKER": str(broker.address), "HOSHYAR_DSN": dsn})
    thread = threading.Thread(target=Service(settings, stop, commit=cap.commit).run)
    thread.start()
    try:
        until(lambda: [s.state for s in stages.all(db)] == ["running"], "a running ingest")
        yield cap
    finally:
        cap.lifted.set()
        stop.set()
        thread.join(60)


@pytest.mark.promise("R8")
def test_at_ten_times_the_load_the_device_holds_the_rest_and_everything_is_stored_in_the_end(
    broker: RunningBroker, db: Database, cap: Cap
) -> None:
    gauge = Gauge(broker)
    try:
        began_s = time.monotonic()
        while (missing := OFFERED - gauge.firmware.next_seq) > 0:
            due = int((time.monotonic() - began_s) * OFFERED_PER_S) - gauge.firmware.next_seq
            gauge.turn(min(due, missing))
            cap.offered = gauge.firmware.next_seq
        gauge.turns_until(lambda: gauge.firmware.receipted, "a receipt under load")
        # What a receipt covers is settled, and all else is still in the device.
        settled = readings.ledger(db)[1, 1]
        for part in gauge.firmware.receipted:
            assert outside(*part, settled) == []
        held = gauge.buffer.held("gauge-1", 1, (0, OFFERED))
        assert merged([*gauge.firmware.receipted, *held]) == [(0, OFFERED - 1)]
        assert gauge.buffer.count("gauge-1") > OFFERED // 2
        cap.lifted.set()
        gauge.turns_until(lambda: not gauge.buffer.count("gauge-1"), "an empty buffer")
        assert gauge.firmware.gone == []
    finally:
        gauge.close()
    found = readings.between(db, [1], gauge.start_at - DAY, gauge.start_at + DAY)
    expected = gauge.start_at + np.arange(OFFERED) * SECOND // 100
    assert found.measured_at.tolist() == expected.tolist()
    assert found.value.tolist() == (np.arange(OFFERED) / 1000).tolist()
