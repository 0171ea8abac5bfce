"""`hoshyar device`: what is enrolled."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hoshyar.access import opened
from hoshyar.credentials import STAGES_PREFIX, PasswordFile
from models.binding import bind
from records.clock import WallClock
from records.errors import BadMessage, InputError, SettingsError
from records.network import Area, DetectorChoice, Device, Lab, Network, Record, Series, Station
from store import numbering, registry

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
    """Every device that was ever enrolled: id, station, lab, simulated, best_effort, revoked."""
    with opened(data) as db:
        enrolled = registry.load(db)
        best_effort = numbering.best_effort(db)
    return [
        {
            "id": device.id,
            "station": device.station,
            "lab": enrolled.lab_of_device(device.id),
            "simulated": device.simulated,
            "best_effort": device.id in best_effort,
            "revoked": device.id not in enrolled.device_number,
        }
        for device in enrolled.network.device
    ]


class Enrolled(Record, frozen=True):
    """How much a file added, and the passwords that were made for its devices, by id."""

    devices: int
    series: int
    passwords: dict[str, str]


def add(file: Path, data: Path | None, passwords: Path | None = None) -> Enrolled:
    """Enrol a file's tables beside what is there.

    With a password file, each real device of the file that has no password yet gets one; the
    simulated ones share the simulation's. Raises InputError that names what is wrong.
    """
    new = _read(file)
    known = None if passwords is None else _Known(passwords)
    wanting = [] if known is None else known.wanting([d.id for d in new.device if not d.simulated])
    with opened(data) as db:
        old = registry.load(db).network
        try:
            merged = _merged(old, new)
            # A detector that nobody can run would end the models of a running system.
            bind(merged)
            registry.enrol(db, merged)
        except (SettingsError, BadMessage) as error:
            raise InputError(f"{file}: {error}") from error
    made = {} if known is None else {device: known.give(device) for device in wanting}
    return Enrolled(devices=len(new.device), series=len(new.series), passwords=made)


def revoke(device: str, data: Path | None, passwords: Path | None = None) -> None:
    """Also out of the password file, where one is named. Raises InputError."""
    with opened(data) as db:
        registry.revoke_device(db, device, WallClock().now())
    if passwords is not None:
        _Known(passwords).take_away(device)


def renew(device: str, data: Path | None, passwords: Path) -> str:
    """A new password for an enrolled device in place of its old one. Raises InputError."""
    with opened(data) as db:
        enrolled = registry.load(db).device_number
    if device not in enrolled:
        raise InputError(f"device {device!r} is not enrolled")
    known = _Known(passwords)
    known.refuse_reserved([device])
    return known.give(device)


class _Known:
    """The password file at a path. Raises InputError where it can't be read or written."""

    def __init__(self, path: Path) -> None:
        self._file = PasswordFile(path)

    def wanting(self, devices: list[str]) -> list[str]:
        """Those without a password."""
        self.refuse_reserved(devices)
        with self._said():
            users = self._file.users()
        return [device for device in devices if device not in users]

    def refuse_reserved(self, devices: list[str]) -> None:
        for device in devices:
            if device.startswith(STAGES_PREFIX):
                raise InputError(
                    f"device {device!r}: names that begin with {STAGES_PREFIX} are the stages' own"
                    " at the broker: give it another id"
                )

    def give(self, device: str) -> str:
        with self._said():
            return self._file.add(device)

    def take_away(self, device: str) -> None:
        with self._said():
            self._file.remove(device)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self._file.path}: {error.strerror}") from error


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
