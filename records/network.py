"""Labs, stations, devices, series and areas: what the registry holds and a case describes."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from records.errors import InputError
from records.quantities import QUANTITIES, conversion

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}\Z"
Slug = Annotated[str, Meta(pattern=SLUG)]
_SLUG = re.compile(SLUG)


def is_slug(text: str) -> bool:
    return _SLUG.match(text) is not None


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value that is the same in Python, JSON and TOML."""


class Lab(Record, frozen=True):
    id: Slug
    name: str = ""


class Area(Record, frozen=True):
    """Where an alert applies: `polygon` is (lat, lon) corners in degrees WGS 84, not closed."""

    id: Slug
    lab: Slug
    names: dict[str, str] = {}
    polygon: tuple[tuple[float, float], ...] = ()


class Station(Record, frozen=True):
    """A place. Latitude and longitude in degrees WGS 84; `travel_s` from `downstream_of` to here.

    `area` is where its alerts apply (the lab's own area when empty).
    """

    id: Slug
    lab: Slug
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    name: str = ""
    names: dict[str, str] = {}
    area: str = ""
    elevation_m: float | None = None
    river_km: float | None = None
    downstream_of: str | None = None
    travel_s: float | None = None


class Device(Record, frozen=True):
    """A sender. `simulated` follows its data and can't be removed."""

    id: Slug
    station: Slug
    simulated: bool = False


class Thresholds(Record, frozen=True):
    """Limits of a series in its unit; a limit that is None is not set."""

    yellow: float | None = None
    orange: float | None = None
    red: float | None = None


class Series(Record, frozen=True):
    """One sensing point's one quantity at a station.

    `unit` is the UCUM unit its values are stored in; `interval_s` the sampling interval;
    `late_after_s` how old a reading may be on arrival and still be live; after three intervals
    (or `late_after_s`, whichever is longer) without a reading the series is blind. Where nobody
    said the interval, detectors go by the steps that the series shows.
    """

    id: str
    station: Slug
    device: Slug
    quantity: str
    unit: str
    point: Slug = "main"
    interval_s: float | None = None
    late_after_s: float = 600.0
    thresholds: Thresholds = Thresholds()

    def blind_after_s(self) -> float:
        """Silence (s since the last arrival) after which nobody can say how this series is."""
        return max(3 * self.interval_s if self.interval_s else 0.0, self.late_after_s)


class DetectorChoice(Record, frozen=True):
    """A detector on series (ids) or on all series of stations (ids); all when both are empty."""

    name: str
    series: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    params: dict[str, Any] = {}


class Network(Record, frozen=True):
    """Everything the registry knows of who measures what and where."""

    lab: tuple[Lab, ...]
    station: tuple[Station, ...]
    device: tuple[Device, ...]
    series: tuple[Series, ...]
    area: tuple[Area, ...] = ()
    detector: tuple[DetectorChoice, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("lab", "station", "device", "series", "area"):
            ids = [item.id for item in getattr(self, kind)]
            for twice in {i for i in ids if ids.count(i) > 1} if len(set(ids)) < len(ids) else ():
                raise InputError(f"{kind} {twice!r} is described twice")
        labs, areas = {x.id for x in self.lab}, {x.id for x in self.area}
        stations, devices = {x.id for x in self.station}, {x.id for x in self.device}
        for station in self.station:
            _known("lab", station.lab, labs, f"station {station.id!r}")
            if station.area:
                _known("area", station.area, areas, f"station {station.id!r}")
            if station.downstream_of:
                _known("station", station.downstream_of, stations, f"station {station.id!r}")
        for device in self.device:
            _known("station", device.station, stations, f"device {device.id!r}")
        for series in self.series:
            _known("station", series.station, stations, f"series {series.id!r}")
            _known("device", series.device, devices, f"series {series.id!r}")
            _known("quantity", series.quantity, QUANTITIES.keys(), f"series {series.id!r}")
            conversion(series.unit, QUANTITIES[series.quantity].unit)

    def lab_of(self, station: str) -> str:
        return next(s.lab for s in self.station if s.id == station)


def _known(kind: str, name: str, known: Any, whose: str) -> None:
    if name not in known:
        raise InputError(f"{whose} names the {kind} {name!r}, which is not described")
