"""Whether a packet is late goes by its device's corrected clock, as it does for readings."""

from __future__ import annotations

import json

import cbor2
import numpy as np
import pytest

from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.levels import Check, Flag
from records.network import Device, Lab, Network, Series, Station
from records.times import HOUR, MINUTE, SECOND
from store.directory import Registry
from store.readings import DeviceStatus
from store.waveforms import Waveform

T0 = 1_763_900_000 * SECOND
TOPIC = "hoshyar/v1/north/quake-1/"
SLOW = 30 * MINUTE
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="quake-1", station="bank"),),
    series=tuple(
        Series(
            id=f"s-{point}", station="bank", device="quake-1", point=point, quantity=quantity,
            unit=unit, late_after_s=60,
        )
        for point, quantity, unit in (("z", "acceleration", "Gal"), ("main", "voltage", "V"))
    ),
)  # fmt: skip


def packet(seq: int, end_at: int, at: int, channel: str = "waveform", boot: int = 1) -> Arrival:
    """A second of samples up to `end_at` of the device's clock."""
    samples = cbor2.CBORTag(85, np.ones(10, "<f4").tobytes())
    start = (end_at - 900_000) / SECOND
    whole = {"boot": boot, "seq": seq, "n": "z:acceleration", "start": start, "rate": 10}
    return Arrival(TOPIC + channel, cbor2.dumps({**whole, "samples": samples}), at)


def reading(seq: int, measured_at: int, at: int) -> Arrival:
    said = {"boot": 1, "seq": seq, "n": "voltage", "t": measured_at / SECOND, "v": 12.0}
    return Arrival(TOPIC + "readings", json.dumps([said]).encode(), at)


def taken(arrivals: list[Arrival], cut: int = 1) -> list[Waveform]:
    intake = Intake(Registry.of(NETWORK))
    works = [intake.take(arrivals[n : n + cut]) for n in range(0, len(arrivals), cut)]
    assert all(work.quarantined == () for work in works)
    return [one for work in works for one in work.waveforms]


def slow(seconds: int) -> list[Arrival]:
    """A packet a second of a clock that is half an hour slow, some received late by its line."""
    return [
        packet(n, T0 + n * SECOND - SLOW, T0 + n * SECOND + 100_000 + 50_000 * (n % 3))
        for n in range(seconds)
    ]


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_clock_half_an_hour_slow_is_live_once_it_is_known_and_doubted(cut: int) -> None:
    found = taken(slow(60), cut)
    late = [one.late for one in found]
    assert late == sorted(late, reverse=True)
    assert 18 <= sum(late) <= 20  # a hundredth of its error
    assert {(one.flag, one.checks) for one in found if not one.late} == {
        (Flag.SUSPECT, Check.CLOCK)
    }
    assert all(one.end_at == T0 - SLOW + n * SECOND for n, one in enumerate(found))


def test_packets_and_readings_teach_one_clock() -> None:
    by_readings = [reading(n, T0 + n * SECOND - SLOW, T0 + n * SECOND + 100_000) for n in range(30)]
    (first,) = taken([*by_readings, packet(30, T0 + 30 * SECOND - SLOW, T0 + 30 * SECOND)], 1000)
    assert not first.late
    intake = Intake(Registry.of(NETWORK))
    intake.take(slow(30))
    work = intake.take([reading(30, T0 + 30 * SECOND - SLOW, T0 + 30 * SECOND)])
    assert not work.readings.late[0]


@pytest.mark.parametrize("channel", ["waveform", "backlog"])
def test_what_was_kept_back_is_late_and_no_slow_clock_on_either_channel(channel: str) -> None:
    """Packets of an hour ago, ten a second after a break; then what is measured now."""
    old = T0 - HOUR
    backlog = [packet(n, old + n * SECOND, T0 + n * SECOND // 10, channel) for n in range(300)]
    now = [packet(300 + n, T0 + MINUTE + n * SECOND, T0 + MINUTE + n * SECOND) for n in range(5)]
    found = taken([*backlog, *now], 20)
    assert [one.late for one in found] == [True] * 300 + [False] * 5
    assert {one.checks for one in found} == {0}


def test_a_packet_from_the_future_is_doubted_and_one_from_elsewhere_too() -> None:
    (ahead,) = taken([packet(0, T0 + 2 * MINUTE, T0)])
    assert (ahead.late, ahead.flag, ahead.checks) == (False, Flag.SUSPECT, Check.CLOCK)
    intake = Intake(Registry.of(NETWORK))
    said = {"state": "online", "boot": 1, "lat": 36.0, "lon": 74.0}
    status = Arrival(TOPIC + "status", json.dumps(said).encode(), T0)
    work = intake.take([status, packet(0, T0, T0)])
    assert isinstance(work.statuses[0], DeviceStatus)
    (astray,) = work.waveforms
    assert (astray.flag, astray.checks) == (Flag.SUSPECT, Check.LOCATION)
