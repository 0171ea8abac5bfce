"""`python -m tests.chaos.field PLAN.json`: real firmware on real samples, as one process.

Buffer, firmware, link and fleet are the devices' own; only the sensor is another (the generator's
file), and waits are shortened so that minutes of a bad day fit into seconds. The place in the
sensor's file and which message holds which sample are noted in the buffer in the transaction of the
message itself.
"""

from __future__ import annotations

import logging
import selectors
import signal
import sys
from pathlib import Path

import msgspec

from devices import device, fleet
from devices.buffer import Buffer
from devices.device import Firmware
from devices.fleet import Fleet, Unit
from devices.link import Access, Link
from devices.senml import Value
from devices.upkeep import DeviceClock
from devices.world import World
from records.clock import WallClock
from records.errors import SettingsError
from records.settings import BrokerAddress, Secret
from tests.chaos.generator import Probe

LATE_AFTER_S = 1.0
_MOST_AT_ONCE = 100


class Plan(msgspec.Struct, frozen=True):
    """What a process of devices is told. `dropping`: free without a receipt (a planted fault)."""

    lab: str
    port: int
    samples: str
    buffer: str
    progress: str
    capacity: int
    probes: list[Probe]
    dropping: bool = False


class Forgetful(Firmware):
    """The planted fault: what was given to the broker is thought safe."""

    def outgoing(self, now_at: int, tick_s: float) -> list[device.Outgoing]:
        given = super().outgoing(now_at, tick_s)
        for message in given:
            key = message.key
            self._held -= self._buffer.free(self.device, key.boot, (key.seq, key.seq))
        return given


class Sensor(Unit):
    """A unit that measures what the generator made."""

    def __init__(self, probe: Probe, link: Link, buffer: Buffer, samples: Path) -> None:
        super().__init__((), DeviceClock(0.0, 0.0), link, 0)
        self._probe, self._buffer = probe, buffer
        self._file = samples.open("rb")
        self.done = int(buffer.note(f"done/{probe.device}") or 0)

    def sample(self, world: World | None, now_at: int) -> None:
        record = self._probe.record
        self._file.seek(self.done * record.size)
        data = self._file.read(record.size * _MOST_AT_ONCE)
        whole = data[: len(data) // record.size * record.size]
        for at, *values in record.iter_unpack(whole):
            pairs = zip(self._probe.points, values, strict=True)
            key = self.link.firmware.record(at, [Value("stage", p, "m", v) for p, v in pairs])
            name = f"message/{self._probe.device}/{key.boot}/{key.seq}"
            self._buffer.keep_note(name, str(self.done))
            self.done += 1
        if whole:
            self._buffer.keep_note(f"done/{self._probe.device}", str(self.done))


def run(plan: Plan) -> None:
    """Until SIGTERM. Raises SettingsError and OSError as the devices do (a full disk)."""
    caught: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    buffer = Buffer(Path(plan.buffer))
    selector = selectors.DefaultSelector()
    clock = WallClock()
    access = Access(BrokerAddress("127.0.0.1", plan.port, tls=False), "", Secret(""), "")
    sensors = []
    for probe in plan.probes:
        firmware = (Forgetful if plan.dropping else Firmware)(
            probe.device,
            buffer,
            late_after_s=LATE_AFTER_S,
            capacity=plan.capacity,
            first_boot=1,
        )
        link = Link(plan.lab, firmware, access, selector, dict, clock.now)
        sensors.append(Sensor(probe, link, buffer, Path(plan.samples) / f"{probe.device}.samples"))

    def tell() -> bool:
        """Also asked at each pass whether to stop."""
        said = {s.link.firmware.device: (s.done, buffer.count(s.link.firmware.device))
                for s in sensors}  # fmt: skip
        aside = Path(f"{plan.progress}.new")
        aside.write_bytes(msgspec.json.encode(said))
        aside.replace(plan.progress)
        return bool(caught)

    world: World = None  # type: ignore[assignment]  # sensors read a file
    Fleet(sensors, world, buffer, clock, selector, lambda: None).run(tell)
    buffer.close()


def hurry() -> None:
    """Waits of seconds and minutes, made short."""
    fleet.PASS_S = 0.05
    fleet.CARE_S = fleet.REPORT_S = 1.0
    fleet.FIRST_BACKOFF_S, fleet.LONGEST_BACKOFF_S = 0.1, 0.5
    fleet.CLOSE_S = 0.5
    device.FIRST_RETRY_S, device.LONGEST_RETRY_S, device.ASKED_AGAIN_S = 1.5, 3.0, 0.5
    device.RETRIED_AT_ONCE = 50


def main(arguments: list[str]) -> int:
    hurry()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        run(msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Plan))
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"devices: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
