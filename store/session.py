"""Opening a session with the server, and what its errors mean here.

psycopg's errors never leave this package: what a later try may mend becomes `StoreUnavailable`,
what an operator must mend becomes `SettingsError`; anything else is a mistake in the program.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from records.errors import SettingsError, StoreUnavailable

# Every error that it logs while it cleans up is also raised, and said by who catches it.
logging.getLogger("psycopg").setLevel(logging.ERROR)

Connection = psycopg.Connection[tuple[Any, ...]]

_WHAT_TO_DO: dict[str, str] = {
    "53100": "the database's disk is full: free space there",
    "53300": "the database has no free connection: raise max_connections or end idle programs",
    "53200": "the database is out of memory: give it more or end other programs",
    "57P01": "the database server is being stopped: start it again",
    "57P02": "the database server crashed and is being restarted: wait",
    "57P03": "the database server is starting or stopping: wait",
    "25006": "the database is read-only: it may be a standby, connect to the primary",
}
_READ_ONLY = psycopg.errors.ReadOnlySqlTransaction


def explain(error: psycopg.Error) -> str:
    """What went wrong and what to do, in one line; server text only, so no secret is in it."""
    said = (error.diag.message_primary or str(error)).strip().splitlines()
    first = said[0] if said else type(error).__name__
    advice = _WHAT_TO_DO.get(error.sqlstate or "")
    return f"{advice} ({first})" if advice else f"the database can't be used now: {first}"


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's passing errors into StoreUnavailable."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, _READ_ONLY) as error:
        raise StoreUnavailable(explain(error)) from error


@contextmanager
def session(dsn: str, *, name: str) -> Iterator[Connection]:
    """A bare connection for a few statements. Raises StoreUnavailable or SettingsError."""
    connection = open_session(dsn, name)
    try:
        with translated():
            yield connection
    finally:
        connection.close()


def open_session(dsn: str, name: str) -> Connection:
    """A connection that commits each statement by itself. Errors as for `session`."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq quotes pieces of the text, and one of them may be the password.
        raise SettingsError(
            "the database address can't be read: give it as postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    # A server that vanished without a word is noticed within about 15 s.
    waiting = {"connect_timeout": 10, "keepalives_idle": 5, "tcp_user_timeout": 15_000}
    wanted: dict[str, Any] = {**waiting, **parts, "application_name": name}
    with translated():
        connection = psycopg.connect(**wanted, autocommit=True)
        connection.execute("SET TIME ZONE 'UTC'")
    return connection
