"""Whose fault it is when the database can't be used, in one line without secrets."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from records.errors import SettingsError, StoreUnavailable
from records.levels import Hazard
from records.network import Lab, Network
from store import migrations, registry, stages
from store.connection import connect
from store.embedded import EmbeddedServer
from store.session import explain
from tests.databases import with_sessions

T0 = 1_700_000_000_000_000


def test_a_server_that_is_not_there_can_be_tried_again() -> None:
    with pytest.raises(StoreUnavailable, match="the database can't be used now: ") as caught:
        connect("postgresql://me:secret@127.0.0.1:1/nothing", stage="test")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dsn", ["postgresql://me:secret@[", "password = 'secret", "secret"])
def test_an_address_that_is_none_is_not_repeated(dsn: str) -> None:
    with pytest.raises(SettingsError, match="the database address can't be read") as caught:
        connect(dsn, stage="test")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@with_sessions
def test_a_wrong_password_is_not_shown(dsn: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        connect(make_conninfo(dsn, password="secret", host="localhost"), stage="test")
    assert "secret" not in str(caught.value)


def test_a_server_that_stops_makes_every_use_unavailable(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgres")
    dsn = server.start(lambda _: None)
    migrations.migrate(dsn)
    db = connect(dsn, stage="test")
    db.listen("clock")
    server.stop()
    for use in (
        lambda: stages.beat(db, "test", 1, "running", "", T0),
        lambda: db.wait(1.0),
        lambda: connect(dsn, stage="test"),
        lambda: migrations.migrate(dsn),
    ):
        with pytest.raises(StoreUnavailable):
            use()
    with pytest.raises(StoreUnavailable), db.transaction():
        stages.all(db)
    db.close()


@with_sessions
def test_a_server_that_may_lose_commits_is_refused(dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(SettingsError, match="runs with synchronous_commit off"):
        connect(dsn, stage="test")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DiskFull("could not extend file"), "disk is full: free space there"),
        (psycopg.errors.TooManyConnections("sorry"), "no free connection"),
        (psycopg.errors.AdminShutdown("ending"), "is being stopped: start it again"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), "database is read-only"),
    ],
)
def test_an_error_says_what_to_do(error: psycopg.Error, words: str) -> None:
    assert words in explain(error)


@with_sessions
def test_a_read_only_database_is_said_once(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    options = "-c default_transaction_read_only=on"
    lab = tuple(Lab(id=f"lab-{n}") for n in range(200))
    network = Network(lab=lab, station=(), device=(), series=())
    with (
        closing(connect(make_conninfo(dsn, options=options), stage="test")) as db,
        pytest.raises(StoreUnavailable, match="the database is read-only"),
    ):
        registry.enrol(db, network)
    assert caplog.messages == []


def test_an_unmigrated_or_newer_database_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migration VALUES (999, 'later', 'now')")
    for use in (lambda: connect(dsn, stage="test"), lambda: migrations.migrate(dsn)):
        with pytest.raises(SettingsError, match="has schema 999, this program knows only"):
            use()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migration")
    with pytest.raises(SettingsError, match=r"schema 0, this program needs \d+: run `hoshyar db"):
        connect(dsn, stage="test")


def test_migrations_have_numbers_of_their_own_and_are_applied_once(dsn: str) -> None:
    numbers = [migration.number for migration in migrations.known()]
    assert numbers == sorted(set(numbers))
    assert migrations.migrate(dsn) == []


def test_the_hazards_of_the_schema_are_those_of_the_vocabulary(dsn: str) -> None:
    with connect(dsn, stage="test") as db:
        assert {row[0] for row in db.run("SELECT id FROM hazard")} == set(Hazard)


def test_a_migration_that_fails_leaves_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = migrations.Migration(999, "broken", "CREATE TABLE half (n int); SELECT 1/0;")
    known = (*migrations.known(), broken)
    monkeypatch.setattr(migrations, "known", lambda: known)
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 999)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrations.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        there = connection.execute("SELECT to_regclass('half')").fetchone()
    assert there == (None,)


def test_rows_without_columns_are_counted(dsn: str) -> None:
    with connect(dsn, stage="test") as db:
        assert db.run("SELECT FROM generate_series(1, 2)") == [(), ()]
        assert db.run("SELECT FROM generate_series(1, 0)") == []
