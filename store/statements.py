"""Warnings, alert changes and actions as rows: a column a field, named as the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from records.statements import Action, AlertChange, HazardWarning
from store.connection import Database
from store.text import microseconds, moment, storable

_TABLES: dict[type, str] = {
    HazardWarning: "warning",
    AlertChange: "alert_change",
    Action: "action",
}
_MOMENTS = frozenset({"at", "decided_at", "onset_at"})
# Type json keeps the text as it is; jsonb would turn 1e300 into a whole number.
_JSON = frozenset({"reason", "evidence"})

Statement = TypeVar("Statement", HazardWarning, AlertChange, Action)


def append(db: Database, statements: Sequence[Statement]) -> list[int]:
    """Add them in this order; returns their numbers, which grow in the order of commits."""
    if not statements:
        return []
    kind = type(statements[0])
    names = kind.__struct_fields__
    places = ", ".join("%s::json" if name in _JSON else "%s" for name in names)
    statement = (
        f"INSERT INTO {_TABLES[kind]} ({', '.join(names)}) VALUES ({places}) RETURNING number"
    )
    with db.transaction():
        # Without taking turns a lower number could appear after a follower has gone past it.
        db.run("SELECT pg_advisory_xact_lock(%s::regclass::int)", (_TABLES[kind],))
        return [db.run(statement, _row(said))[0][0] for said in statements]


def select(
    db: Database, kind: type[Statement], condition: str, values: Sequence[Any], *, limit: int
) -> list[tuple[int, Statement]]:
    """Numbered statements for which `condition` holds, in order, at most `limit`."""
    names = kind.__struct_fields__
    columns = ", ".join(f"{name}::text" if name in _JSON else name for name in names)
    rows = db.run(
        f"SELECT number, {columns} FROM {_TABLES[kind]} WHERE {condition} ORDER BY number LIMIT %s",
        (*values, limit),
    )
    return [(row[0], read(kind, row[1:])) for row in rows]


def read(kind: type[Statement], row: Sequence[Any]) -> Statement:
    """A statement from the values of its columns."""
    fields = zip(kind.__struct_fields__, row, strict=True)
    return msgspec.convert({name: _read(name, value) for name, value in fields}, kind)


def _row(said: Statement) -> list[Any]:
    return [_written(name, getattr(said, name)) for name in said.__struct_fields__]


def _written(name: str, value: Any) -> Any:
    if name in _MOMENTS:
        return moment(value)
    if name in _JSON:
        return msgspec.json.encode(value).decode()
    if isinstance(value, tuple):
        return list(value)
    return storable(value) if type(value) is str else msgspec.to_builtins(value)


def _read(name: str, value: Any) -> Any:
    if name in _MOMENTS:
        return microseconds(value)
    return msgspec.json.decode(value) if name in _JSON else value
