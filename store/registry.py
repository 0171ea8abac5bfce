"""The registry in the database: enrolled once and again, each change a new version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from records.clock import Clock, WallClock
from records.errors import InputError
from records.network import Area, DetectorChoice, Device, Lab, Network, Record, Series, Station
from store import enrolment, foreign, history, rules
from store.connection import Database
from store.directory import Registry
from store.text import moment

__all__ = ["Registry", "add_device", "enrol", "load", "load_as_of", "revoke_device", "version"]

_WALL = WallClock()
_TURN = 0x72656769

Item = TypeVar("Item", bound=Record)


def version(db: Database) -> int:
    """Grows with every change of the registry."""
    return int(db.run("SELECT version FROM registry")[0][0])


def enrol(db: Database, network: Network, clock: Clock = _WALL) -> None:
    """Add what is new and change what differs; what the network does not name stays.

    A series that gets another device is deployed anew from the clock's now on. The detector choices
    are replaced. The same network again changes nothing. Raises InputError where a series would
    change its place, quantity or unit, or a device its simulated mark: that takes a new id.
    """
    with db.transaction():
        before = _begin(db)
        enrolment.write(db, network, clock.now())
        enrolment.choose(db, network.detector)
        _end(db, before)


def add_device(
    db: Database, device: Device, series: Sequence[Series] = (), clock: Clock = _WALL
) -> None:
    """Enrol one device at a known station, with the series it feeds. Errors as for `enrol`."""
    with db.transaction():
        before = _begin(db)
        old = before.network
        devices = (*(d for d in old.device if d.id != device.id), device)
        fed = {one.id for one in series}
        all_series = (*(s for s in old.series if s.id not in fed), *series)
        network = msgspec.structs.replace(old, device=devices, series=all_series)
        enrolment.write(db, network, clock.now())
        _end(db, before)


def revoke_device(db: Database, id_: str, now_at: int) -> None:
    """From now on the device's messages are those of an unknown one. Raises InputError."""
    with db.transaction():
        before = _begin(db)
        if not db.run(
            "UPDATE device SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s RETURNING 1",
            (moment(now_at), id_),
        ):
            raise InputError(f"there is no device {id_!r}")
        _end(db, before)


def _begin(db: Database) -> Registry:
    db.run("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    return load(db)


def _end(db: Database, before: Registry) -> None:
    after = load(db)
    same = after.network == before.network and after.device_number == before.device_number
    if not same:
        db.run("UPDATE registry SET version = version + 1")
        history.keep(db, before, load(db))
        db.run("NOTIFY registry")


def load_as_of(db: Database, as_of: int) -> Registry:
    """The registry as it was at a moment (microseconds), from the program's clock."""
    found = history.version_at(db, as_of) or load(db)
    return replace(found, rules=rules.current(db, as_of))


def load(db: Database) -> Registry:
    """The registry as it is now: devices and series in the order they were enrolled."""
    with db.transaction():
        series = _series(db)
        network = Network(
            lab=_items(Lab, db.run("SELECT id, name FROM lab ORDER BY id")),
            area=_items(
                Area, db.run("SELECT id, lab, names::text, polygon::text FROM area ORDER BY id")
            ),
            station=_items(
                Station,
                db.run(
                    "SELECT id, lab, lat, lon, name, names::text, coalesce(area, ''), elevation_m,"
                    " river_km, downstream_of, travel_s FROM station ORDER BY id"
                ),
            ),
            device=_items(
                Device, db.run("SELECT id, station, simulated FROM device ORDER BY number")
            ),
            series=series,
            detector=_choices(db),
        )
        numbers = dict(db.run("SELECT id, number FROM series"))
        devices = dict(db.run("SELECT id, number FROM device WHERE revoked_at IS NULL"))
        simulated = db.run(
            "SELECT DISTINCT d.series FROM deployment d JOIN device v ON v.number = d.device"
            " WHERE v.simulated"
        )
        return Registry.build(
            network,
            version(db),
            numbers,
            devices,
            (row[0] for row in simulated),
            foreign.load(db),
            rules.current(db),
        )


def _series(db: Database) -> tuple[Series, ...]:
    rows = db.run(
        "SELECT s.id, s.station, v.id, s.quantity, s.unit, s.point, s.interval_s, s.late_after_s,"
        " s.yellow, s.orange, s.red FROM series s JOIN deployment d ON d.series = s.number"
        " AND d.until_at IS NULL JOIN device v ON v.number = d.device ORDER BY s.number"
    )
    names = Series.__struct_fields__[:-1]
    return tuple(
        msgspec.convert(
            {
                **dict(zip(names, row[:-3], strict=True)),
                "thresholds": dict(zip(("yellow", "orange", "red"), row[-3:], strict=True)),
            },
            Series,
        )
        for row in rows
    )


def _choices(db: Database) -> tuple[DetectorChoice, ...]:
    return _items(
        DetectorChoice,
        db.run("SELECT name, series, stations, params::text FROM detector_choice ORDER BY place"),
    )


_JSON = frozenset({"names", "polygon", "params"})


def _items(kind: type[Item], rows: Iterable[Sequence[Any]]) -> tuple[Item, ...]:
    """Rows whose columns are the record's fields, in their order."""
    return tuple(
        msgspec.convert(
            {
                name: msgspec.json.decode(value) if name in _JSON else value
                for name, value in zip(kind.__struct_fields__, row, strict=True)
            },
            kind,
        )
        for row in rows
    )
