"""When what has come is a batch, and what a device that waits is told when."""

from __future__ import annotations

from typing import cast

from ingest.client import Delivery
from ingest.inbox import (
    LARGEST_PIECE_BYTES,
    LOCKSTEP,
    ROOM_BYTES,
    ROOM_MESSAGES,
    SMALLEST_PIECE_BYTES,
    Inbox,
    Pace,
)
from ingest.intake import Arrival
from ingest.receipts import DueReceipts
from ingest.session import Received, Session

TOPIC = b"hoshyar/v1/north/gauge-1/readings"
NOBODY = cast(Session, None)
NOW = 1_763_900_000_000_000


def nothing(_topic: str, _stray: bool) -> bool:
    """Ignores nothing."""
    return False


def received(*payloads: bytes, topic: bytes = TOPIC) -> Received:
    return Received(1, [Delivery(topic, payload, 1) for payload in payloads])


def add(inbox: Inbox, what: Received, now_s: float, *, stray: bool = False, at: int = NOW) -> None:
    inbox.add(NOBODY, what, stray, at, now_s)


def test_every_message_has_a_moment_of_its_own_even_when_the_clock_goes_back() -> None:
    inbox = Inbox(Pace(), nothing)
    add(inbox, received(b"a", b"b"), 0.0)
    add(inbox, received(b"c"), 0.0, at=NOW - 1_000_000)
    add(inbox, received(b"d"), 0.0, at=NOW + 1_000_000)
    pending = inbox.take()
    text = TOPIC.decode()
    assert pending.arrivals == [
        Arrival(text, b"a", NOW),
        Arrival(text, b"b", NOW + 1),
        Arrival(text, b"c", NOW + 2),
        Arrival(text, b"d", NOW + 1_000_000),
    ]
    assert [what.generation for _, what in pending.received] == [1, 1, 1]
    assert inbox.take().arrivals == []


def test_what_is_ignored_is_only_acknowledged_until_that_changes() -> None:
    inbox = Inbox(Pace(), lambda topic, stray: stray and topic in ignored)
    ignored = {"gauge"}
    add(inbox, received(b"x", topic=b"gauge"), 0.0, stray=True)
    add(inbox, received(b"y", topic=b"gauge"), 0.0)
    ignored.clear()
    add(inbox, received(b"x", topic=b"gauge"), 0.0, stray=True)
    inbox.forget()
    add(inbox, received(b"z", topic=b"gauge"), 0.0, stray=True)
    pending = inbox.take()
    assert [arrival.payload for arrival in pending.arrivals] == [b"y", b"z"]
    assert len(pending.received) == 4


def test_a_topic_that_is_no_text_is_still_one() -> None:
    inbox = Inbox(Pace(), nothing)
    add(inbox, received(b"x", topic=b"hoshyar/\xff"), 0.0)
    assert inbox.take().arrivals == [Arrival("hoshyar/\ufffd", b"x", NOW)]


def test_a_batch_is_due_after_a_while_or_when_it_is_large_or_nothing_follows() -> None:
    pace = Pace(messages=100, linger_s=0.05, quiet_s=0.004, quiet_from=16)
    inbox = Inbox(pace, nothing)
    assert not inbox.is_due(9.0)
    add(inbox, received(b"x"), 10.0)
    assert not inbox.is_due(10.049)
    assert inbox.is_due(10.05)
    add(inbox, received(*[b"x"] * 15), 10.01)
    assert not inbox.is_due(10.013)
    assert inbox.is_due(10.014)
    add(inbox, received(*[b"x"] * 84), 10.013)
    assert inbox.is_due(10.013)
    inbox.take()
    assert not inbox.is_due(11.0)


def test_in_lock_step_one_message_is_enough() -> None:
    inbox = Inbox(LOCKSTEP, nothing)
    add(inbox, received(b"x"), 10.0)
    assert inbox.is_due(10.0 + LOCKSTEP.quiet_s)


