"""The ground of an earthquake: waves in their order, weaker with distance, by the source's size."""

from dataclasses import replace
from typing import cast

import cbor2
import numpy as np
import pytest

from devices.accelerometers import ACCELEROMETERS, AXES
from devices.buffer import Buffer, Key
from devices.device import Firmware
from devices.fleet import PacketUnit
from devices.link import Link
from devices.places import stations
from devices.scenarios import QUAKE_S, Scenario
from devices.seismic import P_MS, P_PATTERN, S_MS, S_PATTERN, Earthquake, Source
from devices.truth import truth
from devices.upkeep import SLOWEST_CLOCKS, DeviceClock
from devices.world import World
from ingest import waveform
from records.network import Station
from records.times import MINUTE, SECOND

START_AT = 1_782_864_000_000_000
START_S = START_AT / SECOND
PLACES = {station.id: station for station in stations()}


def ground(seed: int, place: Station, axis: str = "z") -> tuple[np.ndarray, np.ndarray]:
    """Seconds after the start, and Gal, for two minutes."""
    since = np.arange(0.0, 150.0, 0.01)
    quake = Earthquake(seed, START_S, happens=True)
    return since, quake.ground(START_S + since, place, axis)


@pytest.mark.parametrize("seed", range(1, 6))
def test_p_comes_first_then_stronger_s_and_before_both_nothing(seed: int) -> None:
    place, source = PLACES["village"], Source.of(seed)
    p_s, s_s = source.arrival_s(place, P_MS), source.arrival_s(place, S_MS)
    assert QUAKE_S < p_s < s_s
    since, up = ground(seed, place, "z")
    _, east = ground(seed, place, "x")
    assert not up[since < p_s - 0.01].any()
    assert np.abs(up[(since > p_s) & (since < s_s)]).max() > 1.0
    assert np.abs(east[since > s_s]).max() > 2 * np.abs(east[since < s_s]).max()
    assert np.abs(up[-1000:]).max() < 0.01 * np.abs(up).max()


def test_a_place_farther_away_feels_it_later_and_less() -> None:
    near = PLACES["village"]
    source = Source.of(1)
    lats = [source.lat - degrees for degrees in (0.2, 0.4, 0.8)]
    places = [Station(id=f"p{n}", lab="x", lat=lat, lon=source.lon) for n, lat in enumerate(lats)]
    strongest = [np.abs(ground(1, place, "x")[1]).max() for place in places]
    assert strongest[0] > 1.5 * strongest[1] > 2 * strongest[2]
    assert source.arrival_s(places[0], P_MS) < source.arrival_s(places[1], P_MS)
    assert Earthquake(1, START_S, happens=False).ground(np.array([START_S + 70]), near, "x") == 0


def test_the_spectrum_is_that_of_its_source() -> None:
    """Below the corner displacement is flat and as the moment; above it acceleration is, until
    damping takes it (Brune 1970)."""
    source, hertz = Source.of(1), np.array([0.001, 0.002])
    still = source.spectrum(hertz, 1000.0, S_MS, S_PATTERN) / (2 * np.pi * hertz) ** 2
    assert still[0] == pytest.approx(still[1], rel=0.01)
    larger = replace(source, magnitude=source.magnitude + 1)
    more = larger.spectrum(hertz, 1000.0, S_MS, S_PATTERN) / (2 * np.pi * hertz) ** 2
    assert more[0] / still[0] == pytest.approx(10**1.5, rel=0.02)
    assert source.corner_hz(S_MS) == pytest.approx(10**0.5 * larger.corner_hz(S_MS))
    slow, fast = (source.spectrum(np.array([0.01]), 1e4, *w)[0] for w in (
        (S_MS, S_PATTERN), (P_MS, P_PATTERN)))  # fmt: skip
    assert slow > 3 * fast


def test_the_truth_says_where_when_and_how_strong() -> None:
    found = truth(2, Scenario.EARTHQUAKE, START_AT)
    assert [(e.hazard.value, e.area, e.begin_s) for e in found.events] == [
        ("earthquake", "gilgit", QUAKE_S)
    ]
    assert found.quake is not None
    assert 5.5 <= found.quake.magnitude <= 6.0
    for one in found.quake.shaking:
        assert one.s_s - one.p_s == pytest.approx(
            1000 * one.distance_km * (1 / S_MS - 1 / P_MS), abs=0.02
        )
        assert one.p_s < one.strongest_s < one.s_s + 15
        assert 5 < one.strongest_gal < 300
    slow = {one.device for one in found.quake.shaking if one.clock_offset_s < -1799}
    assert slow == set(SLOWEST_CLOCKS)
    assert all(course.arrival_s is None for course in found.courses)
    assert truth(2, Scenario.QUIET, START_AT).quake is None


class OnlyFirmware:
    def __init__(self, firmware: Firmware) -> None:
        self.firmware = firmware


def test_a_unit_sends_each_second_of_each_axis_as_a_packet_of_its_own_clock() -> None:
    row = ACCELEROMETERS[0]
    world = World(1, Scenario.EARTHQUAKE, START_AT)
    buffer = Buffer(":memory:")
    firmware = Firmware(row.device, buffer, late_after_s=60.0, capacity=1000, first_boot=1)
    clock = DeviceClock(-1800.0, 0.0)
    now_at = START_AT + 70 * SECOND
    link = cast(Link, OnlyFirmware(firmware))
    unit = PacketUnit((), clock, link, clock.read(now_at) - SECOND, row)
    unit.sample(world, now_at)
    firmware.connected(clock.read(now_at))
    sent = firmware.outgoing(clock.read(now_at), 0.0)
    assert [(one.channel, one.key) for one in sent] == [
        ("waveform", Key(1, seq)) for seq in range(6)
    ]
    found = [waveform.packet(waveform.decode(one.payload)) for one in sent]
    assert [one.point for one in found] == [*AXES, *AXES]
    starts = [one.start_at - (now_at - 1800 * SECOND) for one in found]
    assert starts == [-2 * SECOND] * 3 + [-1 * SECOND] * 3
    true_at = now_at - 2 * SECOND + np.arange(50) * 20_000
    assert np.array_equal(found[0].samples, world.samples(row, "x", true_at))
    assert cbor2.loads(sent[0].payload)["u"] == "Gal"
    # What is old when it is sent goes the way of a backlog.
    firmware.connected(clock.read(now_at) + 2 * MINUTE)
    late = firmware.outgoing(clock.read(now_at) + 2 * MINUTE, 100.0)
    assert {one.channel for one in late} == {"backlog"}
    buffer.close()
