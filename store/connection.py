"""One stage's connection to the database.

A broken connection stays broken: its stage closes it and calls `connect` again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from records.errors import SettingsError
from store import migrations, snapshot
from store.flavours import Flavour, detect
from store.newest import Newest
from store.session import open_session, translated

_GIVE_WAY_MS = 200


class Database:
    """A connection that one thread uses. Made by `connect`; close it when done.

    `run`, `run_many`, `run_raw`, `copy_in` and `copy_rows` are for this package alone.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self.flavour: Flavour = detect(connection)
        self.newest = Newest()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, a savepoint. Raises StoreUnavailable."""
        try:
            with translated(), self._connection.transaction():
                yield
        except BaseException:
            self.flavour.forget()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[list[str]]:
        """As `store.snapshot.held`. Raises StoreUnavailable."""
        with translated(), snapshot.held(self._connection) as tables:
            yield tables

    @property
    def in_transaction(self) -> bool:
        return self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def listen(self, *channels: str) -> None:
        """Be woken by `wait` when something is said on these channels."""
        for channel in channels:
            self.run(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

    def wait(self, timeout_s: float) -> bool:
        """True as soon as something was said since the last call, False after `timeout_s`."""
        with translated():
            said = list(self._connection.notifies(timeout=timeout_s, stop_after=1))
            said += self._connection.notifies(timeout=0)
        return bool(said)

    def give_way(self) -> None:
        """Fail rather than wait for a lock: who waits for a strong one stops all behind it."""
        self.run(f"SET lock_timeout = '{_GIVE_WAY_MS}ms'")

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, statement: str | sql.Composed, values: Sequence[Any] | dict[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement, [] where it gives none."""
        with translated(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []

    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """The same statement for each row of values, in one round trip."""
        with translated(), self._connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def copy_in(self, statement: str, data: bytes) -> None:
        """Send one buffer in PostgreSQL's binary COPY form."""
        with (
            translated(),
            self._connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            copy.write(data)

    def copy_rows(
        self, statement: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Send rows of values of these types by a binary COPY."""
        with (
            translated(),
            self._connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def run_raw(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[list[bytes]]:
        """Rows of values in PostgreSQL's binary form, none of which may be null."""
        with translated(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement, values)
            answer = cursor.pgresult
            if answer is None:
                return []
            fields = range(answer.nfields)
            return [
                [answer.get_value(row, n) or b"" for n in fields] for row in range(answer.ntuples)
            ]


def connect(dsn: str, *, stage: str) -> Database:
    """Connect to a migrated database; `stage` shows in the server's list of sessions.

    Raises StoreUnavailable (try again later) and SettingsError: the address can't be read, the
    schema is not the one this program knows, or the server may lose what it has committed.
    """
    connection = open_session(dsn, f"hoshyar-{stage}")
    try:
        with translated():
            _must_keep_commits(connection)
            migrations.must_match(connection)
            return Database(connection)
    except BaseException:
        connection.close()
        raise


def _must_keep_commits(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    for setting in ("fsync", "synchronous_commit"):
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row is None or row[0] == "off":
            raise SettingsError(
                f"the database runs with {setting} off, so a receipt would promise what a power"
                f" cut can undo: set {setting} = on"
            )
