"""Sparkplug B through the pure core: real payloads in, exact rows out, nothing invented."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest import metrics
from ingest.metrics import Metric
from ingest.sparkplug import REBIRTH_EVERY, rebirth
from records.errors import BadMessage, Reason
from records.foreign import Feed
from records.times import HOUR
from store.numbering import Unnumbered
from store.readings import DeviceStatus, Quarantined
from store.registry import Registry
from tests.ingest.feeds import (
    FEEDS,
    GOOD,
    NDEATH,
    NETWORK,
    NODE,
    NOW,
    SPARKPLUG,
    data,
    flat,
    intake,
    metric,
    refusals,
    rows,
    says,
    taken,
)


def status(device: int, state: str) -> DeviceStatus:
    return DeviceStatus(device, state, None, "", None, None, None, NOW)


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


def test_how_arrivals_are_cut_into_batches_makes_no_difference() -> None:
    messages = [*map(says, ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH")), says("NDATA")]
    whole = taken(intake(), *messages)
    worker = intake()
    parts = [taken(worker, message) for message in messages]
    assert [row for part in parts for row in rows(part)] == rows(whole)
    kept: list[Quarantined] = [bad for part in parts for bad in part.quarantined]
    assert tuple(kept) == whole.quarantined
