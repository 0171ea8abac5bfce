"""What detectors get of waveform packets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models import packets
from records.levels import Check, Flag
from records.network import Device, Lab, Network, Series, Station
from store.directory import Registry
from store.waveforms import Waveform

T0 = 1_700_000_000_000_000
REGISTRY = Registry.of(
    Network(
        lab=(Lab(id="lab"),),
        station=(Station(id="s", lab="lab", lat=36, lon=74),),
        device=(Device(id="d", station="s"),),
        series=(
            Series(
                id="gal", station="s", device="d", point="x", quantity="acceleration", unit="Gal"
            ),
            Series(
                id="si", station="s", device="d", point="y", quantity="acceleration", unit="m/s2"
            ),
        ),
    )
)
GOOD = Waveform(
    series=1, start_at=T0, received_at=T0 + 1, rate_hz=2.0, samples=np.array([1.0, 5000.0, 3.0]),
    flag=Flag.FAIL, checks=Check.GROSS_RANGE, beyond=1, late=False,
)  # fmt: skip


def seen(*some: Waveform) -> list[tuple[int, float, int, int]]:
    """(µs after T0, value, flag, checks) of each sample."""
    rows = packets.rows(REGISTRY, some)
    return list(
        zip(
            (rows.measured_at - T0).tolist(), rows.value.tolist(), rows.flag.tolist(),
            rows.checks.tolist(), strict=True,
        )
    )  # fmt: skip


def test_only_the_sample_outside_the_range_fails_and_what_else_is_doubted_stays_doubted() -> None:
    assert seen(GOOD) == [(0, 1.0, 1, 0), (500_000, 5000.0, 4, 1), (1_000_000, 3.0, 1, 0)]
    doubted = replace(GOOD, checks=Check.GROSS_RANGE | Check.CLOCK)
    assert [row[2:] for row in seen(doubted)] == [(3, 16), (4, 17), (3, 16)]


def test_the_range_is_in_the_unit_of_the_series() -> None:
    small = replace(GOOD, series=2, samples=np.array([1.0, 39.0, 41.0]))
    assert [row[2] for row in seen(small, replace(GOOD, flag=Flag.GOOD, checks=0))] == [
        1, 1, 4, 1, 1, 1,
    ]  # fmt: skip


def test_late_packets_decide_nothing() -> None:
    assert seen(replace(GOOD, late=True)) == []
    assert len(seen(replace(GOOD, late=True), GOOD)) == 3
