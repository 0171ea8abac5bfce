"""Foreign feeds and devices for tests, and payloads as such devices send them."""

from __future__ import annotations

import json
from typing import Any

from ingest import protobuf
from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.errors import Reason
from records.foreign import Feed, Reading, Time
from records.network import Device, Lab, Network, Series, Station
from records.times import SECOND
from store.readings import Commit
from store.registry import Registry

NOW = 1_763_900_000 * SECOND
NODE = "spBv1.0/valley/{}/slope-1"
DEVICE = f"{NODE}/probe"

# As protobuf's own library writes them: node "slope-1" with bdSeq 3 and two aliased metrics, its
# device "probe" with one, data by alias with a null and a historical value, and the will.
NBIRTH = bytes.fromhex(
    "08808e8885ab3312120a05626453657118808e8885ab332008580312210a144e6f646520436f6e74726f6c2f526562"
    "6972746818808e8885ab33200b700012240a1350726f706572746965732f4669726d7761726518808e8885ab33200c"
    "7a0476322e31121d0a0b52697665722f5374616765100118808e8885ab332009650000204012220a0f4169722f5465"
    "6d7065726174757265100218808e8885ab33200250f9ffffff0f1800"
)
DBIRTH = bytes.fromhex(
    "08808e8885ab33121c0a0654696c742f58100a18808e8885ab33200a69000000000000c0bf1801"
)
NDATA = bytes.fromhex(
    "08e8958885ab331210100118e8958885ab3320096500003040120d100218e8958885ab33200238011802"
)
DDATA = bytes.fromhex(
    "08d09d8885ab331216100a1880b1ac83ab33200a280169000000000000d0bf1214100a18d09d8885ab33200a690000"
    "00000000e0bf1803"
)
NDEATH = bytes.fromhex("08808e8885ab3312120a05626453657118808e8885ab3320085803")

SPARKPLUG = Feed(
    name="slope",
    topic="spBv1.0/valley/+/slope-1/#",
    format="sparkplug-b",
    devices={"slope-1": "slope-node", "slope-1/probe": "slope-probe"},
    readings=(
        Reading(field="River/Stage", quantity="stage", unit="m"),
        Reading(field="Air/Temperature", quantity="air_temperature", unit="Cel"),
        Reading(field="Tilt/X", quantity="tilt", point="x", unit="deg"),
    ),
    ignore=("Properties/*",),
)
FLAT = Feed(
    name="farm",
    topic="farm/{device}/up",
    format="flat-json",
    readings=(
        Reading(field="data.level_cm", quantity="stage", unit="cm"),
        Reading(field="data.air", quantity="air_temperature", unit="[degF]"),
    ),
    ignore=("battery", "radio"),
    time=Time(field="ts", form="iso8601"),
    boot="boot",
    seq="count",
)
LIST = Feed(
    name="logger",
    topic="logger/out",
    format="flat-json",
    device_field="id",
    devices={"L-7": "gauge-1"},
    readings=(Reading(field="cm", quantity="stage", unit="cm"),),
    time=Time(field="at", form="epoch-ms"),
    each="samples",
)
EEW = Feed(
    name="eew", topic="iot-2/evt/status/fmt/json", format="openeew", devices={"shaker": "shaker"}
)
FEEDS = (SPARKPLUG, FLAT, LIST, EEW)


def series(number: int, device: str, quantity: str, unit: str, point: str = "main") -> Series:
    return Series(
        id=f"s{number}", station="bank", device=device, quantity=quantity, unit=unit, point=point
    )


NETWORK = Network(
    lab=(Lab(id="north"),),
    station=(Station(id="bank", lab="north", lat=35, lon=74),),
    device=(
        Device(id="slope-node", station="bank"),
        Device(id="slope-probe", station="bank"),
        Device(id="gauge-1", station="bank"),
    ),
    series=(
        series(1, "slope-node", "stage", "m"),
        series(2, "slope-node", "air_temperature", "Cel"),
        series(3, "slope-probe", "tilt", "deg", "x"),
        series(4, "gauge-1", "stage", "m"),
        series(5, "gauge-1", "air_temperature", "Cel"),
    ),
)


def intake(*feeds: Feed) -> Intake:
    return Intake(Registry.of(NETWORK, feeds or FEEDS))


def taken(worker: Intake, *messages: tuple[str, bytes], at: int = NOW) -> Commit:
    return worker.take([Arrival(topic, payload, at) for topic, payload in messages])


def rows(commit: Commit) -> list[tuple[int, float, float]]:
    """(series, seconds since NOW, value) of each row."""
    readings = commit.readings
    since = ((readings.measured_at - NOW) / SECOND).tolist()
    return list(zip(readings.series.tolist(), since, readings.value.tolist(), strict=True))


def refusals(commit: Commit) -> list[tuple[Reason, int | None, str]]:
    return [(bad.reason, bad.device, bad.detail) for bad in commit.quarantined]


def says(kind: str) -> tuple[str, bytes]:
    payload: bytes = {
        "NBIRTH": NBIRTH, "DBIRTH": DBIRTH, "NDATA": NDATA, "DDATA": DDATA, "NDEATH": NDEATH,
    }[kind]  # fmt: skip
    return (DEVICE if kind[0] == "D" else NODE).format(kind), payload


def metric(**fields: Any) -> bytes:
    """A metric of whole numbers and names, encoded."""
    numbers = {"name": 1, "alias": 2, "timestamp": 3, "datatype": 4, "int_value": 10}
    return protobuf.field(
        2, b"".join(protobuf.field(numbers[name], value) for name, value in fields.items())
    )


def data(seq: int, *parts: bytes, timestamp: int = NOW // 1000) -> bytes:
    return protobuf.field(1, timestamp) + b"".join(parts) + protobuf.field(3, seq)


GOOD: dict[str, Any] = {
    "ts": "2025-11-23T12:13:20Z", "boot": 4, "count": 9, "battery": 3.6, "radio": {"rssi": -90},
    "data": {"level_cm": 241.75, "air": 50},
}  # fmt: skip


def flat(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()
