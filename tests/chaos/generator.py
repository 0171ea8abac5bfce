"""What was measured: made and written down outside the devices, which read it like a sensor.

One file a device, one record a sample: the moment [microseconds since 1970, int64] and one float64
for each sensing point. A device reads on from where its own buffer says it was, so a kill of the
device loses no sample between the sensor and the buffer, and what is in the file is all there was.
"""

from __future__ import annotations

import random
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

from records.clock import WallClock

TICK_S = 0.01


class Probe(NamedTuple):
    """A device to be: its id and the sensing points of its one quantity (stage, m)."""

    device: str
    points: tuple[str, ...]

    @property
    def record(self) -> struct.Struct:
        return struct.Struct(f"<q{len(self.points)}d")


Made = dict[str, list[tuple[int, tuple[float, ...]]]]


class Generator:
    """Makes `rate` samples a second of each probe, in a thread, until `stop`."""

    def __init__(self, folder: Path, probes: tuple[Probe, ...], rate: float, seed: str) -> None:
        self.made: Made = {probe.device: [] for probe in probes}
        self._probes, self._rate = probes, rate
        self._random = random.Random(seed)
        self._files = {
            probe.device: (folder / f"{probe.device}.samples").open("wb", buffering=0)
            for probe in probes
        }
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident:
            self._thread.join()
        for file in self._files.values():
            file.close()

    def _run(self) -> None:
        began_s, done = time.monotonic(), 0
        while not self._stopping.wait(TICK_S):
            due = int((time.monotonic() - began_s) * self._rate)
            for _ in range(due - done):
                for probe in self._probes:
                    self._make(probe)
            done = due

    def _make(self, probe: Probe) -> None:
        before = self.made[probe.device]
        at = max(WallClock().now(), before[-1][0] + 1 if before else 0)
        values = tuple(self._random.uniform(0, 5) for _ in probe.points)
        self._files[probe.device].write(probe.record.pack(at, *values))
        before.append((at, values))
