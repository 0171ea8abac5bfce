"""How readings are laid out by time: the one place where kinds of PostgreSQL differ.

Plain PostgreSQL has range partitions, a server with TimescaleDB hypertables. Which one it is shows
in `detect` by what the server can do, not by what it calls itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from store.hypertable import Hypertable
from store.partitions import Span
from store.range_partitions import RangePartitions
from store.session import Connection

if TYPE_CHECKING:
    from store.connection import Database


class Flavour(Protocol):
    """What a migration, a writer and the upkeep need of the layout.

    Days are counted since 1970-01-01 UTC. A *part* is a partition or a chunk: a table of its own
    with the rows of a span of days.
    """

    layout: str
    """What follows the columns of table `reading` when it is created."""

    def make_ready(self, db: Database, days: Sequence[int], today: int) -> None:
        """Inside a transaction: see that rows of these days can be stored.

        `today` is the day of arrival.
        """

    def forget(self) -> None:
        """The transaction in which something was made ready was rolled back."""

    def make_ahead(self, db: Database, today: int) -> None:
        """See that rows of today and the next days can be stored before the first one comes."""

    def drop_before(self, db: Database, day: int) -> list[str]:
        """Drop the parts that hold nothing of `day` or later; their names, oldest first."""

    def compact_before(self, db: Database, day: int) -> list[str]:
        """Make one part small, or a piece of it, that holds nothing of `day` or later.

        Oldest first, and again where late rows came; called again it goes on. Its name, or [] when
        nothing is left. Every statement of this package finds and changes rows there as before.
        """

    def spans(self, db: Database) -> list[Span]:
        """The days that each part covers, oldest first."""

    def make_spans(self, db: Database, spans: Sequence[Span]) -> None:
        """Inside a transaction, while there are no parts: make them for these days."""

    def size_bytes(self, db: Database) -> int:
        """What all readings take on disk, indexes and all."""


_OFFER = (
    "SELECT (SELECT relkind::text FROM pg_class WHERE oid = to_regclass('reading')),"
    " EXISTS (SELECT FROM pg_proc WHERE proname = 'create_hypertable')"
)


def detect(connection: Connection) -> Flavour:
    """The layout that table `reading` has; before it is made, the best one the server can do."""
    made_as, hypertables = connection.execute(_OFFER).fetchone() or (None, False)
    if made_as == "r" or (made_as is None and hypertables):
        return Hypertable(connection)
    return RangePartitions()
