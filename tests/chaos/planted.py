"""`python -m tests.chaos.planted FAULT`: ingest with a fault planted in it.

The harness is worth something only while it catches these. They live here alone: the product has
no switch for them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ingest import __main__ as stage
from ingest import inbox
from ingest.service import Service
from ingest.session import Received, Session
from ingest.waiting import Pending


def acknowledge_first() -> None:
    """Acknowledge before commit."""
    honest = Service._store

    def store(self: Service, pending: Pending, took: Any) -> None:
        for session, received in pending.received:
            session.acknowledge(received)
        honest(self, pending, took)

    _plant(Service, "_store", store)


def receipt_first() -> None:
    """Send receipts from the ledger in memory, which runs ahead of the store."""
    honest = Service._store

    def store(self: Service, pending: Pending, took: Any) -> None:
        honest(self, pending, took)
        if (taken := self._committing.under_way) is not None:
            self._telling.say(taken.receipts)

    _plant(Service, "_store", store)


def small_pieces() -> None:
    """No fault: a backlog is stored in small pieces, so that much of it waits for long."""
    inbox.SMALLEST_BYTES = inbox.LARGEST_PIECE_BYTES = 1024


def acknowledge_later_connection() -> None:
    """Acknowledge what came over an older connection."""
    small_pieces()
    honest = Session.acknowledge

    def acknowledge(self: Session, received: Received) -> None:
        honest(self, received._replace(generation=self._generation))

    _plant(Session, "acknowledge", acknowledge)


def _plant(where: type, name: str, what: Any) -> None:
    setattr(where, name, what)


FAULTS = {
    "acknowledge before commit": acknowledge_first,
    "receipt before commit": receipt_first,
    "stale acknowledgement": acknowledge_later_connection,
    "small pieces": small_pieces,
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    sys.exit(stage.main(os.environ))
