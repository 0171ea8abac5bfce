"""A small network of our own devices for tests of the pure core, and what such devices send."""

from __future__ import annotations

import json
from typing import Any

from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.errors import Reason
from records.network import Device, Lab, Network, Series, Station
from records.readings import ReadingBatch
from records.times import SECOND
from store.readings import Commit
from store.registry import Registry

NOW = 1_763_900_000 * SECOND
TOPIC = "hoshyar/v1/north/gauge-1/readings"


def series(number: int, device: str, quantity: str, unit: str, point: str = "main") -> Series:
    return Series(
        id=f"s{number}", station="bank", device=device, quantity=quantity, unit=unit, point=point
    )


NETWORK = Network(
    lab=(Lab(id="north"), Lab(id="south")),
    station=(
        Station(id="bank", lab="north", lat=35, lon=74),
        Station(id="shore", lab="south", lat=24, lon=67),
    ),
    device=(Device(id="gauge-1", station="bank"), Device(id="tide-1", station="shore")),
    series=(
        series(1, "gauge-1", "stage", "m"),
        series(2, "gauge-1", "vibration", "[g]", "b1"),
        series(3, "tide-1", "sea_level", "m"),
    ),
)


def intake(**options: Any) -> Intake:
    return Intake(Registry.of(NETWORK), **options)


def senml(*records: dict[str, Any], **first: Any) -> bytes:
    return json.dumps([{**records[0], **first}, *records[1:]]).encode()


def stage(value: Any = 1.5, seconds: float = NOW / 1e6, **first: Any) -> bytes:
    return senml({"n": "stage", "v": value, "t": seconds}, **first)


def rows(readings: ReadingBatch) -> list[tuple[int, float, float, bool]]:
    """(series, seconds since NOW, value, late) of each row."""
    since = (readings.measured_at - NOW) / SECOND
    columns = (readings.series, since, readings.value, readings.late)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def refusals(commit: Commit) -> list[tuple[Reason, int | None]]:
    return [(bad.reason, bad.device) for bad in commit.quarantined]


def take(*payloads: bytes, topic: str = TOPIC, **options: Any) -> Commit:
    return intake(**options).take([Arrival(topic, payload, NOW) for payload in payloads])


GOOD = stage(boot=1, seq=0)
