"""What waited for a birth becomes rows when the node says the same again, and else never does."""

from __future__ import annotations

import pytest

from ingest import protobuf
from ingest.intake import Intake
from ingest.sparkplug import HELD_FOR, MOST_HELD
from records.errors import Reason
from records.foreign import Feed
from records.readings import empty
from records.times import SECOND
from store.commits import Mended
from store.quarantine import digest
from store.readings import Commit
from tests.ingest.feeds import (
    DBIRTH,
    DEVICE,
    NBIRTH,
    NODE,
    NOW,
    SPARKPLUG,
    data,
    intake,
    metric,
    rows,
    says,
    taken,
)


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
