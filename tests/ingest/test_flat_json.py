"""JSON of foreign devices through the pure core, read by the mapping of its feed."""

from __future__ import annotations

import json

import pytest

from records.errors import Reason
from records.foreign import Feed, Reading
from records.times import SECOND
from tests.ingest.feeds import NOW, flat, intake, rows, taken


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
