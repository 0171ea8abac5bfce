"""When what has come is a batch, and what a device that waits is told when."""

from __future__ import annotations

from typing import cast

from ingest.client import Delivery
from ingest.inbox import LOCKSTEP, ROOM_BYTES, Inbox, Pace
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
