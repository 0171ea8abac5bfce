"""What could not become readings: kept with its bytes and its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from records.errors import Reason
from records.times import from_datetime, to_datetime
from store.connection import Database
from store.text import moment, storable

_MOST_AT_ONCE = 5_000
_KEPT = {
    "received_at": "timestamptz",
    "digest": "bytea",
    "device": "int4",
    "topic": "text",
    "payload": "bytea",
    "reason": "text",
    "detail": "text",
    "worker": "int2",
    "batch": "int8",
}
_COPY = f"COPY quarantine ({', '.join(_KEPT)}) FROM STDIN (FORMAT BINARY)"


# Arrival (µs) and `digest`.
Key = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that can't become readings; `device` is the registry's number where known."""

    device: int | None
    topic: str
    payload: bytes
    reason: Reason
    detail: str
    received_at: int


@dataclass(frozen=True, slots=True)
class Entry(Quarantined):
    """One message as it lies in quarantine, under its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries: all conditions hold; "" and () ask for nothing.

    device   the device that sent it, or whose id stands in the topic
    numbers  one of these
    """

    reason: str = ""
    device: str = ""
    numbers: tuple[int, ...] = ()


ALL = Choice()
_COLUMNS = "number, device, topic, payload, reason, detail, received_at"
_CHOSEN = (
    "(%(reason)s = '' OR reason = %(reason)s)"
    " AND (%(device)s = '' OR split_part(topic, '/', 4) = %(device)s"
    "  OR device = (SELECT number FROM device WHERE id = %(device)s))"
    " AND (cardinality(%(numbers)s::int8[]) = 0 OR number = ANY(%(numbers)s))"
)


def keep(
    db: Database, quarantined: Sequence[Quarantined], worker: int, batch: int, *, direct: bool
) -> None:
    """Add what a commit refuses, in its order, within its transaction.

    The same bytes with the same arrival are kept once: `direct` takes it that none of them is
    there yet, and raises UniqueViolation where one is.
    """
    rows: dict[Key, Quarantined] = {}
    for bad in quarantined:
        rows.setdefault((bad.received_at, digest(bad.topic, bad.payload)), bad)
    if not direct:
        for stored in _stored(db, list(rows)):
            del rows[stored]
    if rows:
        db.copy_rows(
            _COPY,
            tuple(_KEPT.values()),
            [
                (
                    to_datetime(received_at),
                    message,
                    bad.device,
                    storable(bad.topic),
                    bad.payload,
                    bad.reason.value,
                    storable(bad.detail),
                    worker,
                    batch,
                )
                for (received_at, message), bad in rows.items()
            ],
        )


def digest(topic: str, payload: bytes) -> bytes:
    """SHA-256 of topic, a NUL and payload: what makes two messages the same."""
    return hashlib.sha256(topic.encode(errors="replace") + b"\0" + payload).digest()


def _stored(db: Database, keys: Sequence[Key]) -> list[Key]:
    found = db.run(
        "SELECT received_at, digest FROM quarantine JOIN unnest(%s::timestamptz[], %s::bytea[])"
        " asked (received_at, digest) USING (received_at, digest)",
        ([to_datetime(at) for at, _ in keys], [message for _, message in keys]),
    )
    return [(from_datetime(at), message) for at, message in found]


def entries(db: Database, limit: int = 100, choice: Choice = ALL) -> list[Entry]:
    """The newest entries, newest first."""
    return _entries(db, f"{_CHOSEN} ORDER BY number DESC LIMIT %(limit)s", choice, limit=limit)


def entries_after(db: Database, number: int, limit: int, choice: Choice = ALL) -> list[Entry]:
    """The next entries above a number, in order."""
    rest = "number > %(number)s ORDER BY number LIMIT %(limit)s"
    return _entries(db, f"{_CHOSEN} AND {rest}", choice, number=number, limit=limit)


def _entries(db: Database, rest: str, choice: Choice, **values: int) -> list[Entry]:
    chosen = {"reason": choice.reason, "device": choice.device, "numbers": list(choice.numbers)}
    rows = db.run(f"SELECT {_COLUMNS} FROM quarantine WHERE {rest}", chosen | values)
    return [
        Entry(device, topic, payload, Reason(reason), detail, from_datetime(received_at), number)
        for number, device, topic, payload, reason, detail, received_at in rows
    ]


def expire(db: Database, before_at: int) -> bool:
    """Drop entries that arrived before then, the oldest first; True when some are left."""
    with db.transaction():
        rows = db.run(
            "DELETE FROM quarantine WHERE number IN (SELECT number FROM quarantine"
            " WHERE received_at < %s ORDER BY received_at LIMIT %s) RETURNING 1",
            (moment(before_at), _MOST_AT_ONCE),
        )
    return len(rows) == _MOST_AT_ONCE


def counts(db: Database) -> dict[tuple[int | None, Reason], int]:
    """Entries by (device number or None, reason)."""
    rows = db.run("SELECT device, reason, count(*) FROM quarantine GROUP BY device, reason")
    return {(device, Reason(reason)): count for device, reason, count in rows}


def digests(db: Database, since_at: int) -> dict[bytes, int]:
    """Arrival (microseconds) of what came since then, by `digest`."""
    rows = db.run(
        "SELECT digest, max(received_at) FROM quarantine WHERE received_at >= %s GROUP BY digest",
        (moment(since_at),),
    )
    return {message: from_datetime(received_at) for message, received_at in rows}