def test_there_is_room_until_there_is_not() -> None:
    inbox, found = Inbox(Pace(), nothing), []
    for size in (ROOM_BYTES - 1, 1):
        add(inbox, received(b"x" * size), 0.0)
        found.append(inbox.has_room)
    inbox.take()
    assert [*found, inbox.has_room] == [True, False, True]


def test_receipts_are_limited_in_rate_and_never_forgotten() -> None:
    due = DueReceipts(every_s=1.0)
    due.add([(1, 7), (2, 0)])
    assert due.ready(50.0) == [(1, 7), (2, 0)]
    due.sent((1, 7), 50.0)
    due.add([(1, 7)])
    assert due.ready(50.9) == [(2, 0)]
    due.sent((2, 0), 50.9)
    assert due.ready(51.0) == [(1, 7)]
    due.sent((1, 7), 51.0)
    assert due.ready(99.0) == []


def test_a_device_that_comes_online_is_told_at_once() -> None:
    due = DueReceipts(every_s=1.0)
    due.add([(1, 7)])
    due.sent((1, 7), 50.0)
    due.at_once((1, 7))
    assert due.ready(50.1) == [(1, 7)]


def test_a_backlog_is_handed_on_in_pieces_and_in_order_and_stamped_when_it_is_taken() -> None:
    inbox = Inbox(Pace(), nothing)
    half = b"o" * (SMALLEST_PIECE_BYTES // 2)
    inbox.backlog.add(NOBODY, received(half, half, b"3"))
    inbox.backlog.add(NOBODY, received(b"4"))
    add(inbox, received(b"live"), 0.0)
    live = inbox.take().arrivals
    first, second = inbox.backlog.take(NOW), inbox.backlog.take(NOW)
    assert not inbox.backlog.waits
    arrivals = [*live, *first.arrivals, *second.arrivals]
    assert [a.payload for a in arrivals] == [b"live", half, half, b"3", b"4"]
    assert [a.received_at for a in arrivals] == list(range(NOW, NOW + 5))
    # Each delivery is acknowledged with the piece that it is in.
    taken = [
        [d.payload for _, r in piece.received for d in r.deliveries] for piece in (first, second)
    ]
    assert taken == [[half, half], [b"3", b"4"]]


def test_a_piece_is_as_large_as_can_be_stored_in_a_tenth_of_a_second() -> None:
    def piece(*spent_s: float) -> int:
        backlog = Inbox(Pace(), nothing).backlog
        for s in spent_s:
            backlog.took(s)
        backlog.add(NOBODY, received(*[b"x" * 1024] * 1000))
        return backlog.take(NOW).size_bytes

    assert piece() == SMALLEST_PIECE_BYTES
    assert piece(0.001) == 2 * SMALLEST_PIECE_BYTES
    assert piece(*[0.001] * 50) == LARGEST_PIECE_BYTES
    assert piece(*[0.001] * 50, 0.4) == LARGEST_PIECE_BYTES // 4
    assert piece(60.0) == SMALLEST_PIECE_BYTES


def test_a_full_backlog_leaves_the_live_lane_its_room() -> None:
    inbox = Inbox(Pace(), nothing)
    inbox.backlog.add(NOBODY, received(*[b"x"] * ROOM_MESSAGES))
    assert (inbox.has_room, inbox.backlog.has_room) == (True, False)
    inbox.backlog.take(NOW)
    assert inbox.backlog.has_room


def test_what_a_session_left_behind_goes_with_it() -> None:
    backlog = Inbox(Pace(), nothing).backlog
    stays, leaves = cast(Session, object()), cast(Session, object())
    backlog.add(stays, received(b"1"))
    backlog.add(leaves, received(b"2"))
    backlog.keep({stays})
    assert [arrival.payload for arrival in backlog.take(NOW).arrivals] == [b"1"]
    assert not backlog.waits
