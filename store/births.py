"""Birth certificates of Sparkplug nodes and of the devices behind them, the last of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from records.times import from_datetime, to_datetime
from store.connection import Database
from store.text import storable

# More would be no devices of anybody's: who is not among the newest is asked to be born again.
MOST = 5_000
LARGEST_BYTES = 65_536


class Birth(NamedTuple):
    """One birth as it was said; `received_at` in microseconds since 1970."""

    topic: str
    received_at: int
    payload: bytes


def save(db: Database, births: Sequence[Birth]) -> None:
    """Keep the newest of each topic, `MOST` at most, inside a transaction."""
    if births:
        db.run_many(
            "INSERT INTO birth VALUES (%s, %s, %s) ON CONFLICT (topic) DO UPDATE SET"
            " received_at = excluded.received_at, payload = excluded.payload"
            " WHERE birth.received_at <= excluded.received_at",
            [
                (storable(one.topic), to_datetime(one.received_at), one.payload)
                # In one order, so that two workers can't wait for each other.
                for one in sorted(births)
            ],
        )
        db.run(
            "DELETE FROM birth WHERE topic IN"
            " (SELECT topic FROM birth ORDER BY received_at DESC OFFSET %s)",
            (MOST,),
        )


def load(db: Database) -> list[Birth]:
    """All of them, in the order in which they came."""
    rows = db.run("SELECT topic, received_at, payload FROM birth ORDER BY received_at, topic")
    return [Birth(topic, from_datetime(at), payload) for topic, at, payload in rows]
