"""What each stage may do in the database: a role a stage, held to one table.

A role stands for the stage on the whole server and can't log in until `hoshyar db migrate` is given
a password for it. What is not in `TABLE` a role may not do; nobody but the owner of the tables may
change or drop them. A new table must be given to somebody here, or a test fails.

Privileges are words of SQL, with the columns they are for in brackets where not for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from records.errors import SettingsError
from store.session import Connection, session

PREFIX = "hoshyar_"
# Any fixed number: two programs that do this at once take turns.
_TURN = 0x726F6C65
_ATTEMPTS = 5

READ = "SELECT"
ADD = "SELECT, INSERT"
KEEP = "SELECT, INSERT, UPDATE"
ALL = "SELECT, INSERT, UPDATE, DELETE"
RUN = "EXECUTE"


def _each(privileges: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, privileges)


# A function stands with its brackets.
_PARTS = _each(RUN, "make_partition()", "make_chunk()")
_COMMON = _each(READ, "schema_migration", "clock", "stage", "worker")
_STAGE = _COMMON | _each(KEEP, "stage")
_REGISTRY = _each(
    READ,
    *("registry", "lab", "area", "station", "device", "series", "deployment"),
    *("detector_choice", "foreign_feed", "rules"),
)
_READINGS = _each(READ, "batch", "reading", "revision", "packed", "waveform", "waveform_revision")
_SAID = ("state", "boot", "firmware", "battery_v", "lat", "lon", "status_at")
_SAYS = f"SELECT, UPDATE ({', '.join(_SAID)})"

TABLE: Mapping[str, Mapping[str, str]] = {
    "ingest": _STAGE
    | _REGISTRY
    | _PARTS
    | _each(KEEP, "worker", "batch", "reading", "waveform", "waveform_revision", "settled")
    | _each(KEEP, "device_clock", "device_position", "unnumbered")
    | {
        "device": _SAYS,
        "revision": "INSERT",
        "packed": "SELECT, DELETE",
        "care": READ,
        "quarantine": "SELECT (number, topic, reason, digest, received_at), INSERT, DELETE",
        "rerun": "INSERT",
        "birth": ALL,
    },
    "models": _STAGE
    | _REGISTRY
    | _READINGS
    | _each(READ, "model", "model_step")
    | _each(KEEP, "progress", "model_watch")
    | {"warning": "SELECT (number), INSERT"},
    "alerts": _STAGE
    | _REGISTRY
    | _each(READ, "warning", "action")
    | _each(ADD, "alert_change", "delivery")
    | _each(KEEP, "incident", "outbox", "progress"),
    "lab_ui": _STAGE
    | _REGISTRY
    | _READINGS
    | _each(READ, "warning", "alert_change", "incident", "progress", "unnumbered")
    | {"action": "SELECT (number), INSERT"},
    "upkeep": _STAGE
    | _REGISTRY
    | _READINGS
    | _PARTS
    | _each(READ, "device_position", "device_clock")
    | _each(RUN, "drop_partition()", "pack_before()")
    | _each(RUN, "drop_chunks_before()", "choose_columnstore()", "compress_part()")
    | _each(KEEP, "progress")
    | _each(ALL, "quality_span", "quality_turn")
    | _each(ADD, "quality_watermark")
    | {
        "reading": "SELECT, DELETE",
        "packed": "SELECT, INSERT, DELETE",
        "revision": "SELECT, DELETE",
        "waveform": "SELECT (end_at), DELETE",
        "waveform_revision": "SELECT (end_at), DELETE",
        "rollup": ALL,
        "care": "SELECT, UPDATE (dropped_before)",
        "quarantine": "SELECT (number, received_at), DELETE",
    },
    # People's commands: `hoshyar device|feed|quarantine|quality|alert|model`.
    "operator": _COMMON
    | _READINGS
    | _PARTS
    | _each(READ, "care", "warning", "alert_change", "incident", "progress", "device_clock")
    | _each(READ, "unnumbered")
    | _each(READ, "model_watch")
    | _each(ADD, "registry_version", "rules", "rerun", "model_step", "backtest")
    | _each(KEEP, "lab", "area", "station", "device", "series", "deployment")
    | _each(KEEP, "worker", "batch", "reading", "revision", "waveform", "waveform_revision")
    | _each(KEEP, "device_position", "model_job")
    | {
        "model": "SELECT, INSERT, UPDATE (state)",
        "registry": "SELECT, UPDATE",
        "detector_choice": "SELECT, INSERT, DELETE",
        "foreign_feed": ALL,
        "packed": "SELECT, DELETE",
        "quarantine": "SELECT, UPDATE, DELETE",
        "action": "SELECT (number), INSERT",
    },
    # A lab's notebooks. A person's own login is made a member of it.
    "researcher": _COMMON
    | _REGISTRY
    | _READINGS
    | _each(READ, "registry_version", "device_clock", "device_position", "rollup")
    | _each(READ, "unnumbered")
    | _each(READ, "quality_turn", "quality_span", "quality_watermark")
    | _each(READ, "warning", "alert_change", "incident")
    | _each(READ, "progress", "model", "model_step", "model_watch", "backtest", "model_job"),
    # Devices know the broker alone; their health check looks whether readings arrive.
    "devices": _COMMON,
}
# A role, a table or a function with its brackets, a privilege, a column or "".
Grant = tuple[str, str, str, str]

_HELD = """
WITH role AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY(%s)), held AS (
    SELECT c.relname::text AS name, '' AS part, a.* FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT c.relname, t.attname, a.* FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid,
        aclexplode(t.attacl) a WHERE c.relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT p.proname || '()', '', a.* FROM pg_proc p, aclexplode(p.proacl) a
    WHERE p.pronamespace = current_schema()::regnamespace
)
SELECT r.rolname, h.name, h.privilege_type, h.part FROM held h JOIN role r ON r.oid = h.grantee
"""


_SHUT_OUT = (
    "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
    " AND NOT has_schema_privilege(oid, current_schema(), 'USAGE')"
)
_WORD = re.compile(r"([A-Z]+)(?: \(([a-z_, ]+)\))?")


def wanted() -> set[Grant]:
    """Every grant of `TABLE`, a column at a time."""
    return {
        (role_of(stage), name, privilege, column)
        for stage, rows in TABLE.items()
        for name, privileges in rows.items()
        for privilege, columns in _read(privileges)
        for column in columns
    }


def role_of(stage: str) -> str:
    return PREFIX + stage


def _read(privileges: str) -> Iterable[tuple[str, list[str]]]:
    for privilege, columns in _WORD.findall(privileges):
        yield privilege, columns.split(", ")


def establish(dsn: str, passwords: Mapping[str, str] | None = None) -> str:
    """Make the roles, and let them do what `TABLE` says and no more; the same again is nothing.

    passwords  stage -> password; a stage that has one can log in from now on
    Returns "", or one line that says what somebody with more rights must do first.
    Raises StoreUnavailable, and SettingsError for the password of an unknown stage.
    """
    if unknown := sorted(set(passwords or {}) - TABLE.keys()):
        raise SettingsError(f"there is no stage {', '.join(unknown)} that could have a password")
    with session(dsn, name="hoshyar-roles") as connection:
        for _ in range(_ATTEMPTS - 1):
            try:
                return _establish(connection, passwords or {})
            except psycopg.errors.InternalError_:
                continue  # another database's owner changed the same role at the same time
        return _establish(connection, passwords or {})


def _establish(connection: Connection, passwords: Mapping[str, str]) -> str:
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
            _make(connection)
            _bring(connection)
            for stage, password in passwords.items():
                _let_in(connection, role_of(stage), password)
    except psycopg.errors.InsufficientPrivilege as error:
        user = connection.info.user
        return (
            f"the stages' roles in the database can't be brought up to date by {user}"
            f" ({error.diag.message_primary}): run `hoshyar db migrate` as the owner of the tables,"
            f" with the right to make roles (ALTER ROLE {user} CREATEROLE)"
        )
    return ""


def _make(connection: Connection) -> None:
    roles = [role_of(stage) for stage in TABLE]
    there = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (roles,))
    for role in sorted(set(roles) - {row[0] for row in there}):
        try:
            with connection.transaction():
                connection.execute(_statement("CREATE ROLE {}", role))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue  # made at the same time from another database of the server


def _bring(connection: Connection) -> None:
    """What differs from `TABLE` is granted or taken back."""
    roles = [role_of(stage) for stage in TABLE]
    held: set[Grant] = {(*row,) for row in connection.execute(_HELD, (roles,))}
    for role, name, privilege, column in sorted(held - wanted()):
        connection.execute(_privilege("REVOKE", "FROM", role, name, privilege, column))
    for role, name, privilege, column in sorted(wanted() - held):
        connection.execute(_privilege("GRANT", "TO", role, name, privilege, column))
    for (role,) in connection.execute(_SHUT_OUT, (roles,)).fetchall():
        schema = connection.execute("SELECT current_schema()").fetchone() or ("public",)
        connection.execute(_statement("GRANT USAGE ON SCHEMA {} TO {}", schema[0], role))


def _privilege(
    verb: str, to: str, role: str, name: str, privilege: str, column: str
) -> sql.Composed:
    kind = "FUNCTION" if name.endswith("()") else "TABLE"
    what = f"{privilege} ({{}})" if column else privilege
    names = [*([column] if column else []), name.removesuffix("()"), role]
    return _statement(f"{verb} {what} ON {kind} {{}} {to} {{}}", *names)


def _let_in(connection: Connection, role: str, password: str) -> None:
    # Hashed here: the server's log of statements shows no password.
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(hashed.decode())))


def _statement(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def login(dsn: str, stage: str, password: str) -> str:
    """The address as the stage uses it, which has this password."""
    return make_conninfo(dsn, user=role_of(stage), password=password)
