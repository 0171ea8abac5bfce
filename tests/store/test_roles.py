"""Each stage may do in the database what `store.roles` says, and nothing else."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from records.errors import SettingsError, StoreUnavailable
from store.connection import Database, connect
from store.roles import TABLE, Grant, establish, login, role_of, wanted
from tests.databases import PASSWORD, as_stage, with_sessions

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_MAY = """
SELECT r, c.relname::text, p, '' FROM unnest(%s::text[]) r, unnest(%s::text[]) p, pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND has_table_privilege(r, c.oid, p)
UNION ALL
SELECT r, c.relname::text, p, t.attname::text
FROM unnest(%s::text[]) r, unnest(%s::text[]) p, pg_class c
JOIN pg_attribute t ON t.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND t.attnum > 0
    AND has_column_privilege(r, c.oid, t.attnum, p) AND NOT has_table_privilege(r, c.oid, p)
UNION ALL
SELECT r, f.proname || '()', 'EXECUTE', '' FROM unnest(%s::text[]) r, pg_proc f
WHERE f.pronamespace = 'public'::regnamespace AND f.prosecdef
    AND has_function_privilege(r, f.oid, 'EXECUTE')
"""


def may(db: Database) -> set[Grant]:
    """What the server itself says of the roles, functions of others than the owner left out."""
    roles = [role_of(stage) for stage in TABLE]
    columns = ["SELECT", "INSERT", "UPDATE", "REFERENCES"]
    return {(*row,) for row in db.run(_MAY, (roles, list(PRIVILEGES), roles, columns, roles))}


@pytest.mark.promise("R9")
@with_sessions
def test_every_role_has_every_privilege_of_the_table_and_no_other(db: Database) -> None:
    assert may(db) == wanted()


@with_sessions
def test_every_table_and_function_with_the_owners_rights_is_given_to_a_role(db: Database) -> None:
    tables = db.run(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    functions = db.run(
        "SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND prosecdef"
    )
    named = {name for rows in TABLE.values() for name in rows}
    assert {row[0] for row in tables + functions} - {"hazard"} == named


@with_sessions
def test_what_somebody_changed_is_put_right_again(dsn: str, db: Database) -> None:
    db.run("GRANT DELETE ON outbox TO hoshyar_models")
    db.run("GRANT UPDATE (value) ON reading TO hoshyar_researcher")
    db.run("REVOKE ALL ON reading FROM hoshyar_ingest")
    assert establish(dsn) == ""
    assert may(db) == wanted()


@with_sessions
def test_who_may_not_make_roles_is_told_in_one_line_what_to_do(dsn: str, db: Database) -> None:
    db.run("GRANT DELETE ON outbox TO hoshyar_models")
    said = establish(as_stage(dsn, "operator"))
    assert "hoshyar db migrate" in said
    assert "\n" not in said
    assert PASSWORD not in said


@with_sessions
def test_a_password_for_a_stage_that_nobody_knows_is_refused(dsn: str) -> None:
    with pytest.raises(SettingsError, match="no stage cook") as caught:
        establish(dsn, {"cook": "very-secret"})
    assert "very-secret" not in str(caught.value)


@contextmanager
def stage_of(dsn: str, name: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(as_stage(dsn, name), autocommit=True) as connection:
        yield connection


# Of each: what it may not do, though another stage does it.
REFUSED = [
    ("models", "INSERT INTO reading SELECT * FROM reading"),
    ("models", "INSERT INTO action DEFAULT VALUES"),
    ("models", "SELECT reason FROM warning"),
    ("lab_ui", "UPDATE settled SET gone = '{}'"),
    ("lab_ui", "UPDATE incident SET level = 0"),
    ("lab_ui", "DELETE FROM incident"),
    ("lab_ui", "INSERT INTO alert_change DEFAULT VALUES"),
    ("ingest", "SELECT payload FROM outbox"),
    ("ingest", "SELECT payload FROM quarantine"),
    ("ingest", "UPDATE device SET simulated = false"),
    ("ingest", "DELETE FROM reading"),
    ("ingest", "SELECT drop_partition(1, 2, false)"),
    ("alerts", "SELECT value FROM reading"),
    ("alerts", "INSERT INTO warning DEFAULT VALUES"),
    ("alerts", "UPDATE alert_change SET level = 0"),
    ("upkeep", "UPDATE reading SET value = 0"),
    ("upkeep", "DELETE FROM settled"),
    ("upkeep", "UPDATE care SET packed_before = 1"),
    ("operator", "UPDATE settled SET gone = '{}'"),
    ("operator", "UPDATE alert_change SET level = 0"),
    ("devices", "SELECT value FROM reading"),
    *(("researcher", f"DELETE FROM {name}") for name in ("reading", "stage", "worker", "rules")),
    ("researcher", "INSERT INTO action DEFAULT VALUES"),
    ("researcher", "SELECT payload FROM outbox"),
    ("researcher", "SELECT make_partition(1, 2)"),
    *((stage, "DROP TABLE outbox") for stage in TABLE),
    *((stage, "CREATE TABLE mine (a int)") for stage in TABLE),
    *((stage, "TRUNCATE reading") for stage in TABLE),
    *((stage, "CREATE ROLE friend") for stage in TABLE),
]


@pytest.mark.promise("R9")
@with_sessions
def test_what_is_not_a_stages_work_is_refused_to_it(dsn: str) -> None:
    done = []
    for name in TABLE:
        with stage_of(dsn, name) as connection:
            for stage, statement in REFUSED:
                if stage == name:
                    try:
                        connection.execute(statement.encode())
                        done.append((stage, statement))
                    except psycopg.errors.InsufficientPrivilege:
                        continue
    assert done == []


@with_sessions
def test_a_temporary_table_does_not_lead_a_function_of_the_owner_astray(
    dsn: str, db: Database
) -> None:
    with stage_of(dsn, "upkeep") as connection:
        connection.execute("CREATE TEMP TABLE reading (measured_at timestamptz, secret text)")
        connection.execute("SELECT make_partition(10, 11)")
    assert db.run("SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf") == [
        ("reading_19700111_19700112",)
    ]


@with_sessions
def test_a_wrong_password_lets_nobody_in_and_is_said_without_it(dsn: str) -> None:
    word = secrets.token_hex(8)
    with pytest.raises(StoreUnavailable, match="password authentication failed") as caught:
        connect(login(dsn, "ingest", word), stage="ingest")
    assert word not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("kind", ["timescale"])
def test_the_same_roles_hold_on_timescale(dsn: str, db: Database) -> None:
    assert establish(dsn) == ""
    assert may(db) == wanted()
