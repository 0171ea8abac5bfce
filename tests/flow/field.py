"""Devices at a real broker that measure until they are told to stop, and who follows the store."""

from __future__ import annotations

import selectors
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.buffer import Buffer
from devices.device import Firmware
from devices.link import Access, Link
from devices.senml import Value
from records.clock import WallClock
from records.network import Device, Lab, Network, Series, Station
from records.settings import Secret
from records.times import SECOND
from store.connection import Database
from store.follow import batches_after

if TYPE_CHECKING:
    from tests.flow.conftest import RunningBroker


WAIT_S = 60.0
STEP = SECOND // 10
SEQUENCED = [f"gauge-{number}" for number in range(24)]
PLAIN = [f"plain-{number}" for number in range(6)]
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=tuple(Device(id=device, station="bank") for device in (*SEQUENCED, *PLAIN)),
    series=tuple(
        Series(id=device, station="bank", point=device, device=device,
               quantity="sea_level", unit="m", late_after_s=600)
        for device in (*SEQUENCED, *PLAIN)
    ),
)  # fmt: skip
Made = dict[str, dict[int, float]]


def value(number: int) -> float:
    """A sea that swings, stands still for long, and has a spike now and then."""
    if number % 37 == 0:
        return 7.5
    return 1.25 if number // 150 % 2 else float(np.round(np.sin(number / 9), 3))


class Field(threading.Thread):
    """The devices: honest firmware with buffers, and some that only publish."""

    def __init__(self, broker: RunningBroker, folder: Path) -> None:
        super().__init__()
        self.measuring, self.ending = threading.Event(), threading.Event()
        self.made: Made = {device: {} for device in (*SEQUENCED, *PLAIN)}
        self.held = -1
        self._buffer_path, self._broker = folder / "buffer.sqlite", broker
        self._at = WallClock().now() // SECOND * SECOND
        self._number = 0

    def run(self) -> None:
        selector, buffer = selectors.DefaultSelector(), Buffer(self._buffer_path)
        access = Access(self._broker.address, "", Secret(""), "")
        links = []
        for device in SEQUENCED:
            firmware = Firmware(device, buffer, late_after_s=600, capacity=100_000, first_boot=1)
            links.append(Link("north", firmware, access, selector, dict, WallClock().now))
        plain = mqtt.Client(CallbackAPIVersion.VERSION2)
        plain.connect(self._broker.address.host, self._broker.address.port)
        plain.loop_start()
        for link in links:
            link.connect()
        while not self.ending.is_set():
            with buffer.transaction():
                for selected, mask in selector.select(0.02):
                    selected.data.serve(mask)
                if self.measuring.is_set():
                    self._measure(links, plain)
            for link in links:
                link.send(time.monotonic())
                link.watch()
            self.held = sum(buffer.count(device) for device in SEQUENCED)
        for link in links:
            link.close()
        plain.disconnect()
        plain.loop_stop()
        buffer.close()
        selector.close()

    def _measure(self, links: list[Link], plain: mqtt.Client) -> None:
        self._at, self._number = self._at + STEP, self._number + 1
        measured = value(self._number)
        for readings_of in self.made.values():
            readings_of[self._at] = measured
        for link in links:
            point = link.firmware.device
            link.firmware.record(self._at, [Value("sea_level", point, "m", measured)])
        for device in PLAIN:
            payload = f'[{{"n":"{device}:sea_level","t":{self._at / 1e6:.6f},"v":{measured}}}]'
            plain.publish(f"hoshyar/v1/north/{device}/readings", payload, qos=1)


class Following:
    """Reads every batch of every line, once."""

    def __init__(self, db: Database) -> None:
        self._db, self._positions = db, dict[int, int]()
        self.numbers: dict[int, list[int]] = {}
        self.batches: list[Any] = []

    def look(self) -> None:
        for batch in batches_after(self._db, self._positions):
            self._positions[batch.worker] = batch.number
            self.numbers.setdefault(batch.worker, []).append(batch.number)
            self.batches.append(batch.readings)
