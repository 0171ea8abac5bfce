"""Versions of the registry: what was known of the network at any earlier moment."""

from __future__ import annotations

from typing import Any

import msgspec

from records.clock import WallClock
from records.network import Network
from records.times import to_datetime
from store.connection import Database
from store.directory import Registry
from store.text import moment

_WALL = WallClock()


class _Content(msgspec.Struct, frozen=True):
    """A registry as it is kept, version apart."""

    network: Network
    series_number: dict[str, int]
    device_number: dict[str, int]
    simulated: list[int]


def keep(db: Database, before: Registry, after: Registry) -> None:
    """Inside the transaction of a change. Its time is the program's clock, as a batch's is."""
    rows: list[tuple[Any, ...]] = [
        # Only where no change was kept before: then it is how things were since always.
        (before.version, "-infinity", _content(before)),
        (after.version, moment(_WALL.now()), _content(after)),
    ]
    db.run_many(
        "INSERT INTO registry_version VALUES (%s, %s, %s::json) ON CONFLICT (version) DO NOTHING",
        rows,
    )


def version_at(db: Database, as_of: int) -> Registry | None:
    """The registry that held at a moment (microseconds); None where nothing has changed since."""
    rows = db.run(
        "SELECT version, content::text FROM registry_version"
        " WHERE committed_at <= %s ORDER BY version DESC LIMIT 1",
        (to_datetime(as_of),),
    )
    if not rows:
        return None
    kept = msgspec.json.decode(rows[0][1], type=_Content)
    return Registry.build(
        kept.network, rows[0][0], kept.series_number, kept.device_number, kept.simulated
    )


def _content(known: Registry) -> str:
    simulated = [number for number in known.series_id if known.simulated(number)]
    content = _Content(known.network, known.series_number, known.device_number, sorted(simulated))
    return msgspec.json.encode(content).decode()
