"""The location test: a device that says it is somewhere else is doubted until it is back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ingest.arrivals import Arrival
from ingest.intake import Intake
from ingest.qartod import Stretch, judge
from records.distance import great_circle_m
from records.levels import Check, Flag
from records.network import Device, Lab, Network, Series, Station
from records.rules import Location, Tests
from records.times import SECOND
from store.positions import Position
from store.registry import Registry

NOW = 1_763_900_000 * SECOND
NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(Device(id="gauge-1", station="bank"),),
    series=(Series(id="s1", station="bank", device="gauge-1", quantity="rain", unit="mm"),),
)
HERE, AWAY = (35.001, 74.0), (35.1, 74.0)  # 111 m and 11 km off


def status(lat: float, lon: float) -> tuple[str, bytes]:
    return "status", json.dumps({"state": "online", "boot": 1, "lat": lat, "lon": lon}).encode()


def reading(seq: int) -> tuple[str, bytes]:
    at = NOW / SECOND + seq
    said = {"n": "rain", "v": 0.5 + seq, "t": at, "boot": 1, "seq": seq}
    return "readings", json.dumps([said]).encode()


SENT = [
    reading(0), status(*HERE), reading(1), status(*AWAY), reading(2), reading(3), status(*HERE),
    reading(4),
]  # fmt: skip


def arrivals() -> list[Arrival]:
    return [
        Arrival(f"hoshyar/v1/north/gauge-1/{channel}", payload, NOW + place * SECOND)
        for place, (channel, payload) in enumerate(SENT)
    ]


@pytest.mark.promise("R4")
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_readings_from_elsewhere_are_suspect_until_the_device_is_back(size: int) -> None:
    intake, every = Intake(Registry.of(NETWORK)), arrivals()
    checks: list[int] = []
    for start in range(0, len(every), size):
        taken = intake.take(every[start : start + size]).readings
        checks += (taken.checks & Check.LOCATION).tolist()
        doubted = taken.checks & Check.LOCATION > 0
        assert (taken.flag[doubted] == Flag.SUSPECT).all()
    assert checks == [0, 0, Check.LOCATION, Check.LOCATION, 0]


def test_what_was_said_before_a_restart_still_counts() -> None:
    intake = Intake(Registry.of(NETWORK))
    intake.resume({}, intake.take([]).readings, positions=[Position(1, NOW - 1, *AWAY)])
    taken = intake.take(arrivals()[:1]).readings
    assert taken.checks.tolist() == [Check.LOCATION]


def test_the_final_verdict_goes_by_the_distance_and_is_none_where_nothing_was_said() -> None:
    at = np.arange(4, dtype=np.int64) * SECOND + NOW
    off_m = np.array([np.nan, 1000.0, 1000.1, 0.0])
    tests = Tests(location=Location(suspect_m=1000))
    found = judge([Stretch(at, at, np.zeros(4), tests, off_m=off_m)])
    assert found[Check.LOCATION].tolist() == [0, Flag.GOOD, Flag.SUSPECT, Flag.GOOD]
    untold = judge([Stretch(at, at, np.zeros(4), tests)])
    assert untold[Check.LOCATION].tolist() == [0] * 4


def test_distances_are_those_of_the_sphere() -> None:
    quarter = great_circle_m(0, [0, 90], 0, [90, -90])
    assert quarter == pytest.approx([np.pi / 2 * 6_371_008.8, np.pi * 6_371_008.8])
    assert great_circle_m(35, 179.9995, 35, -179.9995) == pytest.approx(91.1, abs=0.1)
