"""A new store begins with the simulated sea of the hours before, taken by the pure intake."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ingest.arrivals import Arrival
from ingest.intake import Intake
from records.network import Record
from store import readings, registry
from store.connection import Database

_MESSAGES = 2_000


class Sent(Record, frozen=True):
    """A line of `python -m devices history`."""

    topic: str
    received_at: int
    payload: str


def take(db: Database, lines: Iterable[bytes]) -> None:
    """Store what these messages say, as if they had arrived at their time."""
    arrivals = [
        Arrival(sent.topic, sent.payload.encode(), sent.received_at)
        for sent in (msgspec.json.decode(line, type=Sent) for line in lines)
    ]
    intake = Intake(registry.load(db))
    for first in range(0, len(arrivals), _MESSAGES):
        readings.commit(db, intake.take(arrivals[first : first + _MESSAGES]))
