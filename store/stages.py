"""Signs of life of the stages, and how far each follower has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from records.times import from_datetime
from store.connection import Database
from store.text import moment, storable


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    pid: int
    state: str
    detail: str
    beat_at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to `through_at` is done; `positions` and `snapshot` are the follower's own."""

    through_at: int
    positions: dict[str, int]
    snapshot: bytes


def beat(db: Database, stage: str, pid: int, state: str, detail: str, now_at: int) -> None:
    """Say that a stage lives, and how it is."""
    db.run(
        "INSERT INTO stage VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET"
        " pid = excluded.pid, state = excluded.state, detail = excluded.detail,"
        " beat_at = excluded.beat_at",
        (stage, pid, state, storable(detail), moment(now_at)),
    )


def all(db: Database) -> list[Stage]:  # noqa: A001 - read as stages.all
    """The last sign of life of every stage, by name."""
    rows = db.run("SELECT name, pid, state, detail, beat_at FROM stage ORDER BY name")
    return [
        Stage(name, pid, state, detail, from_datetime(beat_at))
        for name, pid, state, detail, beat_at in rows
    ]


def save_progress(
    db: Database, name: str, through_at: int, positions: Mapping[str, int], snapshot: bytes
) -> None:
    """Replace a follower's progress, in the transaction of what it made; notify `progress`."""
    db.run(
        "INSERT INTO progress VALUES (%s, %s, %s::json, %s) ON CONFLICT (name) DO UPDATE SET"
        " through_at = excluded.through_at, positions = excluded.positions,"
        " snapshot = excluded.snapshot RETURNING pg_notify('progress', name)",
        (name, moment(through_at), msgspec.json.encode(positions).decode(), snapshot),
    )


def progress(db: Database, name: str) -> Progress | None:
    """What `save_progress` kept last, None before the first time."""
    rows = db.run(
        "SELECT through_at, positions::text, snapshot FROM progress WHERE name = %s", (name,)
    )
    if not rows:
        return None
    through_at, positions, snapshot = rows[0]
    numbers = msgspec.json.decode(positions, type=dict[str, int])
    return Progress(from_datetime(through_at), numbers, snapshot)


def through_at(db: Database, name: str) -> int | None:
    """How far a follower has come, without its snapshot; None before the first time."""
    rows = db.run("SELECT through_at FROM progress WHERE name = %s", (name,))
    return from_datetime(rows[0][0]) if rows else None
