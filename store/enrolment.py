"""Writing a network into the registry's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from records.errors import InputError
from records.network import DetectorChoice, Device, Network, Series
from store.connection import Database
from store.directory import Registry
from store.text import moment


def write(db: Database, network: Network, now_at: int) -> None:
    """Inside a transaction: insert or change everything the network describes."""
    Registry.of(network)  # refuses two series on one channel before anything is written
    _places(db, network)
    _devices(db, network.device)
    _series(db, network.series)
    _deploy(db, network.series, now_at)


def choose(db: Database, choices: Sequence[DetectorChoice]) -> None:
    """Inside a transaction: these detector choices instead of the stored ones."""
    db.run("DELETE FROM detector_choice")
    db.run_many(
        "INSERT INTO detector_choice VALUES (%s, %s, %s, %s, %s::json)",
        [
            (place, choice.name, list(choice.series), list(choice.stations), _json(choice.params))
            for place, choice in enumerate(choices)
        ],
    )


def _places(db: Database, network: Network) -> None:
    db.run_many(_upsert("lab", "id", "name"), [(lab.id, lab.name) for lab in network.lab])
    db.run_many(
        _upsert("area", "id", "lab", "names", "polygon"),
        [(area.id, area.lab, _json(area.names), _json(area.polygon)) for area in network.area],
    )
    columns = (
        "id", "lab", "area", "lat", "lon", "name", "names", "elevation_m", "river_km",
        "downstream_of", "travel_s",
    )  # fmt: skip
    db.run_many(
        _upsert("station", *columns),
        [
            tuple(_cell(name, getattr(station, name)) for name in columns)
            for station in network.station
        ],
    )


def _devices(db: Database, devices: Sequence[Device]) -> None:
    stored = dict(db.run("SELECT id, simulated FROM device"))
    for device in devices:
        if stored.get(device.id, device.simulated) != device.simulated:
            raise InputError(
                f"device {device.id!r} is enrolled as {_kind(stored[device.id])}, and the mark"
                f" can't be changed: give the {_kind(device.simulated)} one another id"
            )
    db.run_many(
        _upsert("device", "id", "station", "simulated"),
        [(device.id, device.station, device.simulated) for device in devices],
    )


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"


def _series(db: Database, series: Sequence[Series]) -> None:
    stored = {row[0]: row[1:] for row in db.run("SELECT id, station, quantity, unit FROM series")}
    for one in series:
        wanted = (one.station, one.quantity, one.unit)
        if stored.get(one.id, wanted) != wanted:
            raise InputError(
                f"series {one.id!r} is stored as {' '.join(stored[one.id])}, not"
                f" {' '.join(wanted)}: give the new one another id"
            )
    columns = ("id", "station", "point", "quantity", "unit", "interval_s", "late_after_s")
    limits = ("yellow", "orange", "red")
    db.run_many(
        _upsert("series", *columns, *limits),
        [
            (
                *(getattr(one, name) for name in columns),
                *(getattr(one.thresholds, name) for name in limits),
            )
            for one in series
        ],
    )


def _deploy(db: Database, series: Sequence[Series], now_at: int) -> None:
    feeds = (
        [one.id for one in series],
        [one.device for one in series],
        [one.point for one in series],
        [one.quantity for one in series],
    )
    wanted = (
        "SELECT s.number AS series, v.number AS device, w.point, w.quantity"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
        " w (series, device, point, quantity)"
        " JOIN series s ON s.id = w.series JOIN device v ON v.id = w.device"
    )
    db.run(
        f"UPDATE deployment d SET until_at = %s FROM ({wanted}) w WHERE d.series = w.series"
        " AND d.until_at IS NULL AND (d.device, d.point, d.quantity)"
        " IS DISTINCT FROM (w.device, w.point, w.quantity)",
        (moment(now_at), *feeds),
    )
    db.run(
        "INSERT INTO deployment (series, device, point, quantity, from_at)"
        f" SELECT w.*, %s FROM ({wanted}) w WHERE NOT EXISTS"
        " (SELECT FROM deployment d WHERE d.series = w.series AND d.until_at IS NULL)"
        " ON CONFLICT (series, from_at) DO UPDATE SET device = excluded.device,"
        " point = excluded.point, quantity = excluded.quantity, until_at = NULL",
        (moment(now_at), *feeds),
    )


def _upsert(table: str, key: str, *others: str) -> str:
    columns = (key, *others)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('%s' for _ in columns)})"
        f" ON CONFLICT ({key}) DO UPDATE SET"
        f" {', '.join(f'{name} = excluded.{name}' for name in others)}"
    )


def _cell(name: str, value: Any) -> Any:
    if name == "names":
        return _json(value)
    return (value or None) if name == "area" else value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
