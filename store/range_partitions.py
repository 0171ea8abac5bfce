"""Plain PostgreSQL: daily range partitions, made on demand and ahead, dropped by retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store import packed
from store.partitions import Span, span_for

if TYPE_CHECKING:
    from store.connection import Database

# Any fixed number: writers that need a new partition take turns.
_TURN = 0x70617274
AHEAD_DAYS = 2


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
                db.run("SELECT make_partition(%s, %s)", (span.first, span.end))
                self._spans.append(span)

    def forget(self) -> None:
        self._spans = []

    def make_ahead(self, db: Database, today: int) -> None:
        with db.transaction():
            self.make_ready(db, range(today, today + 1 + AHEAD_DAYS), today)

    def drop_before(self, db: Database, day: int) -> list[str]:
        old = sorted(
            (span for span in stored_spans(db) if span.end <= day), key=lambda span: span.first
        )
        self.forget()
        for span in old:
            db.run("SELECT drop_partition(%s, %s, false)", (span.first, span.end))
        return [span.name for span in old]

    def compact_before(self, db: Database, day: int) -> list[str]:
        """One partition or a piece of it at a time: its rows go to table `packed`.

        Called again, it goes on; [] when nothing is left.
        """
        day = packed.advance(db, day)
        for span in sorted(stored_spans(db), key=lambda span: span.first):
            if span.end > day:
                continue
            if packed.pack_part(db, span):
                db.run("SELECT drop_partition(%s, %s, true)", (span.first, span.end))
                self.forget()
            return [span.name]
        return []

    def spans(self, db: Database) -> list[Span]:
        return sorted(stored_spans(db), key=lambda span: span.first)

    def make_spans(self, db: Database, spans: Sequence[Span]) -> None:
        for span in spans:
            db.run("SELECT make_partition(%s, %s)", (span.first, span.end))

    def size_bytes(self, db: Database) -> int:
        rows = db.run(
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::int8"
            " + pg_total_relation_size('packed') FROM pg_inherits"
            " WHERE inhparent = 'reading'::regclass"
        )
        return int(rows[0][0])

    def _missing(self, days: Sequence[int]) -> list[int]:
        return [day for day in days if not any(day in span for span in self._spans)]


def stored_spans(db: Database) -> list[Span]:
    """The spans of the partitions that there are."""
    rows = db.run(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'reading'::regclass"
    )
    return [Span.named(row[0]) for row in rows]
