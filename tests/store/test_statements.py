"""Warnings, incidents, actions and the outbox: what goes in comes out, in its order."""

from __future__ import annotations

import msgspec
import pytest

from records.levels import Hazard, Level, Status
from records.statements import Action, AlertChange, HazardWarning, Phrase
from store import figures, incidents, outbox, warnings
from store.connection import Database, connect
from store.incidents import Incident
from tests.databases import with_sessions

T0 = 1_700_000_000_000_000

WARNING = HazardWarning(
    source="stage-limit/bridge.stage",
    detector="stage-limit",
    version="1",
    hazard=Hazard.RIVER_FLOOD,
    area="valley",
    level=Level.ORANGE,
    stations=("bridge", "lake"),
    simulated=True,
    decided_at=T0 + 1,
    onset_at=T0 + 3_600_000_000,
    score=2.0,
    p_value=1e-300,
    reason=Phrase(text="{stage} m at {where}", values={"stage": 2.0, "where": "پل", "n": 3}),
    evidence={"limits": [1.5, None], "large": 1e300, "whole": 1.0, "\0": {"deep": True}},
)
RAISED = AlertChange(
    alert="river-flood.valley.1",
    at=T0,
    change="raised",
    hazard=Hazard.RIVER_FLOOD,
    area="valley",
    level=Level.ORANGE,
    stations=("bridge",),
    reason=WARNING.reason,
    detector="stage-limit",
    status=Status.EXERCISE,
    onset_at=T0 + 5,
)


def later(first: AlertChange, seconds: float, **fields: object) -> AlertChange:
    return msgspec.structs.replace(first, at=first.at + round(seconds * 1e6), **fields)


def test_warnings_come_back_as_they_were_said(dsn: str, db: Database) -> None:
    plain = msgspec.structs.replace(WARNING, onset_at=None, score=None, p_value=None, stations=())
    with connect(dsn, stage="listener") as listener:
        listener.listen("warning")
        warnings.append(db, [WARNING, plain])
        assert listener.wait(5.0)
    found = warnings.after(db, 0)
    assert [said for _, said in found] == [WARNING, plain]
    assert msgspec.json.encode(found[0][1]) == msgspec.json.encode(WARNING)
    assert warnings.after(db, found[0][0]) == found[1:]
    assert warnings.after(db, 0, limit=1) == found[:1]


@with_sessions
def test_numbers_appear_in_the_order_of_commits(dsn: str, db: Database) -> None:
    """A follower that has read number n never misses a smaller one that was slower to commit."""
    with connect(dsn, stage="slow") as slow, slow.transaction():
        incidents.act(slow, Action(alert="a", kind="acknowledge", person="A", at=T0))
        db.run("SET lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            incidents.act(db, Action(alert="a", kind="acknowledge", person="B", at=T0))
    incidents.act(db, Action(alert="a", kind="note", person="B", at=T0 + 1, note="seen\0"))
    numbers = [number for number, _ in incidents.actions_after(db, 0)]
    assert numbers == sorted(numbers)
    assert [action for _, action in incidents.actions_after(db, 0)] == [
        Action(alert="a", kind="acknowledge", person="A", at=T0),
        Action(alert="a", kind="note", person="B", at=T0 + 1, note="seen\ufffd"),
    ]


def test_an_incident_stands_where_its_last_change_left_it(db: Database) -> None:
    acknowledged = later(RAISED, 5, change="acknowledged", person="Duty officer", note="calling")
    other = msgspec.structs.replace(RAISED, alert="other", at=T0 + 1)
    incidents.append(db, [RAISED, other, acknowledged])
    assert incidents.current(db) == [
        Incident(T0, acknowledged, 3, "Duty officer", T0 + 5_000_000),
        Incident(T0 + 1, other, 2, None, None),
    ]
    assert incidents.history(db, RAISED.alert) == [RAISED, acknowledged]
    assert incidents.all_changes(db) == [RAISED, other, acknowledged]
    assert incidents.history(db, "nobody") == []


@pytest.mark.promise("R5")
def test_a_blind_incident_stays_and_a_green_one_is_over(db: Database) -> None:
    blind = later(RAISED, 60, change="blind", blind=True)
    incidents.append(db, [RAISED])
    incidents.append(db, [blind])
    assert [row.last for row in incidents.current(db)] == [blind]
    assert figures.figures(db, T0).alerts_open == 1
    incidents.append(db, [later(RAISED, 90, change="cleared", level=Level.GREEN)])
    assert incidents.current(db) == []
    assert len(incidents.history(db, RAISED.alert)) == 3


def test_a_higher_level_asks_for_acknowledgement_again(db: Database) -> None:
    taken = later(RAISED, 5, change="acknowledged", person="A")
    lower = later(RAISED, 6, change="lowered", level=Level.YELLOW)
    incidents.append(db, [RAISED, taken, lower])
    assert incidents.current(db)[0].acknowledged_by == "A"
    incidents.append(db, [later(RAISED, 7, change="raised", level=Level.RED)])
    assert incidents.current(db)[0].acknowledged_by is None
    assert incidents.current(db)[0].acknowledged_at is None


@pytest.mark.promise("R7")
def test_a_message_is_pending_until_it_is_delivered(db: Database) -> None:
    first = outbox.put(db, "mqtt", "a/b", b"\0x", True, "alert-1")
    second = outbox.put(db, "log", "", b"", False, "alert-2")
    assert outbox.pending(db, T0) == [
        outbox.Message(first, "mqtt", "a/b", b"\0x", True, "alert-1", 0),
        outbox.Message(second, "log", "", b"", False, "alert-2", 0),
    ]
    outbox.failed(db, first, "refused\0", T0 + 10)
    assert [message.number for message in outbox.pending(db, T0 + 9)] == [second]
    assert [message.attempts for message in outbox.pending(db, T0 + 10)] == [1, 0]
    outbox.delivered(db, first, "packet 7", T0 + 11)
    assert [message.number for message in outbox.pending(db, T0 + 99)] == [second]
    assert outbox.deliveries(db, "alert-1") == [
        outbox.Delivery(first, "mqtt", "a/b", 1, None, None, "refused\ufffd"),
        outbox.Delivery(first, "mqtt", "a/b", 2, T0 + 11, "packet 7", None),
    ]


@pytest.mark.promise("R7")
def test_an_outbox_message_goes_with_its_transaction(db: Database) -> None:
    def fail() -> None:
        with db.transaction():
            incidents.append(db, [RAISED])
            outbox.put(db, "mqtt", "t", b"", False, RAISED.alert)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert outbox.pending(db, T0) == []
    assert incidents.current(db) == []
