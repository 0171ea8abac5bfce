"""TimescaleDB: daily chunks, made on demand and ahead, in the columnstore when they are old.

Rows of a compressed chunk are found and changed by the same statements as any: what a late reading
or a revision touches is unpacked by the server, and packed again by the next `compact_before`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import psycopg

from records.times import DAY, to_datetime
from store.partitions import Span, width_days
from store.session import Connection

if TYPE_CHECKING:
    from store.connection import Database

# Any fixed number: writers that need a wide chunk take turns.
_TURN = 0x6368756E
_AHEAD_DAYS = 2
_SPANS = (
    "SELECT floor(extract(epoch FROM range_start) / 86400)::int,"
    " ceil(extract(epoch FROM range_end) / 86400)::int"
    " FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'"
    " AND hypertable_schema = current_schema()"
)
# Bit 1: in the columnstore; 2 and 8: with rows that came since; 4: frozen, and left alone.
_OLDEST_LOOSE = """
SELECT format('%%I.%%I', c.schema_name, c.table_name)::regclass::text
FROM show_chunks('reading', older_than => %s::timestamptz) s (chunk)
JOIN _timescaledb_catalog.chunk c
  ON format('%%I.%%I', c.schema_name, c.table_name)::regclass = s.chunk
JOIN timescaledb_information.chunks i
  ON i.chunk_schema = c.schema_name AND i.chunk_name = c.table_name
WHERE c.status & 11 <> 1 AND c.status & 4 = 0
ORDER BY i.range_start LIMIT 1
"""


class Hypertable:
    """A chunk a day; for days long before their arrival wide ones, so that odd clocks make few."""

    layout = (
        "; SELECT create_hypertable('reading', 'measured_at',"
        " chunk_time_interval => interval '1 day', create_default_indexes => false)"
    )

    def __init__(self, connection: Connection) -> None:
        # By default a statement that unpacks over 100,000 rows fails, and so would every later try
        # of the same commit: late readings of many series reach into as many packed runs.
        connection.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0")

    def make_ready(self, db: Database, days: Sequence[int], today: int) -> None:
        # A chunk of the usual width is made by the server when its first row comes.
        _make(db, [day for day in days if width_days(day, today) > 1], today)

    def forget(self) -> None:
        """Nothing is remembered: rare are the rows that need it, and retention drops chunks."""

    def make_ahead(self, db: Database, today: int) -> None:
        with db.transaction():
            _make(db, range(today, today + 1 + _AHEAD_DAYS), today)

    def drop_before(self, db: Database, day: int) -> list[str]:
        rows = db.run(
            "SELECT drop_chunks_before(%s)",
            (to_datetime(day * DAY),),
        )
        return [row[0] for row in rows]

    def compact_before(self, db: Database, day: int) -> list[str]:
        """One chunk; TimescaleDB's Apache edition, which has no columnstore, compacts none."""
        try:
            _choose_columnstore(db)
        except psycopg.errors.FeatureNotSupported:
            return []
        loose = db.run(_OLDEST_LOOSE, (to_datetime(day * DAY),))
        for (chunk,) in loose:
            db.run("SELECT compress_part(%s)", (chunk,))
        return [chunk for (chunk,) in loose]

    def spans(self, db: Database) -> list[Span]:
        return sorted(_spans(db), key=lambda span: span.first)

    def make_spans(self, db: Database, spans: Sequence[Span]) -> None:
        for span in spans:
            days = range(span.first, span.end)
            while missing := _missing(db, days):
                _make_chunk(db, missing[0], len(days))

    def size_bytes(self, db: Database) -> int:
        return int(db.run("SELECT hypertable_size('reading')")[0][0])


def _make(db: Database, days: Sequence[int], today: int) -> None:
    if not days or not _missing(db, days):
        return
    db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    while missing := _missing(db, days):
        _make_chunk(db, missing[0], width_days(missing[0], today))


def _spans(db: Database) -> list[Span]:
    return [Span(*row) for row in db.run(_SPANS)]


def _missing(db: Database, days: Sequence[int]) -> list[int]:
    spans = _spans(db)
    return [day for day in days if not any(day in span for span in spans)]


def _make_chunk(db: Database, day: int, width: int) -> None:
    db.run("SELECT make_chunk(%s, %s)", (to_datetime(day * DAY), width))


def _choose_columnstore(db: Database) -> None:
    if not db.run(
        "SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading'"
        " AND hypertable_schema = current_schema() AND compression_enabled"
    ):
        db.run("SELECT choose_columnstore()")
