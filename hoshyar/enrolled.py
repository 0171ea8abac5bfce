"""`hoshyar device`: what is enrolled."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hoshyar.access import opened
from models.binding import bind
from records.clock import WallClock
from records.errors import BadMessage, InputError, SettingsError
from records.network import Area, DetectorChoice, Device, Lab, Network, Record, Series, Station
from store import registry

Item = TypeVar("Item", Lab, Station, Area, Device, Series)


class Addition(Record, frozen=True):
    """What a file adds: the tables of `case.toml`, each optional."""

    lab: tuple[Lab, ...] = ()
    station: tuple[Station, ...] = ()
    area: tuple[Area, ...] = ()
    device: tuple[Device, ...] = ()
    series: tuple[Series, ...] = ()
    detector: tuple[DetectorChoice, ...] = ()


def devices(data: Path | None) -> list[dict[str, Any]]:
    """Every device that was ever enrolled: id, station, lab, simulated, revoked."""
    with opened(data) as db:
        enrolled = registry.load(db)
    return [
        {
            "id": device.id,
            "station": device.station,
            "lab": enrolled.lab_of_device(device.id),
            "simulated": device.simulated,
            "revoked": device.id not in enrolled.device_number,
        }
        for device in enrolled.network.device
    ]


def add(file: Path, data: Path | None) -> str:
    """Enrol a file's tables beside what is there. Raises InputError that names what is wrong."""
    new = _read(file)
    with opened(data) as db:
        old = registry.load(db).network
        try:
            merged = _merged(old, new)
            # A detector that nobody can run would end the models of a running system.
            bind(merged)
            registry.enrol(db, merged)
        except (SettingsError, BadMessage) as error:
            raise InputError(f"{file}: {error}") from error
    return f"enrolled {len(new.device)} devices with {len(new.series)} series"


def revoke(device: str, data: Path | None) -> None:
    """Raises InputError for a device that isn't enrolled."""
    with opened(data) as db:
        registry.revoke_device(db, device, WallClock().now())


def _read(file: Path) -> Addition:
    try:
        if str(file) == "-":
            return msgspec.json.decode(sys.stdin.buffer.read(), type=Addition)
        if file.suffix == ".json":
            return msgspec.json.decode(file.read_bytes(), type=Addition)
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Addition)
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise InputError(f"{file}: {error}") from error


def _merged(old: Network, new: Addition) -> Network:
    """The new items beside the old ones; the same id is described anew."""
    return Network(
        lab=_with(old.lab, new.lab),
        station=_with(old.station, new.station),
        area=_with(old.area, new.area),
        device=_with(old.device, new.device),
        series=_with(old.series, new.series),
        detector=new.detector or old.detector,
    )


def _with(old: tuple[Item, ...], new: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(({item.id: item for item in old} | {item.id: item for item in new}).values())
