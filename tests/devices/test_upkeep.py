"""Clocks that run off, samples that are due, and a scenario that goes on after a kill."""

from typing import Any, cast

import msgspec
import pytest

from devices.buffer import Buffer, Key
from devices.device import Firmware
from devices.fleet import CATCH_UP, Unit
from devices.instruments import DEVICES, INSTRUMENTS
from devices.link import Link
from devices.scenarios import Scenario
from devices.simulation import GOES_ON, Run, first_boot, read_scenario, resumed
from devices.upkeep import SLOW_CLOCKS, SYNC_S, DeviceClock, battery_v
from devices.world import World
from records.errors import SettingsError
from records.settings import SCENARIOS
from records.times import DAY, HOUR, MINUTE, SECOND

NOW_AT = 1_782_864_000_000_000
EXACT = DeviceClock(0.0, 0.0)


class OnlyFirmware:
    """A link that leads nowhere: what a unit records stays in the buffer."""

    def __init__(self, firmware: Firmware) -> None:
        self.firmware = firmware


def unit(buffer: Buffer, next_at: int, clock: DeviceClock = EXACT) -> Unit:
    rows = [row for row in INSTRUMENTS if row.device == "stage-1"]
    firmware = Firmware("stage-1", buffer, late_after_s=120.0, capacity=1000, first_boot=1)
    return Unit(rows, clock, cast(Link, OnlyFirmware(firmware)), next_at)


def recorded(buffer: Buffer) -> list[tuple[float, float]]:
    """(device time [s], stage [m]) of each message."""
    said: list[list[dict[str, Any]]] = [
        msgspec.json.decode(m.payload) for m in buffer.after("stage-1", Key(-1, -1), 10_000)
    ]
    return [(first["bt"], first["v"]) for first, *_ in said]


def test_most_clocks_are_good_and_one_was_never_set() -> None:
    for device in DEVICES:
        clock = DeviceClock.of(1, device)
        worst_s = max(abs(clock.offset(NOW_AT + hour * HOUR)) for hour in range(48)) / SECOND
        assert worst_s < 0.2 + 1e-5 * SYNC_S + abs(SLOW_CLOCKS.get(device, 0.0))
    assert DeviceClock.of(1, "buoy-2").offset(NOW_AT) < -19 * SECOND


def test_a_clock_shows_its_time_at_the_true_moment() -> None:
    clock = DeviceClock(0.15, 8e-6)
    # Two synchronisations and more; only at their moments a time is shown twice or never.
    for at in range(NOW_AT, NOW_AT + 13 * HOUR, 7 * MINUTE):
        assert abs(clock.read(clock.true_moment(at)) - at) <= 5
    jump = round(8e-6 * SYNC_S * SECOND)
    set_at = (NOW_AT // (6 * HOUR) + 1) * 6 * HOUR
    for at in range(set_at - SECOND, set_at + SECOND, SECOND // 50):
        assert abs(clock.read(clock.true_moment(at)) - at) <= jump + 5


def test_a_unit_takes_what_is_due_and_stamps_it_with_its_own_time() -> None:
    world = World(1, Scenario.QUIET, NOW_AT)
    buffer, clock = Buffer(":memory:"), DeviceClock(0.25, 0.0)
    stage_1 = unit(buffer, NOW_AT, clock)
    stage_1.sample(world, NOW_AT + 3 * SECOND)
    times = [at for at, _ in recorded(buffer)]
    assert times == [NOW_AT / 1e6, NOW_AT / 1e6 + 2]
    stage_1.sample(world, NOW_AT + 3 * SECOND)
    assert len(recorded(buffer)) == 2
    buffer.close()


def test_what_was_slept_through_stays_a_gap() -> None:
    world, buffer = World(1, Scenario.QUIET, NOW_AT), Buffer(":memory:")
    stage_1 = unit(buffer, NOW_AT)
    stage_1.sample(world, NOW_AT + DAY)
    times = [at for at, _ in recorded(buffer)]
    assert len(times) == CATCH_UP
    assert times[-1] == (NOW_AT + DAY) / 1e6
    buffer.close()


def test_a_clock_that_is_set_back_does_not_silence_the_device() -> None:
    world, buffer = World(1, Scenario.QUIET, NOW_AT), Buffer(":memory:")
    stage_1 = unit(buffer, NOW_AT + DAY)
    stage_1.sample(world, NOW_AT)
    stage_1.sample(world, NOW_AT + 2 * SECOND)
    assert [at for at, _ in recorded(buffer)] == [NOW_AT / 1e6 + 2]
    buffer.close()


def test_a_battery_is_that_of_a_12_volt_system() -> None:
    volts = [battery_v(1, device, NOW_AT + hour * HOUR) for device in DEVICES for hour in (0, 12)]
    assert 11.5 < min(volts) < max(volts) < 14.5


def kept(scenario: str, alive_at: int) -> str:
    run = Run(scenario=scenario, seed=1, start_at=NOW_AT - HOUR, alive_at=alive_at)
    return msgspec.json.encode(run).decode()


@pytest.mark.parametrize(
    ("before", "start_at"),
    [
        (kept("tsunami", NOW_AT - MINUTE), NOW_AT - HOUR),
        (kept("tsunami", NOW_AT - GOES_ON - 1), NOW_AT),
        (kept("quiet", NOW_AT - MINUTE), NOW_AT),
        (kept("tsunami", 0), NOW_AT),
        (None, NOW_AT),
    ],
    ids=["cut off a moment ago", "long ago", "another scenario", "clean end", "never"],
)
def test_a_scenario_goes_on_only_where_it_was_cut_off(before: str | None, start_at: int) -> None:
    assert resumed(before, Scenario.TSUNAMI, 1, NOW_AT).start_at == start_at


def test_a_scenario_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="lake-outburst"):
        read_scenario("flood")


def test_the_settings_know_every_scenario() -> None:
    assert tuple(Scenario) == SCENARIOS


def test_a_device_that_lost_its_memory_counts_its_boots_from_a_higher_number() -> None:
    assert 0 < first_boot(NOW_AT) < first_boot(NOW_AT + MINUTE)
