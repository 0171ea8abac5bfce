"""How readings are laid out by time: the one place where kinds of PostgreSQL differ.

Plain PostgreSQL has range partitions. A server with hypertables gets its own `Flavour`, chosen in
`detect` by what the server can do, not by what it calls itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from store.partitions import Span, span_for
from store.session import Connection

if TYPE_CHECKING:
    from store.connection import Database

# Any fixed number: writers that need a new partition take turns.
_TURN = 0x70617274


class Flavour(Protocol):
    """What a migration and a writer need of the layout."""

    layout: str
    """What follows the columns of table `reading` when it is created."""

    def make_ready(self, db: Database, days: Sequence[int], today: int) -> None:
        """Inside a transaction: see that rows of these days (since 1970) can be stored.

        `today` is the day of arrival.
        """

    def forget(self) -> None:
        """The transaction in which something was made ready was rolled back."""


class RangePartitions:
    """Daily range partitions, made on demand, never a DEFAULT one (it blocks its successors)."""

    layout = "PARTITION BY RANGE (measured_at)"

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def make_ready(self, db: Database, days: Sequence[int], today: int) -> None:
        if not self._missing(days):
            return
        db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
        self._spans = stored_spans(db)
        for day in self._missing(days):
            if not any(day in span for span in self._spans):
                span = span_for(day, today, self._spans)
                _attach(db, span)
                self._spans.append(span)

    def forget(self) -> None:
        self._spans = []

    def _missing(self, days: Sequence[int]) -> list[int]:
        return [day for day in days if not any(day in span for span in self._spans)]


def stored_spans(db: Database) -> list[Span]:
    """The spans of the partitions that there are."""
    rows = db.run(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'reading'::regclass"
    )
    return [Span.named(row[0]) for row in rows]


def _attach(db: Database, span: Span) -> None:
    # Made apart and attached: that leaves readers and writers of the other partitions alone,
    # where CREATE TABLE ... PARTITION OF would lock them all out.
    db.run(f"CREATE TABLE {span.name} (LIKE reading INCLUDING ALL)")
    db.run(
        f"ALTER TABLE reading ATTACH PARTITION {span.name}"
        f" FOR VALUES FROM ('{span.first_text}') TO ('{span.end_text}')"
    )


def detect(_: Connection) -> Flavour:
    """The layout for what the server at the other end can do."""
    return RangePartitions()
