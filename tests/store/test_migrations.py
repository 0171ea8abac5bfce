"""Migrations go forward from the first schema with all that is stored, and are known by hash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from records.errors import SchemaMismatch
from records.times import DAY
from store import (
    asof,
    flavours,
    ledger,
    migrations,
    outbox,
    packed,
    quality,
    quarantine,
    queries,
    readings,
    registry,
    rollups,
)
from store.connection import Database, connect
from tests import timescale
from tests.databases import Databases, made

T0 = 1_700_000_000_000_000
_AT = "'2023-11-14 22:13:20+00'::timestamptz"
_FIRST_LEDGER = (
    "CREATE TABLE schema_migration (number int PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL)"
)
# Two batches: two readings, then another value for one of them and a message that was refused.
_ROWS = f"""
INSERT INTO lab VALUES ('l', 'Lab');
INSERT INTO station (id, lab, lat, lon, name, names) VALUES ('s', 'l', 36, 74, '', '{{}}');
INSERT INTO device (id, station, simulated) VALUES ('gauge', 's', false);
INSERT INTO series (id, station, point, quantity, unit, late_after_s)
    VALUES ('s.stage', 's', 'main', 'stage', 'm', 60);
INSERT INTO deployment VALUES (1, 1, 'main', 'stage', {_AT});
UPDATE registry SET version = 1;
INSERT INTO worker VALUES (0, 2, 2, 0, 1, 1, {_AT});
INSERT INTO batch VALUES (0, 1, {_AT}, {_AT}, 'senml/1', 'qc/1', 2, 0, 0, 0, {_AT},
    {_AT} + interval '1 s');
INSERT INTO batch VALUES (0, 2, {_AT}, {_AT} + interval '1 s', 'senml/1', 'qc/1', 0, 0, 1, 1,
    {_AT}, {_AT});
INSERT INTO reading VALUES ({_AT}, {_AT} + interval '1 s', 2.5, 2, 1, 1, 0, 0, false),
    ({_AT} + interval '1 s', {_AT}, 3.5, 1, 1, 1, 0, 0, false);
INSERT INTO revision VALUES ({_AT}, {_AT}, 1.5, 1, 1, 1, 0, 0, false, {_AT} + interval '1 s', 0, 2);
INSERT INTO settled VALUES (1, 7, '{{[0,5)}}', '{{[6,7)}}');
INSERT INTO quarantine (device, topic, payload, reason, detail, received_at, worker, batch, digest)
    VALUES (1, 't', '\\x00ff', 'undecodable', 'no JSON', {_AT}, 0, 2, '\\x01');
INSERT INTO outbox (channel, topic, payload, retain, alert) VALUES ('mqtt', 't', 'p', false, 'a');
"""


@contextmanager
def empty(databases: Databases, kind: str) -> Iterator[str]:
    """A database that was never migrated."""
    if kind == "timescale":
        with timescale.served() as dsn:
            yield dsn
        return
    server = databases.server(kind)
    with made(server, "template0") as name:
        yield make_conninfo(server, dbname=name)


def make_first(dsn: str) -> None:
    """What the first release left behind: its schema without hashes, and rows."""
    first = migrations.known()[0]
    with psycopg.connect(dsn, autocommit=True) as connection:
        layout = flavours.detect(connection).layout
        connection.execute(_FIRST_LEDGER)
        statements = first.statements.replace("/* layout of readings */", layout)
        connection.execute(statements.encode())
        connection.execute("INSERT INTO schema_migration VALUES (1, 'first', 'now')")
        if layout.startswith("PARTITION"):
            connection.execute(
                "CREATE TABLE reading_20231114_20231115 PARTITION OF reading FOR VALUES FROM"
                " ('2023-11-14 00:00:00+00') TO ('2023-11-15 00:00:00+00')"
            )
        connection.execute(_ROWS.encode())


def values(db: Database, at: int) -> list[float]:
    now = readings.between(db, [1], 0, T0 + DAY).value.tolist()
    return [*asof.between(db, [1], 0, T0 + DAY, at).value.tolist(), *now]


def seen(db: Database) -> list[Any]:
    """What the readers find."""
    network = registry.load(db)
    entry = quarantine.entries(db, 10, quarantine.Choice())[0]
    batches = readings.batches_after(db, {})
    return [
        values(db, T0),
        [(b.number, b.readings.value.tolist()) for b in batches],
        readings.newest(db),
        readings.latest(db, [1], 1).value.tolist(),
        ledger.ledger(db),
        ledger.gone(db),
        (entry.reason.value, entry.topic, entry.payload),
        network.device_number,
        [message.topic for message in outbox.pending(db, T0 + DAY, 10)],
        packed.before(db) < 0,
    ]


@pytest.mark.promise("R2")
def test_a_database_of_the_first_schema_goes_forward_with_all_that_it_holds(
    databases: Databases, kind: str
) -> None:
    with empty(databases, kind) as dsn:
        make_first(dsn)
        with pytest.raises(SchemaMismatch, match="run `hoshyar db migrate`"):
            connect(dsn, stage="test")
        assert migrations.migrate(dsn) == [one.number for one in migrations.known()[1:]]
        with connect(dsn, stage="test") as db:
            assert seen(db) == [
                [1.5, 3.5, 2.5, 3.5],
                [(1, [1.5, 3.5]), (2, [2.5])],
                {1: T0 + 1_000_000},
                [3.5],
                {(1, 7): ((0, 4),)},
                {(1, 7): ((6, 6),)},
                ("undecodable", "t", b"\x00\xff"),
                {"gauge": 1},
                ["t"],
                True,
            ]
            rollups.roll_up(db, T0)
            assert db.run("SELECT total, stored FROM rollup WHERE step_s = 86400") == [(6.0, 2)]


# Before turns were kept: verdicts at 1, 2 and 3 h, the last one moved the watermark of its hour on.
_VERDICTS = f"""
INSERT INTO quality_span (from_at, to_at, known_at, until_at, series, test, flag, rules) VALUES
    ({_AT}, {_AT}, {_AT} + interval '1 h', {_AT} + interval '2 h', 1, 2, 3, 'qc/1'),
    ({_AT}, {_AT}, {_AT} + interval '2 h', NULL, 1, 1, 4, 'qc/1');
