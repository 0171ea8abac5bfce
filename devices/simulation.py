"""Sets up the simulated devices of one process from the settings, and runs them."""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from devices.accelerometers import ACCELEROMETERS
from devices.buffer import Buffer
from devices.device import Firmware
from devices.fleet import Fleet, PacketUnit, Unit
from devices.instruments import INSTRUMENTS
from devices.link import Access, Link
from devices.network import LATE_AFTER_S
from devices.places import stations
from devices.scenarios import Scenario
from devices.truth import truth
from devices.upkeep import DeviceClock, battery_v
from devices.world import World
from records.clock import Clock
from records.errors import SettingsError
from records.network import Record, Station
from records.settings import BrokerAddress, Settings
from records.times import MINUTE, SECOND, grid_after, text

log = logging.getLogger("devices")

FIRMWARE = "hoshyar-sim-1"
CAPACITY = 20_000  # Messages a device: half a day at one in two seconds.
# A process that comes back within this time goes on with the scenario it was in.
GOES_ON = 2 * MINUTE
_BOOT_EPOCH = 1_577_836_800 * SECOND  # 2020-01-01


class Run(Record, frozen=True):
    """Which world runs since when; `alive_at` is when it was last seen to run."""

    scenario: str
    seed: int
    start_at: int
    alive_at: int


def read_scenario(word: str) -> Scenario:
    """The scenario of this name. Raises SettingsError that names them all."""
    try:
        return Scenario(word)
    except ValueError:
        raise SettingsError(
            f"HOSHYAR_SCENARIO={word!r}: give one of {', '.join(Scenario)}"
        ) from None


def resumed(kept: str | None, scenario: Scenario, seed: int, now_at: int) -> Run:
    """The run to go on with: the one that was cut off a moment ago, or a new one from now."""
    fresh = Run(scenario=scenario, seed=seed, start_at=now_at, alive_at=now_at)
    if kept is None:
        return fresh
    before = msgspec.json.decode(kept, type=Run)
    same = (before.scenario, before.seed) == (fresh.scenario, fresh.seed)
    return before if same and 0 <= now_at - before.alive_at <= GOES_ON else fresh


def first_boot(now_at: int) -> int:
    """Where a boot counter begins: minutes since 2020. A device whose memory was lost must not
    use numbers again that the server has settled."""
    return (now_at - _BOOT_EPOCH) // MINUTE


class Simulation:
    """The devices of one process. Raises SettingsError where a setting or the folder is wrong."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._folder = settings.home / "devices"
        scenario = read_scenario(settings.scenario)
        self._selector = selectors.DefaultSelector()
        self._buffer = Buffer(self._folder / "buffer.sqlite")
        now_at = clock.now()
        self._run = resumed(self._buffer.note("run"), scenario, settings.seed, now_at)
        self._keep_alive()
        world = World(settings.seed, scenario, self._run.start_at)
        broker = settings.broker or BrokerAddress("127.0.0.1", settings.broker_port, tls=False)
        access = Access(broker, settings.broker_user, settings.broker_password, settings.broker_ca)
        linking = Linking(settings.seed, scenario, self._buffer, self._selector, access, clock)
        units = linking.units()
        self._fleet = Fleet(units, world, self._buffer, clock, self._selector, self._keep_alive)
        _write(self._folder / "truth.json", truth(settings.seed, scenario, self._run.start_at))
        log.info(
            "scenario %s, seed %d, started at %s, %d devices to %s",
            scenario, settings.seed, text(self._run.start_at), len(units), broker,
        )  # fmt: skip

    def run(self, stopping: Callable[[], bool]) -> None:
        """Until `stopping`; a clean end also ends the scenario. Raises OSError (full disk)."""
        try:
            self._fleet.run(stopping)
            self._buffer.keep_note("run", _text(msgspec.structs.replace(self._run, alive_at=0)))
        finally:
            self._buffer.close()
            self._selector.close()

    def _keep_alive(self) -> None:
        self._run = msgspec.structs.replace(self._run, alive_at=self._clock.now())
        self._buffer.keep_note("run", _text(self._run))


class Linking:
    """Gives every device of the fleet its clock, firmware and connection."""

    def __init__(
        self,
        seed: int,
        scenario: Scenario,
        buffer: Buffer,
        selector: selectors.BaseSelector,
        access: Access,
        clock: Clock,
    ) -> None:
        self._seed, self._scenario = seed, scenario
        self._buffer, self._selector = buffer, selector
        self._access, self._clock = access, clock
        self._places = {station.id: station for station in stations()}

    def units(self) -> list[Unit]:
        units: list[Unit] = []
        for device, found in groupby(INSTRUMENTS, key=lambda row: row.device):
            rows = list(found)
            units.append(Unit(rows, *self._linked(device, rows[0].station, rows[0].interval_s)))
        for row in ACCELEROMETERS:
            linked = self._linked(row.device, row.station, row.packet_s)
            units.append(PacketUnit((), *linked, row))
        return units

    def _linked(
        self, device: str, station: str, interval_s: float
    ) -> tuple[DeviceClock, Link, int]:
        """Its clock, its link, and the device time of its first sample."""
        own = DeviceClock.of(self._seed, device, self._scenario)

        def shown() -> int:
            return own.read(self._clock.now())

        firmware = Firmware(
            device,
            self._buffer,
            late_after_s=LATE_AFTER_S,
            capacity=CAPACITY,
            first_boot=first_boot(self._clock.now()),
        )
        place = self._places[station]
        status = partial(_status, self._seed, device, place, self._clock)
        link = Link(place.lab, firmware, self._access, self._selector, status, shown)
        return own, link, grid_after(shown(), round(interval_s * SECOND))


def _status(seed: int, device: str, place: Station, clock: Clock) -> dict[str, Any]:
    return {
        "firmware": FIRMWARE,
        "battery_v": battery_v(seed, device, clock.now()),
        "lat": place.lat,
        "lon": place.lon,
    }


def _text(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _write(path: Path, record: Record) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error}") from error
