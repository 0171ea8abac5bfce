"""One moment of all tables, however long somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from store import tables
from store.session import Connection


@contextmanager
def held(connection: Connection) -> Iterator[list[str]]:
    """A transaction that sees one moment; the tables, each after those its rows point at.

    Its weak locks are taken before it begins to see: what drops parts of tables, which no snapshot
    protects from, waits until it ends.
    """
    wanted = tables.ordered(connection)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # A lock is no look: the first SELECT after it settles what the transaction sees.
        lock = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(tables.names(wanted))
        connection.execute(lock)
        yield wanted
