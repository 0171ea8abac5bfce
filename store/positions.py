"""Where devices have said that they are, since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from records.times import from_datetime, to_datetime
from store.connection import Database


class Position(NamedTuple):
    """Of a device (the registry's number), from an arrival on (µs); degrees WGS 84."""

    device: int
    received_at: int
    lat: float
    lon: float


class Stay(NamedTuple):
    """Where the device that fed a series was, from this moment on (µs)."""

    from_at: int
    lat: float
    lon: float


def note(db: Database, said: Iterable[Position]) -> None:
    """Inside a transaction: keep those that differ from what the device said before."""
    rows = [(to_datetime(one.received_at), one.device, one.lat, one.lon) for one in sorted(said)]
    if rows:
        db.run_many(
            "INSERT INTO device_position SELECT n.* FROM (VALUES (%s::timestamptz, %s::int,"
            " %s::float8, %s::float8)) n (received_at, device, lat, lon)"
            " WHERE NOT EXISTS (SELECT FROM (SELECT lat, lon FROM device_position p"
            "  WHERE p.device = n.device AND p.received_at <= n.received_at"
            "  ORDER BY p.received_at DESC LIMIT 1) before"
            "  WHERE (before.lat, before.lon) = (n.lat, n.lon))"
            " ON CONFLICT (device, received_at)"
            " DO UPDATE SET lat = excluded.lat, lon = excluded.lon",
            rows,
        )


def newest(db: Database) -> list[Position]:
    """The last position of each device that has said one."""
    rows = db.run(
        "SELECT DISTINCT ON (device) device, received_at, lat, lon FROM device_position"
        " ORDER BY device, received_at DESC"
    )
    return [Position(device, from_datetime(at), lat, lon) for device, at, lat, lon in rows]


def stays(db: Database, series: Sequence[int]) -> dict[int, list[Stay]]:
    """Of each series that has any: where its devices were, by time.

    What a device said before it fed the series holds from its deployment on; the first deployment
    of a series counts from ever.
    """
    rows = db.run(
        "SELECT d.series, greatest(p.received_at, CASE WHEN d.from_at > min(d.from_at) OVER s"
        "  THEN d.from_at ELSE p.received_at END), p.lat, p.lon, p.received_at"
        " FROM deployment d JOIN device_position p ON p.device = d.device"
        "  AND (d.until_at IS NULL OR p.received_at < d.until_at)"
        " WHERE d.series = ANY(%s) WINDOW s AS (PARTITION BY d.series) ORDER BY 1, 2, 5",
        (list(series),),
    )
    found: dict[int, list[Stay]] = {}
    for number, from_at, lat, lon, _ in rows:
        found.setdefault(number, []).append(Stay(from_datetime(from_at), lat, lon))
    return found
