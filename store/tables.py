"""The tables of the schema as the server describes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from records.errors import SettingsError
from store import migrations
from store.session import Connection

# Those of the migrations alone, each with the tables that its rows point at.
_TABLES = """
SELECT c.relname::text, array(
    SELECT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.oid <> c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname = ANY(%s)
ORDER BY c.relname
"""
_COLUMNS = """
SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_IDENTITY = """
SELECT attname::text, pg_get_serial_sequence(%s, attname) FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attidentity <> '' ORDER BY attnum
"""


def ordered(connection: Connection) -> list[str]:
    """The tables that there are, each after those that its rows point at."""
    found = connection.execute(_TABLES, (list(migrations.tables()),)).fetchall()
    return list(TopologicalSorter({name: set(needed) for name, needed in found}).static_order())


def columns(connection: Connection, table: str) -> tuple[tuple[str, str], ...]:
    """(name, type) of each column, in order."""
    return tuple((row[0], row[1]) for row in connection.execute(_COLUMNS, (table,)))


def identity(connection: Connection, table: str) -> dict[str, str]:
    """The sequence of each column that the server numbers."""
    return dict(connection.execute(_IDENTITY, (table, table)).fetchall())


def names(items: list[str]) -> sql.Composed:
    """Identifiers in a list, quoted."""
    return sql.SQL(", ").join(map(sql.Identifier, items))


@contextmanager
def owned() -> Iterator[None]:
    """What needs the rights of who owns all tables. Raises SettingsError for anybody else."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SettingsError(
            f"this needs the rights of the tables' owner ({error.diag.message_primary}): set"
            " HOSHYAR_DSN to the address that `hoshyar db migrate` is run with"
        ) from error