INSERT INTO quality_watermark VALUES (1, {_AT} + interval '1 h', {_AT}, {_AT}, 'qc/1', 'x'),
    (1, {_AT} + interval '2 h', {_AT}, {_AT} + interval '1 s', 'qc/1', 'x');
INSERT INTO progress VALUES ('quality', {_AT} + interval '3 h', '{{"0": 2}}', '');
"""


def test_verdicts_of_a_former_schema_stay_known_with_their_validity(
    databases: Databases, kind: str
) -> None:
    def said(db: Database, as_of: int | None) -> list[tuple[int, bool]]:
        rows, origin = queries.with_origin(db, [1], 0, T0 + DAY)
        found = quality.final(db, rows, origin, as_of)
        return list(zip(found.flag.tolist(), found.final.tolist(), strict=True))

    with empty(databases, kind) as dsn:
        make_first(dsn)
        turns = next(one.number for one in migrations.known() if one.name == "turns")
        migrations.migrate(dsn, through=turns - 1)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_VERDICTS.encode())
        migrations.migrate(dsn)
        with connect(dsn, stage="test") as db:
            answers = [said(db, T0 + minutes * 60_000_000) for minutes in (59, 60, 119, 120, 180)]
            first, second = [(3, True), (1, False)], [(4, True), (1, False)]
            last = [(4, True), (1, True)]
            assert answers == [[(1, False)] * 2, first, first, second, last]
            assert said(db, None) == last


# A packet of three samples in batch 1, and one of two that it replaced.
_PACKETS = f"""
INSERT INTO waveform VALUES ({_AT}, {_AT}, {_AT}, 100, 1, 1, 3, 0, 1, 0, 0, false, false, '');
INSERT INTO waveform_revision VALUES
    ({_AT}, {_AT}, {_AT}, 100, 1, 1, 2, 0, 1, 0, 0, false, false, '', {_AT}, 0, 1);
"""


def test_samples_of_packets_from_before_are_counted_with_their_batches(
    databases: Databases, kind: str
) -> None:
    with empty(databases, kind) as dsn:
        make_first(dsn)
        number = next(one.number for one in migrations.known() if one.name == "packets")
        migrations.migrate(dsn, through=number - 1)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_PACKETS.encode())
        migrations.migrate(dsn)
        with connect(dsn, stage="test") as db:
            assert db.run("SELECT samples FROM batch WHERE number = 1") == [(5,)]
            others = db.run("SELECT sum(samples) FROM batch WHERE number <> 1")[0][0]
            assert not others


def test_every_applied_migration_is_kept_with_its_hash(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        done = migrations.applied(connection)
    assert [(m.number, m.name, m.sha256) for m in migrations.known()] == [
        (one.number, one.name, one.sha256) for one in done
    ]


@pytest.mark.parametrize("change", ["sha256 = 'other'", "sha256 = NULL, name = 'other'"])
def test_a_database_that_another_text_made_is_refused(dsn: str, change: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"UPDATE schema_migration SET {change} WHERE number = 2".encode())
    for use in (lambda: connect(dsn, stage="test"), lambda: migrations.migrate(dsn)):
        with pytest.raises(SchemaMismatch, match=r"^migration 2 .* use the program that made it"):
            use()


def test_numbers_of_migrations_are_contiguous() -> None:
    numbers = [migration.number for migration in migrations.known()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_first_schema_is_frozen() -> None:
    frozen = "fae93bc67b41b2b65cec3984ecd90875c3b937c4b70e5d2b5839302631f0f30b"
    assert migrations.known()[0].sha256 == frozen


def test_migrations_are_numbered_one_after_the_other() -> None:
    assert [m.number for m in migrations.known()] == list(range(1, migrations.SCHEMA_VERSION + 1))
