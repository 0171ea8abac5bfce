"""A backup becomes a database: an empty one, in one transaction, whatever server it came from.

Rows lie where the new server would put them; packed days stay packed, since every statement reads
and opens them on either layout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from records.errors import InputError, SettingsError
from store import archive, migrations, tables
from store.archive import Manifest, Reader, Table
from store.connection import Database
from store.partitions import Span
from store.session import Connection, session

# Whatever else is stored needs a row in one of them.
_GROUNDS = ("lab", "worker", "alert_change", "action", "warning")
_OTHERS = (
    "SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name LIKE 'hoshyar-%'"
)


def restore(dsn: str, path: Path, say: Callable[[str], None]) -> Manifest:
    """Load a backup into a database without content and migrate it to this program's schema.

    All is loaded or nothing is. Raises InputError for a file that is damaged or of a newer program,
    SettingsError for a target that holds something or is in use, StoreUnavailable.
    """
    with archive.verified(path) as reader:
        _must_be_ours(path, reader.manifest)
        with session(dsn, name="hoshyar-restore") as connection, tables.owned():
            _must_be_unused(connection)
            _must_be_empty(connection, reader.manifest)
            migrations.migrate(dsn, through=reader.manifest.version)
            with connection.transaction():
                _load(connection, reader, say)
            connection.execute("ANALYZE")
        migrations.migrate(dsn)
    return reader.manifest


def _must_be_ours(path: Path, manifest: Manifest) -> None:
    ours = {migration.number: migration for migration in migrations.known()}
    for one in manifest.migrations:
        if one.number > migrations.SCHEMA_VERSION:
            raise InputError(
                f"{path} has schema {manifest.version}, this program knows only"
                f" {migrations.SCHEMA_VERSION}: use a newer program"
            )
        if one.number not in ours or ours[one.number].sha256 != one.sha256:
            raise InputError(
                f"{path} was taken with another migration {one.number} ({one.name}): use the"
                " program that took it"
            )


def _must_be_unused(connection: Connection) -> None:
    row = connection.execute(_OTHERS).fetchone()
    if row and row[0]:
        raise SettingsError(f"the database is in use by {row[0]}: stop the stages first")


def _must_be_empty(connection: Connection, manifest: Manifest) -> None:
    there = tables.ordered(connection)
    for name in _GROUNDS:
        found = (
            name in there
            and connection.execute(
                sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name))
            ).fetchone()
        )
        if found:
            raise SettingsError(
                f"the database is not empty (table {name} has rows): restore into a new database"
            )
    done = migrations.applied(connection)
    if done and done[-1].number > manifest.version:
        raise SettingsError(
            f"the database has schema {done[-1].number} and the backup {manifest.version}:"
            " restore into a new database, not yet migrated"
        )


def _load(connection: Connection, reader: Reader, say: Callable[[str], None]) -> None:
    wanted = tables.ordered(connection)
    manifest = reader.manifest
    described = {name: tables.columns(connection, name) for name in wanted}
    if described != {name: table.columns for name, table in manifest.tables.items()}:
        raise InputError("the backup's tables are not those of its schema: use another backup")
    lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables.names(wanted))
    connection.execute(lock)
    _must_be_empty(connection, manifest)
    # Migrations bring rows of their own; the backup has them too.
    connection.execute(sql.SQL("TRUNCATE {}").format(tables.names(wanted)))
    db = Database(connection)
    db.flavour.make_spans(db, [Span(*span) for span in manifest.spans])
    for name in wanted:
        _fill(connection, reader, name, manifest.tables[name])
        say(f"{name}: {manifest.tables[name].rows:,} rows")


def _fill(connection: Connection, reader: Reader, name: str, table: Table) -> None:
    columns = tables.names([column for column, _ in table.columns])
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(name), columns
    )
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in reader.pieces(name):
                copy.write(piece)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise InputError(f"table {name} of the backup is not valid: use another backup") from error
    count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
    if connection.execute(count).fetchone() != (table.rows,):
        raise InputError(f"table {name} of the backup has other rows than it says")
    for column, sequence in tables.identity(connection, name).items():
        if column in table.identity:
            connection.execute(
                "SELECT setval(%s::regclass, %s)", (sequence, table.identity[column])
            )
