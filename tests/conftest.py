"""Services that tests share: a real PostgreSQL for the session, a fresh database a test."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from store.embedded import EmbeddedServer
from store.migrations import migrate

# A slow machine is no finding: properties are judged by what they say, not by how fast.
hypothesis.settings.register_profile(
    "hoshyar", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("hoshyar")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a server where databases may be made: HOSHYAR_TEST_DSN's, or an embedded one."""
    given = os.environ.get("HOSHYAR_TEST_DSN")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="hoshyar-test-", dir=_fast_folder()) as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            yield server.start(print)
        finally:
            server.stop()


def _fast_folder() -> str | None:
    """Memory where there is enough: each test's database is then made in no time."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    return str(memory) if roomy else None


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """Name of a migrated database that others are copied from."""
    name = f"hoshyar_template_{secrets.token_hex(4)}"
    _do(postgres_server, "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", name)
    migrate(make_conninfo(postgres_server, dbname=name))
    yield name
    _do(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def dsn(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """Address of a fresh, migrated database that is the test's own."""
    name = f"hoshyar_test_{secrets.token_hex(4)}"
    _do(postgres_server, "CREATE DATABASE {} TEMPLATE {}", name, migrated_template)
    yield make_conninfo(postgres_server, dbname=name)
    _do(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


def _do(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; where it is absent the test is skipped, in CI it fails."""
    given = os.environ.get("HOSHYAR_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"no recordings in {folder} (set HOSHYAR_DATA)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
