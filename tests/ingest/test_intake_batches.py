"""The pure core stores the same for any batches of the same arrivals, and after any kill."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.arrivals import Arrival
from ingest.checks import HISTORY
from records.readings import ReadingBatch, concatenate
from records.times import DAY, SECOND
from store.quarantine import digest
from store.readings import Commit
from tests.ingest.gauges import NOW, TOPIC, intake, rows, senml, stage


def test_a_restart_remembers_what_was_settled_and_quarantined() -> None:
    first = intake()
    arrivals = [Arrival(TOPIC, stage(1, boot=1, seq=0), NOW), Arrival(TOPIC, b"junk", NOW)]
    commit = first.take(arrivals)
    again = intake()
    again.resume(
        {(s.device, s.boot): s.ranges for s in commit.settled},
        commit.readings,
        {digest(q.topic, q.payload): q.received_at for q in commit.quarantined},
    )
    redelivered = again.take(arrivals)
    assert (len(redelivered.readings), redelivered.settled, redelivered.quarantined) == (0, (), ())


VALUES = st.sampled_from([1.0, 1.0, 2.0, 2.5, 40.0, 2000.0, float("nan")])
RECORDS = st.lists(
    st.tuples(st.sampled_from(["stage", "b1:vibration"]), VALUES, st.integers(-900, 2)),
    min_size=1,
    max_size=4,
)
MESSAGES = st.lists(st.tuples(RECORDS, st.integers(0, 12)), max_size=14).map(
    lambda messages: [
        Arrival(
            TOPIC,
            senml(*({"n": n, "v": v, "t": at / 1e6 + t} for n, v, t in records), boot=1, seq=seq),
            at,
        )
        for at, (records, seq) in zip(range(NOW, NOW + DAY, SECOND), messages, strict=False)
    ]
)


def settled(commits: list[Commit]) -> set[tuple[int, int, int]]:
    return {
        (item.device, item.boot, seq)
        for commit in commits
        for item in commit.settled
        for first, last in item.ranges
        for seq in range(first, last + 1)
    }


def everything(commits: list[Commit]) -> tuple[Any, ...]:
    readings = concatenate([commit.readings for commit in commits])
    columns = (readings.received_at, readings.flag, readings.checks)
    return (
        rows(readings),
        [column.tolist() for column in columns],
        [quarantined for commit in commits for quarantined in commit.quarantined],
        settled(commits),
    )


@pytest.mark.promise("R4")
@given(MESSAGES, st.lists(st.integers(0, 14), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_batching_of_the_same_arrivals_stores_the_same(
    arrivals: list[Arrival], cuts: list[int]
) -> None:
    worker = intake()
    edges = [0, *sorted(min(cut, len(arrivals)) for cut in cuts), len(arrivals)]
    pieces = [worker.take(arrivals[a:b]) for a, b in pairwise(edges)]
    assert everything(pieces) == everything([intake().take(arrivals)])


@pytest.mark.promise("R4")
def test_a_repeat_without_a_number_is_one_however_the_arrivals_are_cut() -> None:
    minute = 60 * SECOND
    later = senml({"n": "stage", "v": 1.0, "t": (NOW + 70 * minute) / 1e6})
    arrivals = [
        Arrival(TOPIC, b"junk", NOW),
        Arrival(TOPIC, b"junk", NOW + 50 * minute),
        Arrival(TOPIC, later, NOW + 70 * minute),
    ]
    for edges in ([0, 3], [0, 1, 3], [0, 2, 3], [0, 1, 2, 3]):
        worker = intake()
        pieces = [worker.take(arrivals[a:b]) for a, b in pairwise(edges)]
        assert [q.received_at for piece in pieces for q in piece.quarantined] == [NOW]


def test_a_refused_repeat_does_not_move_the_time_of_its_batch() -> None:
    worker = intake()
    worker.take([Arrival(TOPIC, b"junk", NOW)])
    reading = Arrival(TOPIC, stage(1, boot=1, seq=0), NOW + SECOND)
    commit = worker.take([reading, Arrival(TOPIC, b"junk", NOW + 2 * SECOND)])
    assert (commit.received_at, commit.quarantined) == (NOW + SECOND, ())


@pytest.mark.promise("R2")
@given(MESSAGES, st.integers(0, 14))
@settings(max_examples=100, deadline=None)
def test_a_kill_between_commit_and_acknowledgement_changes_nothing(
    arrivals: list[Arrival], killed: int
) -> None:
    before = intake().take(arrivals[:killed])
    again = intake()
    again.resume(
        {(s.device, s.boot): s.ranges for s in before.settled},
        newest(before.readings),
        {digest(q.topic, q.payload): q.received_at for q in before.quarantined},
    )
    redelivered = again.take(arrivals)
    assert everything([before, redelivered]) == everything([intake().take(arrivals)])


def newest(readings: ReadingBatch) -> ReadingBatch:
    """What the store gives back: one row a key, the first that came."""
    keys = np.stack([readings.series, readings.measured_at], axis=1)
    kept = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    assert len(kept) <= HISTORY
    return readings.take(kept)
