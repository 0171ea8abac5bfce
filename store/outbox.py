"""What is to be delivered: written with the decision, sent after, each attempt noted."""

from __future__ import annotations

from dataclasses import dataclass

from store.connection import Database
from store.text import microseconds, moment, storable


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to deliver on one channel; `attempts` have failed so far."""

    number: int
    channel: str
    topic: str
    payload: bytes
    retain: bool
    alert: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: `delivered_at` and a receipt, or an error."""

    message: int
    channel: str
    topic: str
    attempt: int
    delivered_at: int | None
    receipt: str | None
    error: str | None


def put(db: Database, channel: str, topic: str, payload: bytes, retain: bool, alert: str) -> int:
    """Add a message, in the transaction of the decision; returns its number. Notifies `outbox`."""
    rows = db.run(
        "INSERT INTO outbox (channel, topic, payload, retain, alert) VALUES (%s, %s, %s, %s, %s)"
        " RETURNING number, pg_notify('outbox', '')",
        (channel, topic, payload, retain, alert),
    )
    return int(rows[0][0])


def pending(db: Database, now_at: int, limit: int = 100) -> list[Message]:
    """Messages to try now, in the order they were put."""
    rows = db.run(
        "SELECT number, channel, topic, payload, retain, alert, attempts FROM outbox"
        " WHERE NOT done AND (retry_at IS NULL OR retry_at <= %s) ORDER BY number LIMIT %s",
        (moment(now_at), limit),
    )
    return [Message(*row) for row in rows]


def retained(db: Database, channel: str) -> list[Message]:
    """The last delivered message of each topic of a channel on which messages are retained."""
    rows = db.run(
        "SELECT DISTINCT ON (topic) number, channel, topic, payload, retain, alert, attempts"
        " FROM outbox WHERE channel = %s AND retain AND done ORDER BY topic, number DESC",
        (channel,),
    )
    return [Message(*row) for row in rows]


def delivered(db: Database, number: int, receipt: str, now_at: int) -> None:
    """The channel has taken the message; `receipt` is what it said."""
    db.run(
        "WITH tried AS (UPDATE outbox SET done = true, attempts = attempts + 1 WHERE number = %s"
        " RETURNING number, attempts)"
        " INSERT INTO delivery SELECT number, attempts, %s, %s, NULL FROM tried",
        (number, moment(now_at), storable(receipt)),
    )


def failed(db: Database, number: int, error: str, retry_at: int) -> None:
    """An attempt failed; try again from `retry_at` on."""
    db.run(
        "WITH tried AS (UPDATE outbox SET retry_at = %s, attempts = attempts + 1 WHERE number = %s"
        " RETURNING number, attempts)"
        " INSERT INTO delivery SELECT number, attempts, NULL, NULL, %s FROM tried",
        (moment(retry_at), number, storable(error)),
    )


def deliveries(db: Database, alert: str) -> list[Delivery]:
    """Every attempt for one incident's messages, in order of message and attempt."""
    rows = db.run(
        "SELECT message, channel, topic, attempt, delivered_at, receipt, error"
        " FROM delivery JOIN outbox ON number = message WHERE alert = %s"
        " ORDER BY message, attempt",
        (alert,),
    )
    return [
        Delivery(message, channel, topic, attempt, microseconds(at), receipt, error)
        for message, channel, topic, attempt, at, receipt, error in rows
    ]
