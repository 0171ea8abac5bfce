"""Foreign formats through the pure core: real payloads in, exact rows out, nothing invented."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import metrics, openeew, protobuf
from ingest.arrivals import Arrival
from ingest.intake import Intake
from ingest.metrics import Metric
from ingest.recent import digest
from ingest.sparkplug import HELD_FOR, MOST_HELD, REBIRTH_EVERY, rebirth
from records.errors import BadMessage, Reason
from records.foreign import Feed, Reading, Time
from records.network import Device, Lab, Network, Series, Station
from records.readings import empty
from records.times import HOUR, SECOND
from store.commits import Mended
from store.numbering import Unnumbered
from store.readings import Commit, DeviceStatus, Quarantined
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


def status(device: int, state: str) -> DeviceStatus:
    return DeviceStatus(device, state, None, "", None, None, None, NOW)


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


def test_births_data_and_the_will_of_a_sparkplug_node_become_rows_and_states() -> None:
    worker = intake()
    commit = taken(worker, *map(says, ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH")))
    assert rows(commit) == [
        (1, 0.0, 2.5), (2, 0.0, -7.0), (3, 0.0, -0.125), (1, 1.0, 2.75),
        (3, -3600.0, -0.25), (3, 2.0, -0.5),
    ]  # fmt: skip
    assert commit.statuses == (status(1, "online"), status(2, "online"), status(1, "offline"))
    assert (commit.quarantined, commit.settled, worker.commands()) == ((), (), [])
    assert commit.decoder.split() == ["senml-1", "flat-json-1", "openeew-1", "sparkplug-b-1"]


@pytest.mark.promise("R1")
def test_foreign_devices_without_numbers_of_ours_are_best_effort() -> None:
    begun = NOW // HOUR * HOUR
    worker = intake()
    assert taken(worker, *map(says, ("NBIRTH", "DBIRTH"))).unnumbered == (
        Unnumbered(1, begun),
        Unnumbered(2, begun),
    )
    assert taken(worker, ("farm/gauge-1/up", flat())).unnumbered == ()
    bare = json.dumps({name: GOOD[name] for name in ("ts", "data")}).encode()
    assert taken(worker, ("farm/gauge-1/up", bare)).unnumbered == (Unnumbered(3, begun),)


def test_data_before_a_birth_are_refused_and_the_node_is_asked_once_in_a_while() -> None:
    worker = intake()
    commit = taken(worker, says("NDATA"), says("DDATA"))
    assert refusals(commit) == [(Reason.NO_BIRTH, 1, "alias 1"), (Reason.NO_BIRTH, 2, "alias 10")]
    asked = [("spBv1.0/valley/NCMD/slope-1", rebirth(NOW))]
    assert worker.commands() == asked
    later = NOW + REBIRTH_EVERY
    taken(worker, (NODE.format("NDATA"), data(9, metric(alias=1, int_value=1))), at=later - 1)
    assert worker.commands() == []
    taken(worker, (NODE.format("NDATA"), data(10, metric(alias=1, int_value=1))), at=later)
    assert worker.commands() == [(asked[0][0], rebirth(later))]
    assert rows(taken(worker, *map(says, ("NBIRTH", "DBIRTH")), at=later)) == [
        (1, 0.0, 2.5), (2, 0.0, -7.0), (3, 0.0, -0.125),
    ]  # fmt: skip


def test_after_a_gap_an_alias_is_not_believed_until_the_next_birth() -> None:
    worker = intake()
    taken(worker, says("NBIRTH"), says("DBIRTH"))
    missed = data(7, metric(alias=1, int_value=3, datatype=3))
    commit = taken(worker, (NODE.format("NDATA"), missed), says("NDATA"))
    assert rows(commit) == []
    assert [bad.reason for bad in commit.quarantined] == [Reason.NO_BIRTH] * 2
    assert len(worker.commands()) == 1


def test_data_that_say_name_and_type_need_no_birth() -> None:
    named = metric(name=b"River/Stage", datatype=3, int_value=2**32 - 4)
    assert rows(taken(intake(), (NODE.format("NDATA"), data(9, named)))) == [(1, 0.0, -4.0)]


def test_the_sequence_of_a_node_begins_anew_after_255() -> None:
    worker = intake()
    taken(worker, says("NBIRTH"))
    each = [
        (NODE.format("NDATA"), data(seq % 256, metric(alias=2, int_value=1), timestamp=at))
        for seq, at in ((n, NOW // 1000 + n) for n in range(1, 600))
    ]
    commit = taken(worker, *each)
    assert (len(commit.readings), commit.quarantined, worker.commands()) == (599, (), [])


def test_a_message_that_comes_again_changes_neither_rows_nor_the_sequence() -> None:
    worker = intake()
    first = taken(worker, *map(says, ("NBIRTH", "DBIRTH", "NDATA")))
    again = taken(worker, *map(says, ("NBIRTH", "DBIRTH", "NDATA", "DDATA")))
    assert len(first.readings) == 4
    assert rows(again) == [(3, -3600.0, -0.25), (3, 2.0, -0.5)]
    assert (again.quarantined, worker.commands()) == ((), [])


def test_the_will_of_an_older_session_ends_nothing_and_the_same_will_counts_each_time() -> None:
    worker = intake()
    old = NDEATH[:-1] + b"\2"
    commit = taken(worker, says("NBIRTH"), (NODE.format("NDEATH"), old))
    assert commit.statuses == (status(1, "online"),)
    assert taken(worker, says("NDEATH"), says("NDEATH")).statuses == (status(1, "offline"),) * 2


def test_a_changed_registry_forgets_no_birth() -> None:
    worker = intake()
    taken(worker, says("NBIRTH"), says("DBIRTH"))
    worker.use(Registry.of(NETWORK, FEEDS))
    assert rows(taken(worker, says("NDATA"))) == [(1, 1.0, 2.75)]


def test_a_rerun_believes_no_birth_since_others_may_have_come_after_it() -> None:
    worker = intake()
    commits = []
    for message in map(says, ("NBIRTH", "DBIRTH", "NDATA")):
        worker.forget()
        commits.append(taken(worker, message))
    assert [rows(commit) for commit in commits] == [
        [(1, 0.0, 2.5), (2, 0.0, -7.0)], [(3, 0.0, -0.125)], [],
    ]  # fmt: skip
    assert refusals(commits[2]) == [(Reason.NO_BIRTH, 1, "alias 1")]


def test_commands_and_states_of_sparkplug_hosts_are_passed_over() -> None:
    wide = Feed(name="all", topic="spBv1.0/#", format="sparkplug-b", readings=SPARKPLUG.readings)
    commit = taken(
        intake(wide), (NODE.format("NCMD"), rebirth(NOW)), ("spBv1.0/STATE/host", b"{}"),
        (NODE.format("MOOD"), b"x"), ("spBv1.0/valley/NDATA", b"x"),
    )  # fmt: skip
    assert [(q.topic, q.reason) for q in commit.quarantined] == [
        (NODE.format("MOOD"), Reason.BAD_TOPIC), ("spBv1.0/valley/NDATA", Reason.BAD_TOPIC),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "datatype", "number"),
    [
        ({"kind": 10, "raw": 2**32 - 7}, 1, -7.0),
        ({"kind": 10, "raw": 200}, 5, 200.0),
        ({"kind": 11, "raw": 2**64 - 1}, 4, -1.0),
        ({"kind": 11, "raw": 2**32 - 1}, 7, 4294967295.0),
        ({"kind": 13, "raw": 1.5}, 10, 1.5),
        ({"is_null": True}, 10, None),
    ],
)
def test_a_metric_is_the_number_that_its_type_makes_of_it(
    fields: dict[str, Any], datatype: int, number: float | None
) -> None:
    assert metrics.value(Metric(**fields), datatype) == number


@pytest.mark.parametrize(
    ("fields", "datatype"),
    [
        ({"kind": 10, "raw": 200}, 1), ({"kind": 10, "raw": 300}, 5), ({}, 3),
        ({"kind": 14, "raw": 1}, 11), ({"kind": 15}, 12), ({"kind": 17}, 16),
        ({"kind": 12, "raw": 1.5}, 3), ({"kind": 10, "raw": 1}, 10),
    ],
)  # fmt: skip
def test_a_metric_without_a_number_of_its_type_is_refused(
    fields: dict[str, Any], datatype: int
) -> None:
    with pytest.raises(BadMessage, match="no number of data type"):
        metrics.value(Metric(**fields), datatype)


GOOD: dict[str, Any] = {
    "ts": "2025-11-23T12:13:20Z", "boot": 4, "count": 9, "battery": 3.6, "radio": {"rssi": -90},
    "data": {"level_cm": 241.75, "air": 50},
}  # fmt: skip


def flat(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_fields_of_a_flat_message_become_rows_with_units_time_and_sequence() -> None:
    worker = intake()
    commit = taken(worker, ("farm/gauge-1/up", flat()), ("farm/gauge-1/up", flat(battery=1)))
    assert rows(commit) == [(4, 0.0, 2.4175), (5, 0.0, pytest.approx(10.0))]
    assert [(s.device, s.boot, s.ranges) for s in commit.settled] == [(3, 4, ((9, 9),))]
    assert (commit.quarantined, worker.touched()) == ((), {(3, 4)})


FLAT_FAULTS: dict[str, tuple[str, bytes, Reason, int | None]] = {
    "an unknown device": ("farm/gauge-9/up", flat(), Reason.UNKNOWN_DEVICE, None),
    "an unmapped field": ("farm/gauge-1/up", flat(mood=1), Reason.UNKNOWN_QUANTITY, 3),
    "an unmapped field inside": (
        "farm/gauge-1/up", flat(data={"level_cm": 1, "mood": 1}), Reason.UNKNOWN_QUANTITY, 3),
    "a text for a number": (
        "farm/gauge-1/up", flat(data={"level_cm": "241"}), Reason.UNDECODABLE, 3),
    "a truth for a number": (
        "farm/gauge-1/up", flat(data={"level_cm": True}), Reason.UNDECODABLE, 3),
    "a number that no double holds": (
        "farm/gauge-1/up", flat(data={"level_cm": 10**400}), Reason.NOT_FINITE, 3),
    "a time without zone": (
        "farm/gauge-1/up", flat(ts="2025-11-23T12:13:20"), Reason.IMPOSSIBLE_TIME, 3),
    "no time": ("farm/gauge-1/up", flat(ts=None), Reason.IMPOSSIBLE_TIME, 3),
    "a sequence without boot": ("farm/gauge-1/up", flat(boot=None), Reason.BAD_SEQUENCE, 3),
    "no JSON": ("farm/gauge-1/up", b"{", Reason.UNDECODABLE, 3),
    "no object": ("farm/gauge-1/up", b"[]", Reason.UNDECODABLE, 3),
    "another topic": ("farm/gauge-1/down", flat(), Reason.BAD_TOPIC, None),
}  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "device"), FLAT_FAULTS.values(), ids=FLAT_FAULTS
)
def test_what_a_feed_does_not_map_is_quarantined_with_its_reason(
    topic: str, payload: bytes, reason: Reason, device: int | None
) -> None:
    commit = taken(intake(), (topic, payload), ("farm/gauge-1/up", flat(boot=5, count=0)))
    kept = commit.quarantined
    assert [(q.topic, q.payload, q.reason, q.device) for q in kept] == [
        (topic, payload, reason, device)
    ]
    assert rows(commit)[-2:] == [(4, 0.0, 2.4175), (5, 0.0, pytest.approx(10.0))]


def test_items_of_an_array_are_read_each_with_its_time_and_null_is_missing() -> None:
    said = {"id": "L-7", "samples": [
        {"at": NOW // 1000 - 500, "cm": 100}, {"at": NOW // 1000, "cm": None},
        {"at": NOW // 1000 + 250, "cm": 102.5},
    ]}  # fmt: skip
    commit = taken(intake(), ("logger/out", json.dumps(said).encode()))
    assert (rows(commit), commit.quarantined) == ([(4, -0.5, 1.0), (4, 0.25, 1.025)], ())


def test_without_a_time_field_a_message_is_as_old_as_its_arrival() -> None:
    timeless = Feed(
        name="t", topic="t", format="flat-json", device="gauge-1",
        readings=(Reading(field="cm", quantity="stage", unit="cm"),),
    )  # fmt: skip
    commit = taken(intake(timeless), ("t", b'{"cm": 250}'), at=NOW + 3 * SECOND // 2)
    assert rows(commit) == [(4, 1.5, 2.5)]


def test_a_relative_time_is_never_taken_from_a_foreign_device() -> None:
    said = {"id": "L-7", "samples": [{"at": 1000, "cm": 100}]}
    commit = taken(intake(), ("logger/out", json.dumps(said).encode()))
    assert [q.reason for q in commit.quarantined] == [Reason.IMPOSSIBLE_TIME]


def test_a_second_of_openeew_is_three_packets_that_end_at_the_devices_time() -> None:
    # The form is that of the network's devices, the values are made up.
    said = {
        "country_code": "mx", "device_id": "000", "x": [0.053, -0.041, 0.026, -0.008],
        "y": [0.079, 0.064, 0.038, 0.053], "z": [-0.015, 0.011], "device_t": 1513379400.154,
        "cloud_t": 1513379400.057, "sr": 31.25,
    }  # fmt: skip
    message = openeew.decode(json.dumps(said).encode())
    packets = openeew.content(message, 0).packets
    assert openeew.device(message) == "000"
    assert [(p.point, p.quantity, p.unit, p.start_at, p.rate_hz) for p in packets] == [
        ("x", "acceleration", "Gal", 1513379400_058000, 31.25),
        ("y", "acceleration", "Gal", 1513379400_058000, 31.25),
        ("z", "acceleration", "Gal", 1513379400_122000, 31.25),
    ]
    assert [p.samples.tolist() for p in packets] == [said["x"], said["y"], said["z"]]


def test_recorded_openeew_messages_are_read_as_they_were_sent(recordings: Path) -> None:
    lines = gzip.decompress(
        (recordings / "openeew/2017_12_15/000/10.jsonl.gz").read_bytes()
    ).splitlines()
    for line in lines:
        said = json.loads(line)
        packets = openeew.content(openeew.decode(line), 0).packets
        for packet, axis in zip(packets, "xyz", strict=True):
            assert packet.samples.tolist() == said[axis]
            last_s = packet.start_at / SECOND + (len(packet.samples) - 1) / packet.rate_hz
            assert last_s == pytest.approx(said["device_t"], abs=1e-6)
        assert np.dtype(np.float64) == packets[0].samples.dtype


@pytest.mark.parametrize(
    "change",
    [{"sr": 0}, {"sr": -1}, {"sr": 1e-300}, {"device_t": 1000}, {"device_t": 1e300}, {"x": ["a"]}],
)
def test_openeew_with_an_impossible_rate_or_time_is_refused(change: dict[str, Any]) -> None:
    said = {"device_id": "0", "x": [1, 2], "y": [1], "z": [], "device_t": 1.6e9, "sr": 32}
    with pytest.raises(BadMessage):
        openeew.content(openeew.decode(json.dumps({**said, **change}).encode()), 0)


def test_how_arrivals_are_cut_into_batches_makes_no_difference() -> None:
    messages = [*map(says, ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH")), says("NDATA")]
    whole = taken(intake(), *messages)
    worker = intake()
    parts = [taken(worker, message) for message in messages]
    assert [row for part in parts for row in rows(part)] == rows(whole)
    kept: list[Quarantined] = [bad for part in parts for bad in part.quarantined]
    assert tuple(kept) == whole.quarantined


def reborn(seq: int, bd_seq: int = 3, **alias: int) -> tuple[str, bytes]:
    """The node's birth at a later moment: `bdSeq`, and its metrics by alias."""
    names = {"stage": b"River/Stage", "air": b"Air/Temperature"}
    later = protobuf.field(1, NOW // 1000 + 5000)
    session = protobuf.field(1, b"bdSeq") + protobuf.field(4, 8) + protobuf.field(11, bd_seq)
    parts = [
        metric(name=names[name], alias=number, datatype=3, int_value=20)
        for name, number in alias.items()
    ]
    whole = later + protobuf.field(2, session) + b"".join(parts) + protobuf.field(3, seq)
    return NODE.format("NBIRTH"), whole


def by_alias(seq: int, alias: int, value: int, second: int) -> tuple[str, bytes]:
    at = NOW // 1000 + 1000 * second
    part = metric(alias=alias, datatype=3, int_value=value)
    return NODE.format("NDATA"), data(seq, part, timestamp=at)


def restarted(before: Intake, *commits: Commit) -> Intake:
    """Another process, with what the first one stored."""
    del before
    known = {birth.topic: birth for commit in commits for birth in commit.births}
    after = intake()
    after.resume({}, empty(), born=sorted(known.values(), key=lambda birth: birth.received_at))
    return after


FIRST = reborn(0, stage=1, air=2)


@pytest.mark.promise("R1")
def test_births_outlive_a_restart_and_data_between_it_and_the_rebirth_become_rows() -> None:
    first = intake()
    began = taken(first, FIRST, by_alias(1, 1, 3, 1))
    assert [birth.topic for birth in began.births] == [NODE.format("NBIRTH")]
    worker = restarted(first, began)
    between = taken(worker, by_alias(2, 1, 4, 2), by_alias(3, 2, 5, 3), at=NOW + 3 * SECOND)
    assert [bad.reason for bad in between.quarantined] == [Reason.NO_BIRTH] * 2
    assert len(worker.commands()) == 1
    answered = taken(worker, reborn(0, stage=1, air=2), at=NOW + 5 * SECOND)
    assert rows(answered) == [(1, 5.0, 20.0), (2, 5.0, 20.0), (1, 2.0, 4.0), (2, 3.0, 5.0)]
    assert answered.readings.received_at.tolist() == [NOW + 5 * SECOND] * 2 + [NOW + 3 * SECOND] * 2
    assert not answered.readings.late.any()
    assert sorted(answered.mended) == sorted(
        Mended(digest(bad.topic, bad.payload), bad.received_at) for bad in between.quarantined
    )
    assert taken(worker, reborn(0, stage=1, air=2), at=NOW + 6 * SECOND).mended == ()
    assert rows(taken(worker, by_alias(1, 2, 6, 7))) == [(2, 7.0, 6.0)]


def test_in_one_batch_with_their_birth_data_are_never_in_quarantine() -> None:
    first = intake()
    worker = restarted(first, taken(first, FIRST))
    commit = taken(worker, by_alias(9, 1, 4, 2), reborn(0, stage=1, air=2))
    assert rows(commit) == [(1, 5.0, 20.0), (2, 5.0, 20.0), (1, 2.0, 4.0)]
    assert (commit.quarantined, commit.mended) == ((), ())


@pytest.mark.parametrize(
    "birth",
    [
        pytest.param(reborn(0, bd_seq=4, stage=1, air=2), id="another session"),
        pytest.param(reborn(0, stage=2, air=1), id="aliases that changed places"),
        pytest.param(reborn(0, stage=7, air=2), id="an alias that is no more"),
    ],
)
def test_a_birth_that_does_not_say_the_same_gives_no_meaning_to_what_came_before(
    birth: tuple[str, bytes],
) -> None:
    first = intake()
    worker = restarted(first, taken(first, FIRST))
    between = taken(worker, by_alias(2, 1, 4, 2))
    answered = taken(worker, birth)
    assert len(between.quarantined) == 1
    assert (answered.mended, len(answered.readings)) == ((), 2)
    # Nor does a later one that says as the first did.
    assert taken(worker, reborn(0, stage=1, air=2), at=NOW + SECOND).mended == ()


def test_what_waited_too_long_to_be_live_stays_in_quarantine() -> None:
    first = intake()
    worker = restarted(first, taken(first, FIRST))
    taken(worker, by_alias(2, 1, 4, 2))
    answered = taken(worker, reborn(0, stage=1, air=2), at=NOW + HELD_FOR + SECOND)
    assert (answered.mended, len(answered.readings)) == ((), 2)


def test_what_a_birth_gives_a_meaning_but_no_possible_time_stays_in_quarantine() -> None:
    first = intake()
    worker = restarted(first, taken(first, FIRST))
    ahead = by_alias(2, 1, 4, 2 * 86_400)
    between = taken(worker, ahead, by_alias(3, 2, 5, 3), at=NOW + 3 * SECOND)
    answered = taken(worker, reborn(0, stage=1, air=2), at=NOW + 5 * SECOND)
    assert rows(answered) == [(1, 5.0, 20.0), (2, 5.0, 20.0), (2, 3.0, 5.0)]
    good = between.quarantined[1]
    assert answered.mended == (Mended(digest(good.topic, good.payload), good.received_at),)
    assert answered.quarantined == ()


def test_a_gap_while_running_is_mended_by_the_rebirth_too_device_by_device() -> None:
    worker = intake()
    taken(worker, says("NBIRTH"), says("DBIRTH"))
    lost = taken(worker, says("DDATA"))  # 2 is missing before it
    assert [bad.reason for bad in lost.quarantined] == [Reason.NO_BIRTH]
    node = NBIRTH.replace(bytes.fromhex("08808e8885ab3312"), bytes.fromhex("08818e8885ab3312"), 1)
    device = DBIRTH.replace(bytes.fromhex("08808e8885ab33"), bytes.fromhex("08818e8885ab33"), 1)
    assert taken(worker, (NODE.format("NBIRTH"), node)).mended == ()
    answered = taken(worker, (DEVICE.format("DBIRTH"), device))
    assert [row[0] for row in rows(answered)] == [3, 3, 3]
    assert len(answered.mended) == 1


def test_data_that_wait_are_bounded_and_a_death_ends_the_waiting() -> None:
    first = intake()
    worker = restarted(first, taken(first, FIRST))
    taken(worker, *(by_alias(n % 256, 1, n, n) for n in range(MOST_HELD + 50)))
    answered = taken(worker, reborn(0, stage=1, air=2))
    assert len(answered.mended) == MOST_HELD
    worker = restarted(first, taken(intake(), FIRST))
    taken(worker, by_alias(2, 1, 4, 2), says("NDEATH"))
    assert taken(worker, reborn(0, stage=1, air=2)).mended == ()


def test_births_of_strangers_are_not_kept() -> None:
    wide = Feed(name="all", topic="spBv1.0/#", format="sparkplug-b", readings=SPARKPLUG.readings)
    strange = ("spBv1.0/valley/NBIRTH/nobody", FIRST[1])
    assert taken(intake(wide), strange).births == ()
