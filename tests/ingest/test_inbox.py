"""When what has come is a batch, and what a device that waits is told when."""

from __future__ import annotations

from typing import cast

from ingest.arrivals import Arrival
from ingest.client import Delivery
from ingest.inbox import (
    BATCH_S,
    LARGEST_PIECE_BYTES,
    LOCKSTEP,
    SMALLEST_BYTES,
    Inbox,
    Pace,
)
from ingest.receipts import DueReceipts
from ingest.session import Received, Session
from ingest.waiting import MESSAGE_BYTES, ROOM_BYTES, ROOM_MESSAGES, Pending

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
    for size in (ROOM_BYTES - MESSAGE_BYTES - 1, 1):
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
    half = b"o" * (SMALLEST_BYTES // 2 - MESSAGE_BYTES)
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


def portion_after(*spent_s: float) -> int:
    """Messages of the next live batch after full ones that took so long."""
    inbox = Inbox(Pace(), nothing)
    for s in (*spent_s, None):
        add(inbox, received(*[b"x" * (SMALLEST_BYTES - MESSAGE_BYTES)] * 600), 0.0)
        taken = inbox.take()
        while inbox.waits:
            inbox.take()
        if s is not None:
            inbox.took(taken, s, True)
    return len(taken.arrivals)


def test_a_live_batch_is_what_can_be_stored_in_time_and_the_rest_is_due_at_once() -> None:
    inbox = Inbox(Pace(), nothing)
    add(inbox, received(*[b"x" * 1024] * 100), 10.0)
    assert inbox.is_due(10.05)
    taken = inbox.take()
    assert 0 < len(taken.arrivals) < 100
    assert inbox.is_due(10.05)
    rest = list(iter(inbox.take, Pending()))
    assert [a.received_at for x in (taken, *rest) for a in x.arrivals] == [
        NOW + n for n in range(100)
    ]
    assert len(taken.received[0][1].deliveries) == len(taken.arrivals)


def test_a_live_batch_follows_what_the_last_ones_took() -> None:
    assert portion_after() == 1
    assert portion_after(0.001) == 2
    assert portion_after(*[0.001] * 30) > 500
    # A store that is suddenly slower, by whatever: the next one is in time again.
    for slow_s in (2.5, 100.0):
        there = portion_after(*[0.001] * 30)
        assert portion_after(*[0.001] * 30, slow_s) <= 1 + there * BATCH_S / slow_s


def test_a_piece_of_a_backlog_is_smaller_than_a_batch() -> None:
    backlog = Inbox(Pace(), nothing).backlog
    for _ in range(30):
        backlog.add(NOBODY, received(*[b"x" * 1024] * 600))
        piece = backlog.take(NOW)
        backlog.took(piece, 0.001, True)
    assert LARGEST_PIECE_BYTES <= piece.size_bytes < LARGEST_PIECE_BYTES + 2048


def test_a_backlog_that_strays_in_waits_with_the_backlog() -> None:
    inbox = Inbox(Pace(), nothing)
    late = received(b"old", topic=b"hoshyar/v1/north/gauge-1/backlog")
    add(inbox, late, 0.0, stray=True)
    add(inbox, received(b"after it"), 0.0, stray=True)
    add(inbox, received(b"live"), 0.0)
    assert [a.payload for a in inbox.take().arrivals] == [b"live"]
    assert [a.payload for a in inbox.backlog.take(NOW).arrivals] == [b"old", b"after it"]
    add(inbox, received(b"new"), 0.0, stray=True)
    assert [a.payload for a in inbox.take().arrivals] == [b"new"]


def test_a_full_backlog_leaves_the_live_lane_its_room() -> None:
    inbox = Inbox(Pace(), nothing)
    inbox.backlog.add(NOBODY, received(*[b"x"] * ROOM_MESSAGES))
    assert (inbox.has_room, inbox.backlog.has_room) == (True, False)
    inbox.backlog.take(NOW)
    assert inbox.backlog.has_room


def test_what_a_session_left_behind_goes_with_it() -> None:
    inbox = Inbox(Pace(), nothing)
    stays, leaves = cast(Session, object()), cast(Session, object())
    for session in (stays, leaves):
        inbox.add(session, received(b"1"), False, NOW, 0.0)
        inbox.backlog.add(session, received(b"2"))
    inbox.keep({stays})
    for lane in (inbox.take(), inbox.backlog.take(NOW)):
        assert [session for session, _ in lane.received] == [stays]
    assert not inbox.waits
    assert not inbox.backlog.waits
    assert inbox.count == 0
