"""A backup: every table as one moment saw it, in one file, while everything goes on.

One transaction reads all tables, so ledger, batches, rows, alerts and followers' positions fit
together, whatever is committed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from psycopg import sql

from records.clock import WallClock
from records.errors import InputError
from store import archive, migrations, snapshot, tables
from store.archive import Manifest, Table, Writer
from store.connection import Database
from store.session import Connection, session


def take(dsn: str, target: Path, say: Callable[[str], None]) -> tuple[Path, Manifest]:
    """Write a backup to a new file, or into a folder that is there under a name of its time.

    `say` gets a line a table. Raises InputError for the file, StoreUnavailable and SettingsError
    as `connect` does; then there is no file.
    """
    taken_at = WallClock().now()
    path = target / archive.name_at(taken_at) if target.is_dir() else target
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder: make it first")
    with session(dsn, name="hoshyar-backup") as connection, tables.owned():
        # Nobody migrates meanwhile.
        connection.execute("SELECT pg_advisory_lock_shared(%s)", (migrations.TURN,))
        migrations.must_match(connection)
        with archive.written(path) as writer:
            manifest = _copy(connection, writer, taken_at, say)
            writer.close(manifest)
    return path, manifest


def _copy(
    connection: Connection, writer: Writer, taken_at: int, say: Callable[[str], None]
) -> Manifest:
    db = Database(connection)
    with snapshot.held(connection) as wanted:
        copied = {name: _table(connection, writer, name, say) for name in wanted}
        spans = tuple((span.first, span.end) for span in db.flavour.spans(db))
        done = migrations.applied(connection)
    return Manifest(
        form=1,
        taken_at=taken_at,
        server=str(connection.info.server_version),
        layout=type(db.flavour).__name__,
        migrations=tuple(archive.Applied(m.number, m.name, m.sha256 or "") for m in done),
        spans=spans,
        tables=copied,
    )


def _table(connection: Connection, writer: Writer, name: str, say: Callable[[str], None]) -> Table:
    columns = tables.columns(connection, name)
    sequences = tables.identity(connection, name)
    select = sql.SQL("SELECT {} FROM {}").format(
        tables.names([column for column, _ in columns]), sql.Identifier(name)
    )
    rows, digest = _stream(connection, writer, name, select)
    # Read after the rows: no row has a number above it.
    last = {column: _last(connection, sequence) for column, sequence in sequences.items()}
    say(f"{name}: {rows:,} rows")
    return Table(columns, rows, digest, {column: n for column, n in last.items() if n is not None})


def _stream(
    connection: Connection, writer: Writer, name: str, select: sql.Composed
) -> tuple[int, str]:
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(select)
    with connection.cursor() as cursor:
        digest = writer.add(name, _pieces(cursor, statement))
        return cursor.rowcount, digest


def _pieces(cursor: object, statement: sql.Composed) -> Iterator[bytes | memoryview]:
    with cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        yield from copy


def _last(connection: Connection, sequence: str) -> int | None:
    row = connection.execute("SELECT pg_sequence_last_value(%s::regclass)", (sequence,)).fetchone()
    return row[0] if row else None
