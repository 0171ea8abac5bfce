"""What could not become readings: kept with its bytes and its reason."""

from __future__ import annotations

from dataclasses import dataclass

from records.errors import Reason
from records.times import from_datetime
from store.connection import Database
from store.text import moment


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in quarantine; `device` is the registry's number, None where it is unknown."""

    number: int
    device: int | None
    topic: str
    payload: bytes
    reason: Reason
    detail: str
    received_at: int


def entries(db: Database, limit: int = 100) -> list[Entry]:
    """The newest entries, newest first."""
    rows = db.run(
        "SELECT number, device, topic, payload, reason, detail, received_at FROM quarantine"
        " ORDER BY number DESC LIMIT %s",
        (limit,),
    )
    return [
        Entry(number, device, topic, payload, Reason(reason), detail, from_datetime(received_at))
        for number, device, topic, payload, reason, detail, received_at in rows
    ]


def counts(db: Database) -> dict[tuple[int | None, Reason], int]:
    """Entries by (device number or None, reason)."""
    rows = db.run("SELECT device, reason, count(*) FROM quarantine GROUP BY device, reason")
    return {(device, Reason(reason)): count for device, reason, count in rows}


def digests(db: Database, since_at: int) -> dict[bytes, int]:
    """Arrival (microseconds) of what came since then, by SHA-256 of topic, a NUL and payload."""
    rows = db.run(
        "SELECT digest, max(received_at) FROM quarantine WHERE received_at >= %s GROUP BY digest",
        (moment(since_at),),
    )
    return {digest: from_datetime(received_at) for digest, received_at in rows}
