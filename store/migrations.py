"""Numbered SQL files in `store/schema/`, each applied once, in order, each in a transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from records.clock import WallClock
from records.errors import SettingsError
from records.times import to_datetime
from store.flavours import detect
from store.session import Connection, session

_NAME = re.compile(r"(\d{4})-([a-z0-9-]+)\.sql")
# Any fixed number: two programs that migrate at once take turns.
_TURN = 0x686F7368
# Stands in the files where servers differ.
_LAYOUT = "/* layout of readings */"
_LEDGER = (
    "CREATE TABLE IF NOT EXISTS schema_migration"
    " (number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    statements: str


@cache
def known() -> tuple[Migration, ...]:
    """The migrations that come with this program, by number."""
    found = []
    for file in files("store").joinpath("schema").iterdir():
        if match := _NAME.fullmatch(file.name):
            statements = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], statements))
    return tuple(sorted(found, key=lambda migration: migration.number))


SCHEMA_VERSION = known()[-1].number


def migrate(dsn: str) -> list[int]:
    """Bring the database to this program's schema; returns the numbers that were applied.

    Raises StoreUnavailable, and SettingsError where the database is newer than the program.
    """
    with session(dsn, name="hoshyar-migrate") as connection:
        _check_server(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (_TURN,))
        done = _applied(connection)
        _refuse_newer(done)
        todo = [migration for migration in known() if migration.number not in done]
        for migration in todo:
            _apply(connection, migration)
    return [migration.number for migration in todo]


def must_match(connection: Connection) -> None:
    """Raise SettingsError unless the database has exactly this program's schema."""
    done = _applied(connection)
    _refuse_newer(done)
    if done != {migration.number for migration in known()}:
        raise SettingsError(
            f"the database has schema {max(done, default=0)}, this program needs"
            f" {SCHEMA_VERSION}: run `hoshyar db migrate`"
        )


def _apply(connection: Connection, migration: Migration) -> None:
    with connection.transaction():
        connection.execute(_LEDGER)
        layout = detect(connection).layout
        connection.execute(migration.statements.replace(_LAYOUT, layout).encode())
        connection.execute(
            "INSERT INTO schema_migration VALUES (%s, %s, %s)",
            (migration.number, migration.name, to_datetime(WallClock().now())),
        )


def _applied(connection: Connection) -> set[int]:
    there = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return set()
    return {row[0] for row in connection.execute("SELECT number FROM schema_migration")}


def _refuse_newer(done: set[int]) -> None:
    if done and max(done) > SCHEMA_VERSION:
        raise SettingsError(
            f"the database has schema {max(done)}, this program knows only {SCHEMA_VERSION}:"
            " use the program that made it, or a newer one"
        )


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < 150000:
        raise SettingsError("the database server is older than PostgreSQL 15: use a newer one")
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise SettingsError("the database's encoding is not UTF8: create one with ENCODING 'UTF8'")
