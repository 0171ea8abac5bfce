"""The versions of the quality rules: only ever added to, the newest one applies."""

from __future__ import annotations

import msgspec

from records.errors import InputError
from records.rules import Rules, shipped
from records.times import to_datetime
from store.connection import Database

# Any fixed number: who adds rules take turns.
_TURN = 0x72756C65


def current(db: Database, as_of: int | None = None) -> Rules:
    """The rules that apply (`as_of`: applied then); those that are shipped where none were given.

    `as_of` in microseconds since 1970.
    """
    values = () if as_of is None else (to_datetime(as_of),)
    rows = db.run(
        f"SELECT content::text FROM rules {'' if as_of is None else 'WHERE valid_from <= %s'}"
        " ORDER BY valid_from DESC LIMIT 1",
        values,
    )
    return msgspec.json.decode(rows[0][0], type=Rules) if rows else shipped()


def version(db: Database, name: str) -> Rules:
    """The rules of one version. Raises InputError where there is none of that name."""
    rows = db.run("SELECT content::text FROM rules WHERE version = %s", (name,))
    if rows:
        return msgspec.json.decode(rows[0][0], type=Rules)
    if name == shipped().version:
        return shipped()
    raise InputError(f"there is no version {name!r} of the rules")


def add(db: Database, rules: Rules, now_at: int) -> bool:
    """Let these rules apply from now on; False where they apply already.

    Raises InputError where another content has this version's name, or it was followed by another.
    """
    with db.transaction():
        db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
        if current(db) == rules:
            return False
        taken = db.run("SELECT 1 FROM rules WHERE version = %s", (rules.version,))
        if taken or rules.version == shipped().version:
            raise InputError(f"version {rules.version!r} is taken: give the new rules another name")
        content = msgspec.json.encode(rules).decode()
        db.run(
            "INSERT INTO rules VALUES (%s, %s::json, greatest(%s, (SELECT max(valid_from) +"
            " '1 microsecond' FROM rules)))",
            (rules.version, content, to_datetime(now_at)),
        )
        # Every stage that holds the registry reads it again, and the rules with it.
        db.run("UPDATE registry SET version = version + 1")
        db.run("NOTIFY registry")
        return True
