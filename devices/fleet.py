"""All simulated devices in one process and one thread: sample, buffer, publish, listen."""

from __future__ import annotations

import logging
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from devices.accelerometers import AXES, QUANTITY, UNIT, Accelerometer
from devices.buffer import Buffer
from devices.instruments import Instrument
from devices.link import Link
from devices.senml import Value
from devices.upkeep import DeviceClock
from devices.waveform import Stretch
from devices.world import World
from records.clock import Clock
from records.times import SECOND, grid_after
from records.waveforms import moments

log = logging.getLogger("devices")

PASS_S = 0.5  # Samples of half a second go to the disk in one transaction.
CARE_S = 5.0  # How often pings are looked after and the buffer says that we live.
REPORT_S = 300.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 10.0
CATCH_UP = 30  # Samples taken at most in one pass where the process was held up.
CLOSE_S = 2.0


@dataclass
class Unit:
    """A device in the field: its instruments, its clock and its link.

    `next_at` is the device time of the next sample; values are taken at the true moment.
    """

    rows: Sequence[Instrument]
    clock: DeviceClock
    link: Link
    next_at: int

    @property
    def interval(self) -> int:
        return round(self.rows[0].interval_s * SECOND)

    def sample(self, world: World, now_at: int) -> None:
        """Take every sample that is due. What is long past was slept through and stays a gap;
        a clock that was set back is followed."""
        shown = self.clock.read(now_at)
        if self.next_at - shown > 2 * self.interval:
            self.next_at = grid_after(shown, self.interval)
        due = (shown - self.next_at) // self.interval + 1
        self.next_at += max(due - CATCH_UP, 0) * self.interval
        for _ in range(max(min(due, CATCH_UP), 0)):
            self.take(world)
            self.next_at += self.interval

    def take(self, world: World) -> None:
        """The sample of `next_at`."""
        moment = np.array([self.clock.true_moment(self.next_at)], np.int64)
        values = [
            Value(row.quantity, row.point, row.unit, float(world.measured(row, moment)[0]))
            for row in self.rows
        ]
        self.link.firmware.record(self.next_at, values)


@dataclass
class PacketUnit(Unit):
    """A device that sends what it sampled up to `next_at` as packets, one an axis."""

    row: Accelerometer

    @property
    def interval(self) -> int:
        return round(self.row.packet_s * SECOND)

    def take(self, world: World) -> None:
        """The stretch that ends before `next_at`. Within it the clock runs evenly."""
        start_at = self.next_at - self.interval
        place = np.arange(round(self.row.packet_s * self.row.rate_hz))
        true_at = moments(self.clock.true_moment(start_at), self.row.rate_hz, place)
        for axis in AXES:
            samples = world.samples(self.row, axis, true_at)
            self.link.firmware.record_stretch(
                Stretch(QUANTITY, axis, UNIT, start_at, self.row.rate_hz, samples)
            )


class Fleet:
    """Units that share a buffer and a broker. `alive` is called every few seconds."""

    def __init__(
        self,
        units: Sequence[Unit],
        world: World,
        buffer: Buffer,
        clock: Clock,
        selector: selectors.BaseSelector,
        alive: Callable[[], None],
    ) -> None:
        self._units = units
        self._world = world
        self._buffer = buffer
        self._clock = clock
        self._alive = alive
        self._selector = selector
        self._backoff_s = FIRST_BACKOFF_S
        self._connect_s = self._care_s = self._report_s = 0.0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Until `stopping` says so; then every device says offline. Raises OSError where the
        buffer can't be written."""
        while not stopping():
            self.turn()
        self.close()

    def turn(self) -> None:
        """One pass: what the network has, what is due, what may go out."""
        ready = self._selector.select(self._pause_s())
        with self._buffer.transaction():
            for selected, mask in ready:
                selected.data.serve(mask)
            now_at = self._clock.now()
            for unit in self._units:
                unit.sample(self._world, now_at)
        # Only now is on disk what is sent.
        tick_s = time.monotonic()
        for unit in self._units:
            unit.link.send(tick_s)
        self._connect(tick_s)
        self._care(tick_s)
        for unit in self._units:
            unit.link.watch()

    def close(self) -> None:
        """Leave the broker in order; a broker that doesn't listen is not waited for long."""
        end_s = time.monotonic() + CLOSE_S
        for unit in self._units:
            unit.link.close()
            unit.link.watch()
        while self._selector.get_map() and time.monotonic() < end_s:
            with self._buffer.transaction():
                for selected, mask in self._selector.select(0.1):
                    selected.data.serve(mask)
            for unit in self._units:
                unit.link.watch()
        for unit in self._units:
            unit.link.abandon()

    def _pause_s(self) -> float:
        """Seconds until the clock's next multiple of the pass."""
        step = round(PASS_S * SECOND)
        return (step - self._clock.now() % step) / SECOND

    def _connect(self, tick_s: float) -> None:
        """Open what is closed. The devices share a broker: when one fails, all wait."""
        closed = [unit.link for unit in self._units if not unit.link.open]
        if all(unit.link.online for unit in self._units):
            self._backoff_s = FIRST_BACKOFF_S
        if not closed or tick_s < self._connect_s:
            return
        # Also where the socket opens: the broker may say no after that.
        self._connect_s = tick_s + self._backoff_s
        try:
            for link in closed:
                link.connect()
            log.info("%d devices connect", len(closed))
        except OSError as error:
            log.warning("no broker (%s), next try in %.1f s", error, self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, LONGEST_BACKOFF_S)

    def _care(self, tick_s: float) -> None:
        if tick_s - self._care_s < CARE_S:
            return
        self._care_s = tick_s
        self._alive()
        reporting = tick_s - self._report_s >= REPORT_S
        if reporting:
            self._report_s = tick_s
        for unit in self._units:
            unit.link.keep_alive()
            if reporting:
                unit.link.report()
