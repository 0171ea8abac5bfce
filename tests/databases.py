"""PostgreSQL servers of a test session, each started when the first test asks for it.

`embedded` is the one that comes with the installation, `debian` the one of Debian's package;
`timescale` is for the store alone: it has one session that all connections share.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from store.embedded import EmbeddedServer
from store.migrations import migrate
from store.roles import TABLE, establish, login, role_of
from tests import needs, timescale

KINDS = ("embedded", "debian")
# Of each stage's own login on a server that is a test's.
PASSWORD = "as-a-stage"
STORE_KINDS = (*KINDS, "timescale")
# For tests of what two sessions, or the options of one, do to each other.
with_sessions = pytest.mark.parametrize("kind", KINDS)


class Databases:
    """Fresh, migrated databases on either kind of server. Close it at the end."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._templates: dict[str, str] = {}
        self._open = ExitStack()

    def server(self, kind: str) -> str:
        """Address of a server where databases may be made; HOSHYAR_TEST_DSN's for the first."""
        if kind not in self._addresses:
            given = os.environ.get("HOSHYAR_TEST_DSN") if kind == "embedded" else None
            binaries = None if kind == "embedded" else needs.postgresql()
            self._addresses[kind] = given or self._open.enter_context(running(binaries))
        return self._addresses[kind]

    @contextmanager
    def fresh(self, kind: str) -> Iterator[str]:
        """Address of a migrated database that is the caller's own."""
        if kind == "timescale":
            with timescale.emptied(self._timescale()) as address:
                yield address
            return
        server = self.server(kind)
        if kind not in self._templates:
            self._templates[kind] = self._open.enter_context(made(server, "template0"))
            address = make_conninfo(server, dbname=self._templates[kind])
            migrate(address)
            assert establish(address, dict.fromkeys(TABLE, PASSWORD)) == ""
            _may_end_sessions(address)
        with made(server, self._templates[kind]) as name:
            yield make_conninfo(server, dbname=name)

    def _timescale(self) -> str:
        if "timescale" not in self._addresses:
            self._addresses["timescale"] = self._open.enter_context(timescale.running())
        return self._addresses["timescale"]

    def close(self) -> None:
        self._open.close()


def as_stage(dsn: str, stage: str) -> str:
    """The address of a fresh database, as this stage uses it."""
    return login(dsn, stage, PASSWORD)


def _may_end_sessions(dsn: str) -> None:
    """A member of the roles may end what a killed stage left behind."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for stage in TABLE:
            role = sql.Identifier(role_of(stage))
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))


@contextmanager
def running(binaries: Path | None) -> Iterator[str]:
    """Address of a server that runs from these programs; None: from the installation's."""
    with tempfile.TemporaryDirectory(prefix="hoshyar-test-", dir=_fast_folder()) as folder:
        server = EmbeddedServer(Path(folder) / "postgres", binaries)
        try:
            yield server.start(print)
        finally:
            server.stop()


@contextmanager
def made(server: str, template: str) -> Iterator[str]:
    """Name of a database that is a copy of another one."""
    name = f"hoshyar_test_{secrets.token_hex(4)}"
    # Copied as files: at half the cost of the default, which writes each page to the log.
    words = "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {} STRATEGY FILE_COPY"
    _do(server, words, name, template)
    yield name
    # Not WITH (FORCE): a role that is no superuser may not end the autovacuum that way.
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND (usename = current_user OR usename LIKE 'hoshyar%%')",
            (name,),
        )
    _do(server, "DROP DATABASE {}", name)


def _do(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _fast_folder() -> str | None:
    """Memory where there is enough: each test's database is then made in no time."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    return str(memory) if roomy else None
