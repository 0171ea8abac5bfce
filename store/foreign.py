"""The table of foreign feeds; each change is a new version of the registry."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from records.errors import InputError
from records.foreign import Feed, check_all
from store.connection import Database

# The same turn that the registry's writers take.
_TURN = 0x72656769


def load(db: Database) -> tuple[Feed, ...]:
    """All feeds, by name."""
    rows = db.run("SELECT described::text FROM foreign_feed ORDER BY name")
    return tuple(msgspec.json.decode(row[0], type=Feed) for row in rows)


def save(db: Database, feeds: Sequence[Feed]) -> int:
    """Add these, in place of those with the same name; returns how many differ from before.

    Raises InputError where two feeds would read the same topics.
    """
    with db.transaction():
        db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
        before = {feed.name: feed for feed in load(db)}
        check_all(feeds)
        check_all(tuple((before | {feed.name: feed for feed in feeds}).values()))
        news = [feed for feed in feeds if before.get(feed.name) != feed]
        db.run_many(
            "INSERT INTO foreign_feed VALUES (%s, %s, %s, %s::json) ON CONFLICT (name) DO UPDATE"
            " SET topic = excluded.topic, format = excluded.format, described = excluded.described",
            [
                (feed.name, feed.topic, feed.format, msgspec.json.encode(feed).decode())
                for feed in news
            ],
        )
        if news:
            _changed(db)
    return len(news)


def remove(db: Database, name: str) -> None:
    """From now on its topics are not read. Raises InputError for a feed that isn't there."""
    with db.transaction():
        db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
        if not db.run("DELETE FROM foreign_feed WHERE name = %s RETURNING 1", (name,)):
            raise InputError(f"there is no feed {name!r}")
        _changed(db)


def _changed(db: Database) -> None:
    db.run("UPDATE registry SET version = version + 1")
    db.run("NOTIFY registry")
