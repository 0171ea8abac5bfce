"""Numbered SQL files in `store/schema/`, each applied once, in order, each in a transaction.

What was applied is kept with its SHA-256, so that a program never takes a database for its own
whose tables another text made. Databases from before hashes were kept are known by the names of
their migrations, and get the hashes when they are migrated.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from records.clock import WallClock
from records.errors import SchemaMismatch, SettingsError
from records.times import to_datetime
from store.flavours import detect
from store.session import Connection, session

_NAME = re.compile(r"(\d{4})-([a-z0-9-]+)\.sql")
TURN = 0x686F7368
"""Any fixed number: two programs that migrate at once take turns, and nobody does in a backup."""
_TABLE = re.compile(r"CREATE TABLE (\w+)")
# Stands in the files where servers differ.
_LAYOUT = "/* layout of readings */"
_LEDGER = (
    "CREATE TABLE IF NOT EXISTS schema_migration (number int PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL, sha256 text)"
)
# Through JSON, since databases from before hashes were kept have no such column.
_APPLIED = "SELECT number, name, to_jsonb(m) ->> 'sha256' FROM schema_migration m ORDER BY number"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    statements: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that a database has; `sha256` is None from before hashes were kept."""

    number: int
    name: str
    sha256: str | None


@cache
def known() -> tuple[Migration, ...]:
    """The migrations that come with this program, by number."""
    found = []
    for file in files("store").joinpath("schema").iterdir():
        if match := _NAME.fullmatch(file.name):
            statements = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], statements))
    return tuple(sorted(found, key=lambda migration: migration.number))


def tables() -> tuple[str, ...]:
    """Every table that a migration makes."""
    return tuple(name for one in known() for name in _TABLE.findall(one.statements))


SCHEMA_VERSION = known()[-1].number


def migrate(dsn: str, *, through: int | None = None) -> list[int]:
    """Bring the database to this program's schema, or to that of migration `through`.

    Returns the numbers that were applied. Raises StoreUnavailable, and SettingsError where the
    database is newer than the program or was made by another text of a migration.
    """
    with session(dsn, name="hoshyar-migrate") as connection:
        _check_server(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (TURN,))
        done = applied(connection)
        _refuse_other(done)
        _keep_hashes(connection, done)
        there = {one.number for one in done}
        last = SCHEMA_VERSION if through is None else through
        todo = [one for one in known() if one.number not in there and one.number <= last]
        for migration in todo:
            _apply(connection, migration)
    return [migration.number for migration in todo]


def must_match(connection: Connection) -> None:
    """Raise SchemaMismatch unless the database has exactly this program's schema."""
    done = applied(connection)
    _refuse_other(done)
    if [(one.number, one.sha256) for one in done] != [(m.number, m.sha256) for m in known()]:
        reached = max((one.number for one in done), default=0)
        raise SchemaMismatch(
            f"the database has schema {reached}, this program needs {SCHEMA_VERSION}:"
            " run `hoshyar db migrate`"
            if reached < SCHEMA_VERSION
            else "migrations of the database are missing or not yet marked with their hash:"
            " run `hoshyar db migrate`"
        )


def applied(connection: Connection) -> list[Applied]:
    """The migrations that the database has, by number."""
    there = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return []
    return [Applied(*row) for row in connection.execute(_APPLIED)]


def _apply(connection: Connection, migration: Migration) -> None:
    with connection.transaction():
        connection.execute(_LEDGER)
        layout = detect(connection).layout
        connection.execute(migration.statements.replace(_LAYOUT, layout).encode())
        connection.execute(
            "INSERT INTO schema_migration VALUES (%s, %s, %s, %s)",
            (migration.number, migration.name, to_datetime(WallClock().now()), migration.sha256),
        )


def _keep_hashes(connection: Connection, done: list[Applied]) -> None:
    unmarked = [one.number for one in done if one.sha256 is None]
    if not unmarked:
        return
    with connection.transaction():
        connection.execute("ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS sha256 text")
        for migration in known():
            if migration.number in unmarked:
                connection.execute(
                    "UPDATE schema_migration SET sha256 = %s WHERE number = %s",
                    (migration.sha256, migration.number),
                )


def _refuse_other(done: list[Applied]) -> None:
    """Raise SchemaMismatch for migrations that this program does not have, or has otherwise."""
    newest = max((one.number for one in done), default=0)
    if newest > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the database has schema {newest}, this program knows only {SCHEMA_VERSION}:"
            " use the program that made it, or a newer one"
        )
    ours = {migration.number: migration for migration in known()}
    for one in done:
        migration = ours.get(one.number)
        if migration and one.name == migration.name and one.sha256 in {None, migration.sha256}:
            continue
        raise SchemaMismatch(
            f"migration {one.number} ({one.name}) of the database is not the one of this program:"
            " use the program that made it, or restore a backup into a new database"
        )


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < 150000:
        raise SettingsError("the database server is older than PostgreSQL 15: use a newer one")
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise SettingsError("the database's encoding is not UTF8: create one with ENCODING 'UTF8'")
