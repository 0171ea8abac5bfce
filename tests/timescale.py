"""The TimescaleDB of a test session: one server, emptied again for each test.

Its one session serves all connections by turns, so it proves SQL and nothing of locking or speed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from store.migrations import migrate
from tests import needs

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


@contextmanager
def served(folder: str = "") -> Iterator[str]:
    """Address of the one database of a server, as yet empty; in memory where no folder is named."""
    command = [
        needs.program("node"),
        str(needs.pglite() / "server.js"),
        *([folder] if folder else []),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            yield f"postgresql://postgres@127.0.0.1:{port}/template1"
        finally:
            server.stdin.close()


@contextmanager
def running(folder: str = "") -> Iterator[str]:
    """As `served`, its database migrated."""
    with served(folder) as dsn:
        migrate(dsn)
        _keep(dsn)
        yield dsn


@contextmanager
def emptied(dsn: str) -> Iterator[str]:
    """The address, with what a migrated database holds and no more."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DISCARD ALL")
        connection.execute("SET search_path TO public")  # its default here is pg_catalog
        tables = [row[0] for row in connection.execute(_TABLES)]
        kept = {row[0] for row in connection.execute(_TABLES.replace("public", "kept"))}
        names = sql.SQL(", ").join(sql.Identifier("public", table) for table in tables)
        with connection.transaction():
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
            for table in tables:
                if table in kept:
                    _copy(connection, table)
    yield dsn


def _keep(dsn: str) -> None:
    """Remember the rows that migrations bring."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA kept")
        for (table,) in connection.execute(_TABLES).fetchall():
            kept, original = sql.Identifier("kept", table), sql.Identifier("public", table)
            found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(original))
            if found.fetchone() != (0,):
                statement = sql.SQL("CREATE TABLE {} AS TABLE {}").format(kept, original)
                connection.execute(statement)


def _copy(connection: psycopg.Connection[tuple[object, ...]], table: str) -> None:
    statement = sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE TABLE {}")
    names = sql.Identifier("public", table), sql.Identifier("kept", table)
    connection.execute(statement.format(*names))
